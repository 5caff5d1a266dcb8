"""A .dnipack is exact to the byte, and comes back out as the pack that went in."""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from pathlib import Path

import pytest
from tests.small import write_pack

from dnid.errors import BadInput, PackDamaged
from dnid.packs.archive import unpack
from dnid.packs.verify import verify
from dnipack.archive import write_archive


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def literal_zip(content: dict[str, bytes]) -> bytes:
    """The archive as FORMAT.md tells of it, number by number."""
    body, directory = b"", b""
    for name, data in content.items():
        sizes = struct.pack("<LLLHH", zlib.crc32(data), len(data), len(data), len(name), 0)
        directory += b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x00\x00\x00\x00\x21\x00" + sizes
        directory += b"\x00\x00\x00\x00\x00\x00\x00\x00\xa4\x81" + struct.pack("<L", len(body))
        directory += name.encode()
        body += b"PK\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00\x21\x00" + sizes
        body += name.encode() + data
    count = len(content)
    end = b"PK\x05\x06\x00\x00\x00\x00" + struct.pack(
        "<HHLLH", count, count, len(directory), len(body), 0
    )
    return body + directory + end


def test_exact_bytes(tmp_path: Path) -> None:
    """Manifest, anchors in its order, documents by name, then the hashes of all of them."""
    pack = write_pack(tmp_path)
    (pack / "b.md").write_bytes(b"B")
    (pack / "A.png").write_bytes(b"A")
    write_archive(pack, tmp_path / "x.dnipack")
    names = [
        "manifest.json",
        *(f"{n}.safetensors" for n in ("low", "mid", "high")),
        "A.png",
        "b.md",
    ]
    content = {name: (pack / name).read_bytes() for name in names}
    sums = "".join(f"{hashlib.sha256(d).hexdigest()}  {n}\n" for n, d in content.items())
    expected = literal_zip(content | {"SHA256SUMS": sums.encode()})
    assert (tmp_path / "x.dnipack").read_bytes() == expected


def test_the_same_pack_gives_the_same_bytes(tmp_path: Path) -> None:
    """Whatever the folder's times, modes, place and order on the disk."""
    first, second = write_pack(tmp_path / "a"), write_pack(tmp_path / "b")
    for path in sorted(second.iterdir(), reverse=True):
        path.chmod(0o600)
        os.utime(path, (1, 1))
    write_archive(first, tmp_path / "1")
    write_archive(second, tmp_path / "2")
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_what_went_in_comes_out(tmp_path: Path) -> None:
    """File by file; packed again it is the same archive."""
    pack = write_pack(tmp_path)
    (pack / "CARD.md").write_text("σ\n")
    write_archive(pack, tmp_path / "x.dnipack")
    (tmp_path / "out").mkdir()
    folder = unpack(tmp_path / "x.dnipack", tmp_path / "out")
    assert folder == tmp_path / "out" / "denoise"
    assert files(folder) == files(pack) | {"SHA256SUMS": verify(pack).sums}
    write_archive(folder, tmp_path / "y.dnipack")
    assert (tmp_path / "x.dnipack").read_bytes() == (tmp_path / "y.dnipack").read_bytes()


def test_what_is_no_part_of_a_pack_is_left_out(tmp_path: Path) -> None:
    """Nothing that could be run or that the author forgot there goes to strangers."""
    pack = write_pack(tmp_path)
    for name in (".env", "report.html", "low.safetensors.partial", "run.sh", "Manifest.json"):
        (pack / name).write_text("x")
    (pack / "checkpoints.md").mkdir()
    with pytest.raises(PackDamaged, match=r"checkpoints\.md is a folder"):
        write_archive(pack, tmp_path / "x.dnipack")
    (pack / "checkpoints.md").rename(pack / "checkpoints")
    packed = write_archive(pack, tmp_path / "x.dnipack")
    assert packed.files == (
        "manifest.json", "low.safetensors", "mid.safetensors", "high.safetensors", "SHA256SUMS",
    )  # fmt: skip
    assert packed.left_out == (
        ".env", "Manifest.json", "checkpoints", "low.safetensors.partial", "report.html", "run.sh",
    )  # fmt: skip


def test_a_link_is_not_packed(tmp_path: Path) -> None:
    """What it leads to might be nobody's business."""
    pack = write_pack(tmp_path)
    (tmp_path / "secret").write_text("x")
    (pack / "CARD.md").symlink_to(tmp_path / "secret")
    with pytest.raises(PackDamaged, match=r"CARD\.md is a link"):
        write_archive(pack, tmp_path / "x.dnipack")
    assert not (tmp_path / "x.dnipack").exists()


def test_a_broken_pack_is_not_packed(tmp_path: Path) -> None:
    """And the archive of before stays as it was."""
    pack = write_pack(tmp_path)
    (tmp_path / "x.dnipack").write_text("before")
    (pack / "mid.safetensors").write_bytes(b"")
    with pytest.raises(PackDamaged, match="mid"):
        write_archive(pack, tmp_path / "x.dnipack")
    assert (tmp_path / "x.dnipack").read_text() == "before"


def test_an_archive_that_cannot_be_written(tmp_path: Path) -> None:
    """The system's word for it is told, and nothing is left."""
    pack = write_pack(tmp_path)
    with pytest.raises(BadInput, match=r"Cannot write .*No such file"):
        write_archive(pack, tmp_path / "missing" / "x.dnipack")
    assert [path.name for path in tmp_path.iterdir()] == ["denoise"]
