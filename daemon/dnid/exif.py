"""EXIF in TIFF files, which libvips neither reads nor writes.

In a TIFF the EXIF fields are part of its own directory (Exif 2.32, §4.5), in
other formats they are a block, which is a small TIFF itself. So a block is
taken from the directory of the file that was read, and its fields are entered
into the directory of the one that was written.
"""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

_PREFIX = b"Exif\0\0"
_DESCRIPTIVE = (270, 271, 272, 305, 306, 315, 33432)
"""ImageDescription, Make, Model, Software, DateTime, Artist, Copyright."""
_SUB_DIRECTORIES = (34665, 34853)
"""Exif, GPS."""
_UNREADABLE = (SyntaxError, ValueError, TypeError, KeyError, struct.error, OSError)
"""What Pillow raises for metadata that do not follow their format: they are left out then."""


def block_of_tiff(path: Path) -> bytes | None:
    """The EXIF block that a TIFF's directory makes; None where it has no such fields."""
    exif = Image.Exif()
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exif.load_from_fp(file)
            fields = _fields(exif)
            exif.clear()
            exif.update(fields)
            return _PREFIX + exif.tobytes().removeprefix(_PREFIX) if fields else None
    except _UNREADABLE:
        return None


def without_thumbnail(block: bytes) -> bytes:
    """The EXIF block without its little picture, which file managers show: it is of the photo as
    it was, and as it lay. A block that is damaged stays as it is."""
    start = len(_PREFIX) if block.startswith(_PREFIX) else 0
    order = "<" if block[start : start + 2] == b"II" else ">"
    try:
        (first,) = struct.unpack_from(order + "L", block, start + 4)
        (count,) = struct.unpack_from(order + "H", block, start + first)
        end = start + first + 2 + 12 * count
        struct.unpack_from(order + "L", block, end)  # the place of the next directory, its own
    except struct.error:
        return block
    return block[:end] + bytes(4) + block[end + 4 :]


def enter_into_tiff(path: Path, block: bytes) -> None:
    """Add the block's fields to the directory of a TIFF, other than those it has."""
    exif = Image.Exif()
    with path.open("r+b") as file:
        header = file.read(8)
        if header[:4] not in (b"II*\0", b"MM\0*"):  # a BigTIFF
            return
        order = "<" if header[:2] == b"II" else ">"
        end = (file.seek(0, 2) + 1) // 2 * 2
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exif.load(block)
                directory = ImageFileDirectory_v2(header)
                for tag, value in _fields(exif).items():
                    directory[tag] = value
                added = directory.tobytes(end)
        except _UNREADABLE:
            return
        file.seek(struct.unpack(order + "L", header[4:])[0])
        (count,) = struct.unpack(order + "H", file.read(2))
        entries = _entries(added[2:], struct.unpack(order + "H", added[:2])[0], order)
        entries |= _entries(file.read(12 * count), count, order)
        following = file.read(4)
        file.seek(end)
        file.write(added + b"\0" * (len(added) % 2))
        place = file.tell()
        merged = b"".join(entry for _, entry in sorted(entries.items()))
        file.write(struct.pack(order + "H", len(entries)) + merged + following)
        file.seek(4)
        file.write(struct.pack(order + "L", place))


def _fields(exif: Image.Exif) -> dict[int, object]:
    """Tag → value, or a table of them for a sub-directory."""
    fields: dict[int, object] = {tag: exif[tag] for tag in _DESCRIPTIVE if tag in exif}
    for tag in _SUB_DIRECTORIES:
        if tag in exif and (table := dict(exif.get_ifd(tag))):
            fields[tag] = table
    return fields


def _entries(data: bytes, count: int, order: str) -> dict[int, bytes]:
    """Tag → the 12 bytes of its entry."""
    rows = [data[12 * i : 12 * i + 12] for i in range(count)]
    return {struct.unpack(order + "H", row[:2])[0]: row for row in rows}
