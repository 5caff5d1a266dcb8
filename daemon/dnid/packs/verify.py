"""Everything that can be verified of a pack's folder."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from dnid.errors import PackDamaged
from dnid.packs.files import read_file
from dnid.packs.layout import (
    MANIFEST,
    MAX_DOCUMENT_BYTES,
    MAX_SIGNATURE_BYTES,
    MAX_SUMS_BYTES,
    SIGNATURE,
    SUMS,
    format_sums,
    in_order,
    weight_files,
)
from dnid.packs.licence import check_licences
from dnid.packs.signature import check_signature
from dnid.packs.store import Pack, read_pack


@dataclass(frozen=True)
class Verified:
    pack: Pack
    sums: bytes
    """What SHA256SUMS of this folder is, whether it lies there or not."""
    signature: bytes | None
    """That of minisign, as it lies there."""
    signed_by_key: str | None
    """The trusted comment, where a key was given."""


def verify(folder: Path, key: str | None = None) -> Verified:
    """Manifest, lineage, licences, every weight, every hash, and with a key the signature.

    Raises PackDamaged with the bare fault, and BadInput for a bad key.
    """
    pack = verify_pack(folder)
    sums = compute_sums(pack)
    signature = _read_signature(folder, sums)
    comment = None
    if key is not None:
        if signature is None:
            raise PackDamaged("The pack is not signed, and so not by this key.")
        comment = check_signature(sums, signature, key)
    return Verified(pack, sums, signature, comment)


def verify_pack(folder: Path) -> Pack:
    """All of that but SHA256SUMS and the signature. Raises PackDamaged with the bare fault."""
    pack = read_pack(folder)
    check_licences(pack.manifest)
    pack.verify()
    return pack


def compute_sums(pack: Pack) -> bytes:
    """SHA256SUMS of a pack whose weights were verified."""
    known = {MANIFEST: pack.sha256, **weight_files(pack.manifest)}
    names = in_order(pack.manifest, (path.name for path in pack.folder.iterdir()))
    return format_sums({name: known.get(name) or _hash(pack.folder / name) for name in names})


def _read_signature(folder: Path, sums: bytes) -> bytes | None:
    """Raises PackDamaged when SHA256SUMS lies there and does not fit."""
    present = {path.name for path in folder.iterdir()}
    if SUMS in present and (found := read_file(folder / SUMS, MAX_SUMS_BYTES)) != sums:
        raise PackDamaged(f"{SUMS} does not fit: {_first_difference(found, sums)}.")
    if SIGNATURE not in present:
        return None
    if SUMS not in present:
        raise PackDamaged(f"There is {SIGNATURE}, but not what it signs.")
    return read_file(folder / SIGNATURE, MAX_SIGNATURE_BYTES)


def _first_difference(found: bytes, sums: bytes) -> str:
    listed, actual = found.splitlines(), sums.splitlines()
    for line in actual:
        if line not in listed:
            return f"{line[66:].decode()} is not the file of its author"
    return "it names files that are not there, or twice, or in another order"


def _hash(path: Path) -> str:
    return hashlib.sha256(read_file(path, MAX_DOCUMENT_BYTES)).hexdigest()
