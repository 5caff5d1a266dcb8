"""Hashes, licences and signatures of a pack."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from tests.small import small_manifest, write_pack

from dnid.errors import BadInput, PackDamaged
from dnid.packs.archive import unpack
from dnid.packs.licence import check_licences
from dnid.packs.manifest import Manifest
from dnid.packs.verify import verify
from dnipack.archive import write_archive
from dnipack.commands.verify import lineage
from dnipack.signing import signer

minisign = pytest.importorskip("minisign")

SIGNATURE_EXAMPLE = b"""untrusted comment: signature from minisign secret key
RWQf6LRCGA9i59SLOFxz6NxvASXDJeRtuZykwQepbDEGt87ig1BNpWaVWuNrm73YiIiJbq71Wi+dP9eKL8OC351vwIasSSbXxwA=
trusted comment: timestamp:1555779966\tfile:test
QtKMXWyYcwdpZAlPF7tE2ENJkRd1ujvKjlj1m9RtHTBnZPa5WKU5uWRs5GoP5M/VqE81QFuMKI5k/SfNQUaOAA==
"""


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """Return a secret key without a password and its public key, as files."""
    pair = minisign.KeyPair.generate()
    secret, public = tmp_path / "secret.key", tmp_path / "public.pub"
    secret.write_bytes(bytes(pair.secret_key) + b"\n")
    public.write_bytes(bytes(pair.public_key) + b"\n")
    return secret, public


def unpacked(tmp_path: Path, secret: Path | None = None) -> Path:
    write_archive(write_pack(tmp_path), tmp_path / "x.dnipack", signer(secret) if secret else None)
    (tmp_path / "out").mkdir()
    return unpack(tmp_path / "x.dnipack", tmp_path / "out")


def test_a_changed_card_is_found(tmp_path: Path) -> None:
    """SHA256SUMS holds every file, not the weights alone."""
    folder = write_pack(tmp_path)
    (folder / "CARD.md").write_text("good")
    (folder / "SHA256SUMS").write_bytes(verify(folder).sums)
    verify(folder)
    (folder / "CARD.md").write_text("evil")
    with pytest.raises(PackDamaged, match=r"SHA256SUMS does not fit: CARD\.md is not the file"):
        verify(folder)


@pytest.mark.parametrize("extra", [b"", b"\n", b"0" * 64 + b"  other.md\n"])
def test_sums_are_exact(tmp_path: Path, extra: bytes) -> None:
    """A line more, an empty one or none at all: the file is compared whole."""
    folder = write_pack(tmp_path)
    sums = verify(folder).sums
    (folder / "SHA256SUMS").write_bytes(sums + extra if extra else b"")
    with pytest.raises(PackDamaged, match="SHA256SUMS does not fit"):
        verify(folder)


def test_a_signature_is_verified(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    """With the key's file or its text; it tells what its maker said of the pack."""
    folder = unpacked(tmp_path, keys[0])
    assert verify(folder).signed_by_key is None
    for key in (str(keys[1]), keys[1].read_text().splitlines()[1]):
        assert verify(folder, key).signed_by_key == "denoise 1.2.3"


def test_a_signed_archive_is_reproducible(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    """Signing anew gives the same bytes, and packing what was unpacked keeps the signature."""
    folder = unpacked(tmp_path, keys[0])
    write_archive(tmp_path / "denoise", tmp_path / "again", signer(keys[0]))
    assert write_archive(folder, tmp_path / "repacked").signed
    first, *others = (tmp_path / n for n in ("x.dnipack", "again", "repacked"))
    assert all(other.read_bytes() == first.read_bytes() for other in others)


def test_a_signature_that_no_longer_fits_is_left_out(
    tmp_path: Path, keys: tuple[Path, Path]
) -> None:
    """The author changed a file; whoever signs must do it again."""
    folder = unpacked(tmp_path, keys[0])
    (folder / "CARD.md").write_text("new")
    assert not write_archive(folder, tmp_path / "y.dnipack").signed
    with pytest.raises(PackDamaged, match="SHA256SUMS does not fit"):
        verify(folder)


def test_another_key_is_refused(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    """As are a changed signature, one for other bytes, one that is none, and none at all."""
    other = bytes(minisign.KeyPair.generate().public_key).splitlines()[1].decode()
    folder = unpacked(tmp_path, keys[0])
    signature = (folder / "SHA256SUMS.minisig").read_bytes()
    with pytest.raises(PackDamaged, match="not by this key: incompatible key"):
        verify(folder, other)
    for broken in (signature.replace(b"1.2.3", b"1.2.4"), SIGNATURE_EXAMPLE, b"", b"\xff" * 100):
        (folder / "SHA256SUMS.minisig").write_bytes(broken)
        with pytest.raises(PackDamaged, match="The signature is not by this key"):
            verify(folder, str(keys[1]))
    (folder / "SHA256SUMS.minisig").unlink()
    with pytest.raises(PackDamaged, match="not signed"):
        verify(folder, str(keys[1]))


def test_a_signature_without_what_it_signs(tmp_path: Path) -> None:
    """It would stand for nothing."""
    folder = write_pack(tmp_path)
    (folder / "SHA256SUMS.minisig").write_bytes(SIGNATURE_EXAMPLE)
    with pytest.raises(PackDamaged, match="not what it signs"):
        verify(folder)


def test_keys_that_are_none(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    """They are the user's fault, not the pack's."""
    folder = unpacked(tmp_path, keys[0])
    broken = tmp_path / "broken"
    broken.write_bytes(b"\xff")
    for key in (str(broken), "RW" + "x" * 54, str(tmp_path), str(tmp_path / "missing")):
        with pytest.raises(BadInput, match="key"):
            verify(folder, key)
    for path in (broken, tmp_path / "missing", keys[1]):
        with pytest.raises(BadInput, match=r"key|cannot sign"):
            signer(path)


def test_a_key_with_a_password(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    """It is asked for, and a wrong one is told."""
    secret = minisign.SecretKey.from_file(keys[0])
    secret.encrypt("right", opslimit=32768, memlimit=16777216)
    keys[0].write_bytes(bytes(secret))
    sign = signer(keys[0], lambda asked: "right" if keys[0].name in asked else "")
    write_archive(write_pack(tmp_path), tmp_path / "x.dnipack", sign)
    with pytest.raises(BadInput, match="wrong password"):
        signer(keys[0], lambda _: "wrong")


def test_the_published_example_of_minisign() -> None:
    """Key, signature and text of the program's own documentation."""
    from dnid.packs.signature import check_signature

    key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
    comment = check_signature(b"test", SIGNATURE_EXAMPLE, key)
    assert comment == "timestamp:1555779966\tfile:test"
    with pytest.raises(PackDamaged):
        check_signature(b"tesT", SIGNATURE_EXAMPLE, key)


def manifest(licence: str, *anchors: str) -> Manifest:
    built = small_manifest({f"a{i}": hashlib.sha256().hexdigest() for i in range(3)})
    own = dict(enumerate(anchors))
    return replace(
        built,
        licence=licence,
        anchors=tuple(replace(a, licence=own.get(i, "")) for i, a in enumerate(built.anchors)),
    )


@pytest.mark.parametrize(
    ("licence", "anchors"),
    [
        ("CC0-1.0", ()),
        ("apache-2.0", ()),
        ("LicenseRef-Mine", ()),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ()),
        ("MIT AND BSD-3-Clause", ("MIT", "BSD-3-Clause")),
        ("CC-BY-4.0 AND (mit OR Apache-2.0)", ("MIT OR Apache-2.0", "", "CC-BY-4.0")),
    ],
)
def test_sound_licences(licence: str, anchors: tuple[str, ...]) -> None:
    """SPDX expressions; the blend's names all of its anchors'."""
    check_licences(manifest(licence, *anchors))


@pytest.mark.parametrize(
    ("licence", "anchors", "said"),
    [
        ("", (), "'' is no SPDX expression"),
        ("Free for all", (), "'Free for all' is no SPDX"),
        ("MIT AND", (), "no SPDX"),
        ("(" * 248 + "MIT" + ")" * 248, (), "no SPDX"),
        (" OR ".join(["MIT"] * 1000), (), "no SPDX"),
        ("MIT", ("public domain",), "'public domain' is no SPDX"),
        ("MIT", ("CC-BY-4.0",), "'a0' is under CC-BY-4.0, which the pack's licence lacks"),
        ("MIT", ("", "MIT AND GPL-2.0-only"), "'a1' is under GPL-2.0-only"),
    ],
)
def test_licences_that_do_not_fit(licence: str, anchors: tuple[str, ...], said: str) -> None:
    """No expression, or an anchor whose licence the blend would drop."""
    with pytest.raises(PackDamaged, match=said):
        check_licences(manifest(licence, *anchors))


def test_the_lineage_is_told_from_the_ancestor() -> None:
    """A line to each anchor without descendants."""
    built = manifest("MIT")
    a, b, c = built.anchors
    branched = replace(built, anchors=(a, b, replace(c, parent="a0")))
    assert lineage(built) == ["a0 → a1 → a2"]
    assert lineage(branched) == ["a0 → a1", "a0 → a2"]


def test_a_signature_is_four_lines(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    """In the form of minisign: prehashed Ed25519, and no date that would differ each time."""
    folder = unpacked(tmp_path, keys[0])
    untrusted, first, trusted, second = (
        (folder / "SHA256SUMS.minisig").read_bytes().decode().splitlines()
    )
    assert untrusted == "untrusted comment: dni-pack"
    assert trusted == "trusted comment: denoise 1.2.3"
    assert base64.b64decode(first)[:2] == b"ED"
    assert (len(base64.b64decode(first)), len(base64.b64decode(second))) == (74, 64)
