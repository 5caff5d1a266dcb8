"""Files that are no pictures, or none that we can restore: refused in a sentence."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.small import photo

from dnid import picture
from dnid.errors import BadImage


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header promises pixels that are not there."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + header
        + chunk(b"IDAT", zlib.compress(b"\0" * 64))
        + chunk(b"IEND", b"")
    )


def cmyk(path: Path) -> None:
    Image.fromarray(photo(8, 8, 4, "uint8"), "CMYK").save(path, "JPEG")


def integers(path: Path) -> None:
    Image.fromarray(np.zeros((8, 8), np.int32)).save(path, "TIFF")


def lab(path: Path) -> None:
    Image.fromarray(photo(8, 8, 3, "uint8")).convert("LAB").save(path, "TIFF")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "There is no such file"),
        (lambda path: path.mkdir(), "This is a folder"),
        (lambda path: path.write_bytes(b""), "cannot be read as a picture"),
        (lambda path: path.write_text("Dear diary"), "cannot be read as a picture"),
        (lambda path: path.write_bytes(bytes(range(256)) * 40), "cannot be read as a picture"),
        (lambda path: path.write_bytes(png_of_size(1 << 20, 1 << 20)), "megapixels|cannot be read"),
        (lambda path: path.write_bytes(png_of_size(30_000, 30_000)), "megapixels"),
        (lambda path: path.write_bytes(png_of_size(500, 500)), "cannot be read as a picture"),
        (lambda path: path.write_bytes(png_of_size(0, 5)), "cannot be read as a picture"),
        (cmyk, "cmyk; convert it to RGB or gray"),
        (integers, "8 and 16 bits and 32-bit float work"),
        (lab, "cannot be read|convert it to RGB"),
    ],
)
def test_what_is_no_picture_for_us_is_refused(
    tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    """Each with the reason."""
    make(tmp_path / "in")
    with pytest.raises(BadImage, match=said) as caught:
        picture.read(tmp_path / "in")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_truncated_pictures_are_refused(tmp_path: Path, kind: str, share: float) -> None:
    """Half a file is never half a picture."""
    path = tmp_path / "in"
    Image.fromarray(photo(200, 200, 3, "uint8")).save(path, kind)
    whole = path.read_bytes()
    assert picture.read(path).pixels.shape == (200, 200, 3)
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(BadImage, match="cannot be read as a picture"):
        picture.read(path)
