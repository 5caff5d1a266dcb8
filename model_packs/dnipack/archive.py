"""Write a .dnipack, the same bytes for the same pack each time (model_packs/FORMAT.md)."""

from __future__ import annotations

import contextlib
import hashlib
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dnid.errors import BadInput, PackDamaged
from dnid.packs.archive import MAX_ARCHIVE_BYTES, entry
from dnid.packs.files import read_file
from dnid.packs.layout import SIGNATURE, SUMS
from dnid.packs.manifest import Manifest
from dnid.packs.verify import compute_sums, verify_pack

Sign = Callable[[Manifest, bytes], bytes]
"""Manifest and SHA256SUMS → the signature of the latter."""


@dataclass(frozen=True)
class Packed:
    files: tuple[str, ...]
    left_out: tuple[str, ...]
    """What lies in the folder and is no part of a pack."""
    signed: bool


def write_archive(folder: Path, output: Path, sign: Sign | None = None) -> Packed:
    """Verify the pack in `folder` and write it to `output`.

    Without `sign` a signature that lies in the folder and still fits goes along.
    Raises PackDamaged with the bare fault, and BadInput where nothing can be written.
    """
    pack = verify_pack(folder)
    sums = compute_sums(pack)
    signature = sign(pack.manifest, sums) if sign else _old_signature(folder, sums)
    hashes = {line[66:]: line[:64] for line in sums.decode().splitlines()}
    with _beside(output) as partial, zipfile.ZipFile(partial, "w") as archive:
        for name, sha256 in hashes.items():
            archive.writestr(entry(name), _read(folder / name, sha256))
        archive.writestr(entry(SUMS), sums)
        if signature:
            archive.writestr(entry(SIGNATURE), signature)
    files = (*hashes, SUMS, *([SIGNATURE] if signature else []))
    left_out = sorted({path.name for path in folder.iterdir()} - {*files, SUMS})
    return Packed(files, tuple(left_out), signature is not None)


def _read(path: Path, sha256: str) -> bytes:
    data = read_file(path, MAX_ARCHIVE_BYTES)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise PackDamaged(f"{path.name} changed while it was packed.")
    return data


def _old_signature(folder: Path, sums: bytes) -> bytes | None:
    with contextlib.suppress(FileNotFoundError):
        if (folder / SUMS).read_bytes() == sums:
            return (folder / SIGNATURE).read_bytes()
    return None


@contextlib.contextmanager
def _beside(output: Path) -> Iterator[Path]:
    """A file that takes the name `output` once it is whole."""
    partial = output.with_name(output.name + ".partial")
    try:
        yield partial
        if partial.stat().st_size > MAX_ARCHIVE_BYTES:
            raise BadInput(f"The pack is larger than an archive can be ({MAX_ARCHIVE_BYTES} B).")
        partial.replace(output)
    except OSError as error:
        raise BadInput(f"Cannot write {output}: {error.strerror}.") from error
    finally:
        partial.unlink(missing_ok=True)
