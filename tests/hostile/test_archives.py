"""A .dnipack from a stranger: whatever a zip can hide is found, named, and not installed."""

from __future__ import annotations

import io
import os
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fuzz_packs import Fuzzer, fuzz_bytes, fuzz_manifests, sealed_zip
from tests.small import write_pack

from dnid.errors import PackDamaged
from dnid.packs import install
from dnid.packs.archive import entry
from dnid.packs.store import PackStore
from dnipack.archive import write_archive

Content = dict[str, bytes]


@pytest.fixture
def content(tmp_path: Path) -> Content:
    """Return the files of a sound pack, in the order of its archive, without their hashes."""
    write_archive(write_pack(tmp_path / "made"), tmp_path / "sound.dnipack")
    with zipfile.ZipFile(tmp_path / "sound.dnipack") as archive:
        return {n: archive.read(n) for n in archive.namelist() if n != "SHA256SUMS"}


def zipped(content: Content) -> bytes:
    return sealed_zip(list(content.items()), None)


def refused(tmp_path: Path, data: bytes, said: str) -> None:
    """In one sentence, and the folder of packs is as empty as before."""
    (tmp_path / "x.dnipack").write_bytes(data)
    own = tmp_path / "own"
    with pytest.raises(PackDamaged, match=said) as caught:
        install.add(tmp_path / "x.dnipack", own, PackStore([]))
    assert str(caught.value).isprintable()
    assert str(caught.value).endswith("; nothing was installed; get a sound copy from its author.")
    assert {path.name for path in own.rglob("*")} == {".work", "lock", "new", "old", "gone"}


def test_the_sound_archive_is_accepted(tmp_path: Path, content: Content) -> None:
    """So what the tests below change is what is refused."""
    (tmp_path / "x.dnipack").write_bytes(zipped(content))
    assert zipped(content) == (tmp_path / "sound.dnipack").read_bytes()
    install.add(tmp_path / "x.dnipack", tmp_path / "own", PackStore([]))


@pytest.mark.parametrize(
    "name",
    [
        "../escaped.md",
        "/tmp/escaped.md",
        "a/../../escaped.md",
        "..\\escaped.md",
        "C:\\escaped.md",
        "sub/card.md",
        "sub/",
        ".hidden.md",
        "card.md\0.png",
        "c\u0430rd.md",
        "\u202egnp.md",
        "card\n.md",
        "x" * 300 + ".md",
        "run.sh",
        "report.html",
        "weights.pth",
        "",
    ],
)
def test_a_name_that_no_pack_has_is_refused(tmp_path: Path, content: Content, name: str) -> None:
    """Out of the folder, into another, unspeakable, or something that could be run."""
    refused(tmp_path, zipped(content | {name: b"x"}), "in the archive has a name that no file")
    assert not list(tmp_path.rglob("escaped*"))


@pytest.mark.parametrize("name", ["other.safetensors", "MANIFEST.JSON", "Manifest.json"])
def test_a_file_that_the_manifest_does_not_name(
    tmp_path: Path, content: Content, name: str
) -> None:
    """Nothing rides along."""
    refused(tmp_path, zipped(content | {name: b"x"}), "named nowhere|has a name that|twice")


@pytest.mark.parametrize("name", ["manifest.json", "mid.safetensors"])
def test_a_missing_file_is_named(tmp_path: Path, content: Content, name: str) -> None:
    """Be it the manifest, an anchor or the hashes."""
    del content[name]
    refused(tmp_path, zipped(content), f"no {name} in the archive")


def test_the_hashes_must_be_there(tmp_path: Path, content: Content) -> None:
    """SHA256SUMS is what a signature signs."""
    refused(tmp_path, rezipped(content, entry), "no SHA256SUMS in the archive")


def test_a_hash_that_does_not_fit(tmp_path: Path, content: Content) -> None:
    """The card is covered as the weights are."""
    sound = zipped(content | {"CARD.md": b"good"})
    with zipfile.ZipFile(io.BytesIO(sound)) as archive:
        everything = {name: archive.read(name) for name in archive.namelist()}
    changed = rezipped(everything | {"CARD.md": b"evil"}, entry)
    refused(tmp_path, changed, r"SHA256SUMS does not fit: CARD\.md is not the file")


def rezipped(content: Content, make: Callable[[str], zipfile.ZipInfo]) -> bytes:
    """By Python's own writer, each entry as `make` says."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in content.items():
            archive.writestr(make(name), data)
    return buffer.getvalue()


def compressed(name: str) -> zipfile.ZipInfo:
    info = entry(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def linked(name: str) -> zipfile.ZipInfo:
    info = entry(name)
    info.external_attr = 0o120777 << 16
    return info


def dated(name: str) -> zipfile.ZipInfo:
    info = entry(name)
    info.date_time = (2026, 11, 22, 12, 0, 0)
    return info


def executable(name: str) -> zipfile.ZipInfo:
    info = entry(name)
    info.external_attr = 0o100755 << 16
    return info


def remarked(name: str) -> zipfile.ZipInfo:
    info = entry(name)
    info.comment = b"x"
    return info


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (compressed, "is compressed, and a pack is stored"),
        (linked, "is a link, and a pack holds plain files"),
        (dated, "has another time"),
        (remarked, "list of files is not the one"),
        (executable, "list of files is not the one"),
    ],
)
def test_an_entry_of_another_kind_is_refused(
    tmp_path: Path, content: Content, make: Callable[[str], zipfile.ZipInfo], said: str
) -> None:
    """A bomb is told before it is unpacked: what is stored has no other size."""
    refused(tmp_path, rezipped(content, make), said)


def test_an_encrypted_entry_is_refused(tmp_path: Path, content: Content) -> None:
    """Its flag is in both places where a zip keeps it."""
    data = bytearray(zipped(content))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    refused(tmp_path, bytes(data), "is encrypted")


def test_an_entry_that_stands_there_twice(tmp_path: Path, content: Content) -> None:
    """Readers differ in which one counts; on some systems capitals do not."""
    for names in (["CARD.md", "CARD.md"], ["CARD.md", "card.md"]):
        files = [*content.items(), *((name, b"x") for name in names)]
        refused(tmp_path, sealed_zip(files, None), "stands there twice")


def test_a_shuffled_archive_is_refused(tmp_path: Path, content: Content) -> None:
    """One pack, one sequence of bytes."""
    shuffled = dict(sorted(content.items()))
    refused(tmp_path, zipped(shuffled), "not in the order")


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"#!/bin/sh\n" + data,
        lambda data: data + b"x",
        lambda data: data[:-1],
        lambda data: data[:-2] + b"\x01\x00x",
        lambda data: data[: data.index(b"PK\x01\x02")] + data,
        lambda data: b"",
        lambda data: data[:1000],
        lambda data: b"PK\x05\x06" + bytes(18),
        lambda data: b"\x80\x04\x95pickle" * 10,
        lambda data: data[:-22] + b"PK\x06\x07" + bytes(16) + data[-22:],
    ],
    ids=range(10),
)  # fmt: skip
def test_more_or_less_than_its_files_is_refused(
    tmp_path: Path, content: Content, change: Callable[[bytes], bytes]
) -> None:
    """Bytes before, between and after them, a comment, an end too soon, another format."""
    refused(tmp_path, change(zipped(content)), "not a zip|holds more than|not a sound zip|no manif")


def test_a_list_of_a_hundred_thousand_entries_is_not_read(tmp_path: Path) -> None:
    """Each would cost ten times its bytes."""
    one = struct.pack("<4s4B4H3L5H2L", b"PK\x01\x02", 20, 3, 20, 0, 0, 0, 0, 0x21, *[0] * 10) + b"x"
    directory = one * 100_000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, len(directory), 0, 0)
    refused(tmp_path, directory + end, "lists more than the 128 files")


def test_a_wrong_count_is_refused(tmp_path: Path, content: Content) -> None:
    """Some readers go by it, others by the length of the list."""
    data = bytearray(zipped(content))
    data[-14] = data[-12] = data[-12] - 1
    refused(tmp_path, bytes(data), "list of files is not the one")


def test_every_flipped_bit_is_found(tmp_path: Path, content: Content) -> None:
    """In the zip's own structure every one; in what the files hold some, by hash."""
    data = zipped(content)
    directory = data.index(b"PK\x01\x02")
    structure = [*range(44), *range(directory, directory + 60), *range(len(data) - 22, len(data))]
    chance = random.Random(1)  # noqa: S311 - not for secrets
    last = data.rindex(b"PK\x01\x02")
    structure += range(last, last + 56)  # nothing follows whose place could give it away
    for i in [*structure, *(chance.randrange(len(data)) for _ in range(20))]:
        flipped = bytearray(data)
        flipped[i] ^= 1 << chance.randrange(8)
        refused(tmp_path, bytes(flipped), r"x\.dnipack: ")


def test_a_pipe_instead_of_an_archive(tmp_path: Path) -> None:
    """Nobody waits for its writer; a folder and a device are told as well."""
    os.mkfifo(tmp_path / "pipe")
    for path, said in (
        (tmp_path / "pipe", "is a named pipe"),
        (tmp_path, "is a folder"),
        (Path("/dev/zero"), "is a device"),
    ):
        with pytest.raises(PackDamaged, match=said):
            install.add(path, tmp_path / "own", PackStore([]))


def test_some_hundred_broken_packs(tmp_path: Path) -> None:
    """A share of tests/fuzz_packs.py: success or one sentence, and nothing left over."""
    fuzzer = Fuzzer(tmp_path)
    fuzz_bytes(fuzzer, 400, 0, lambda _: None)
    fuzz_manifests(fuzzer, 100, 0)
    assert sum(fuzzer.outcomes.values()) == 501
    assert fuzzer.outcomes["archive bytes: refused"] > 100
    assert fuzzer.outcomes["manifest: refused"] > 50
