"""Read a .dnipack: a zip of a pack's files, stored, of which every byte is fixed (FORMAT.md).

Only one sequence of bytes stands for a pack, so whatever a zip can hide (a second
name, a gap, a comment, another way to count) is found by comparing with that one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from dnid.errors import PackDamaged
from dnid.packs.files import open_file
from dnid.packs.layout import (
    MANIFEST,
    MAX_DOCUMENT_BYTES,
    MAX_FILES,
    MAX_SIGNATURE_BYTES,
    MAX_SUMS_BYTES,
    SIGNATURE,
    SUMS,
    in_order,
    is_document,
)
from dnid.packs.manifest import MAX_MANIFEST_BYTES, Manifest, parse

SUFFIX = ".dnipack"
MAX_ARCHIVE_BYTES = (1 << 32) - 2
"""Beyond it a zip counts in another way."""

_END = struct.Struct("<4s4H2LH")
_MAX_DIRECTORY = MAX_FILES * 256
_MODE = stat.S_IFREG | 0o644


def entry(name: str) -> zipfile.ZipInfo:
    """How a file stands in every archive: the same time, system and mode."""
    info = zipfile.ZipInfo(name)  # stored, 1980-01-01
    info.create_system = 3
    info.external_attr = _MODE << 16
    return info


def unpack(path: Path, parent: Path) -> Path:
    """Write the pack's folder, named by its id, below `parent`; return it.

    Its structure is verified before a file is written; what the files hold is not.
    Raises PackDamaged with the bare fault, and OSError when the folder cannot be written.
    """
    with _opened(path) as (archive, entries):
        manifest = parse(_read_manifest(archive, entries))
        _check_names(manifest, list(entries))
        folder = parent / manifest.id
        folder.mkdir()
        for info in entries.values():
            _extract(archive, info, folder / info.filename)
    return folder


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]]:
    with open_file(path) as (file, size):
        try:
            directory = _find_directory(file, size)
            with zipfile.ZipFile(file) as archive:
                _check_entries(file, archive.infolist(), directory)
                yield archive, {info.filename: info for info in archive.infolist()}
        except _NO_ZIP as error:
            raise PackDamaged(f"It is not a sound zip: {str(error)[:200]!r}.") from error


_NO_ZIP = (
    zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, ValueError,
    LookupError, EOFError, struct.error,
)  # fmt: skip


def _find_directory(file: BinaryIO, size: int) -> int:
    """Where the list of entries begins; it is short, so that reading it costs little."""
    if size > MAX_ARCHIVE_BYTES:
        raise PackDamaged(f"It has {size} bytes; an archive has at most {MAX_ARCHIVE_BYTES}.")
    file.seek(max(0, size - _END.size - 20))
    tail = file.read()
    end = tail[-_END.size :]
    if len(end) < _END.size or not end.startswith(b"PK\x05\x06"):
        raise PackDamaged("It is not a zip, or not whole, or a comment follows it.")
    count, length, directory = (int(value) for value in _END.unpack(end)[4:7])
    if count > MAX_FILES or length > _MAX_DIRECTORY:
        raise PackDamaged(f"It lists more than the {MAX_FILES} files that a pack may have.")
    plain = _END.pack(b"PK\x05\x06", 0, 0, count, count, length, directory, 0)
    gap = size - _END.size - length - directory
    if end != plain or gap or tail.startswith(b"PK\x06\x07"):
        raise PackDamaged("It holds more than its files: bytes before, between or after them.")
    return directory


def _check_entries(file: BinaryIO, entries: list[zipfile.ZipInfo], directory: int) -> None:
    """The files follow one another from the first byte to the list, and then nothing else:
    headers and list are written anew from names, sizes and checksums, and compared."""
    seen: set[str] = set()
    place, listed = 0, b""
    for info in entries:
        if fault := _fault(info, seen):
            raise PackDamaged(f"{info.orig_filename[:80]!r} in the archive {fault}.")
        seen.add(info.filename.lower())
        header = _header(info)
        file.seek(place)
        if file.read(len(header)) != header:
            raise PackDamaged(f"{info.filename!r} in the archive has another time, kind or place.")
        listed += b"PK\x01\x02\x14\x03" + header[4:30]
        listed += struct.pack("<6x2L", _MODE << 16, place) + header[30:]
        place += len(header) + info.file_size
    count = len(entries)
    listed += _END.pack(b"PK\x05\x06", 0, 0, count, count, len(listed), place, 0)
    file.seek(directory)
    if file.read(_MAX_DIRECTORY + _END.size) != listed:
        raise PackDamaged("Its list of files is not the one that FORMAT.md fixes.")


def _header(info: zipfile.ZipInfo) -> bytes:
    """What stands before the data of a file of this name, size and checksum."""
    plain = entry(info.filename)
    plain.CRC, plain.file_size, plain.compress_size = info.CRC, info.file_size, info.file_size
    return plain.FileHeader(zip64=False)


def _fault(info: zipfile.ZipInfo, seen: set[str]) -> str | None:
    name = info.orig_filename  # `filename` ends at a NUL
    if info.flag_bits & 0x41:
        return "is encrypted, and a pack is for everyone"
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        return "is compressed, and a pack is stored as it is"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a link, and a pack holds plain files"
    if name not in (MANIFEST, SUMS, SIGNATURE) and not (
        is_document(name) or (name.endswith(".safetensors") and "/" not in name)
    ):
        return "has a name that no file of a pack has"
    if name.lower() in seen:
        return "stands there twice"
    return None


def _check_names(manifest: Manifest, names: list[str]) -> None:
    expected = [*in_order(manifest, names), SUMS, SIGNATURE]
    for name in expected[:-1]:
        if name not in names:
            raise PackDamaged(f"There is no {name} in the archive.")
    for name in names:
        if name not in expected:
            raise PackDamaged(f"{name!r} in the archive is named nowhere in {MANIFEST}.")
    if names != expected[: len(names)]:
        raise PackDamaged("The files are not in the order of FORMAT.md.")


def _read_manifest(archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo]) -> bytes:
    if (info := entries.get(MANIFEST)) is None:
        raise PackDamaged(f"There is no {MANIFEST} in the archive.")
    _check_size(info)
    return archive.read(info)


def _extract(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    """The zip's own checksum is verified on the way, and the bytes are on the disk after it."""
    _check_size(info)
    with archive.open(info) as source, target.open("xb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())


def _check_size(info: zipfile.ZipInfo) -> None:
    limits = {
        MANIFEST: MAX_MANIFEST_BYTES, SUMS: MAX_SUMS_BYTES, SIGNATURE: MAX_SIGNATURE_BYTES,
    }  # fmt: skip
    fallback = MAX_DOCUMENT_BYTES if is_document(info.filename) else MAX_ARCHIVE_BYTES
    if info.file_size > (limit := limits.get(info.filename, fallback)):
        raise PackDamaged(f"{info.filename} has {info.file_size} bytes; {limit} are allowed.")
