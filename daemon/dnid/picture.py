"""Picture files ⇄ arrays, with their precision, colour profile and metadata kept.

libvips reads and writes the files (Pillow has no 16-bit RGB). EXIF, XMP and the
ICC profile travel along. A photo that is stored on its side is turned upright,
as every viewer shows it, and its EXIF orientation with it: masks are painted on
what is seen, and a subject is found where it stands upright.
"""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from dnid import exif
from dnid.engine.limits import check_size
from dnid.errors import BadImage

WRITERS: dict[str, tuple[str, dict[str, Any]]] = {
    "png": ("pngsave", {"compression": 6}),
    "tiff": ("tiffsave", {"compression": "deflate", "predictor": "horizontal"}),
    "jpeg": ("jpegsave", {"Q": 95, "subsample_mode": "off", "optimize_coding": True}),
    "webp": ("webpsave", {"Q": 95}),
}
SUFFIXES = {
    ".png": "png", ".tif": "tiff", ".tiff": "tiff",
    ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp",
}  # fmt: skip
_HELD_BY = {"png": {"uint8", "uint16"}, "tiff": {"uint8", "uint16", "float32"}}
_COLOUR_SPACES = {"srgb", "rgb", "rgb16", "b-w", "grey16", "scrgb", "multiband"}


@dataclass(frozen=True)
class Picture:
    pixels: NDArray[Any]
    """H×W×C, uint8, uint16 or float32; 1 gray, 2 gray + alpha, 3 RGB, 4 RGB + alpha."""
    source: pyvips.Image
    """Header and metadata of the file that was read."""

    def with_pixels(self, pixels: NDArray[Any]) -> Picture:
        return Picture(pixels, self.source)


def read(path: Path) -> Picture:
    """Raises BadImage for a file that is missing, damaged, too large or not gray or RGB."""
    if path.is_dir():
        raise BadImage("This is a folder; name the pictures in it.")
    if not path.is_file():
        raise BadImage("There is no such file.")
    try:
        # "truncated" would let half a TIFF pass; an overwritten file must not come from the cache.
        image = pyvips.Image.new_from_file(
            str(path), access="sequential", fail_on="error", revalidate=True
        )
        _check_header(image)
        image = _upright(image)
        pixels = image.numpy()
        if image.get("vips-loader") == "tiffload" and (block := exif.block_of_tiff(path)):
            image = image.copy()
            image.set_type(pyvips.GValue.blob_type, "exif-data", block)
    except pyvips.Error as error:
        raise BadImage(_why_unreadable(error)) from error
    return Picture(pixels if pixels.ndim == 3 else pixels[..., None], image)


def read_mask(path: Path) -> NDArray[Any]:
    """A picture as H×W strengths; colour is weighed to gray, alpha is not looked at."""
    pixels = read(path).pixels
    if pixels.shape[2] <= 2:
        return np.ascontiguousarray(pixels[..., 0])
    gray = pixels[..., :3].astype(np.float32) @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    return np.rint(gray).astype(pixels.dtype) if pixels.dtype != np.float32 else gray


def format_of(path: Path) -> str:
    """The format that a file name asks for. Raises BadImage for an ending that is not known."""
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise BadImage(f"Cannot write {path.name}: use {', '.join(sorted(SUFFIXES))}.")
    return kind


def check_holds(kind: str, pixels: NDArray[Any]) -> None:
    """Raises BadImage when the format would lose alpha or precision."""
    if pixels.dtype.name not in _HELD_BY.get(kind, {"uint8"}):
        raise BadImage(
            f"{kind.upper()} cannot hold {pixels.dtype.name} pixels; write "
            f"{'TIFF' if pixels.dtype == np.float32 else 'PNG or TIFF'} instead."
        )
    if kind == "jpeg" and pixels.shape[2] in (2, 4):
        raise BadImage("JPEG cannot hold transparency; write PNG or TIFF instead.")


def write(picture: Picture, path: Path, kind: str) -> None:
    """Write beside `path`, then rename. Raises BadImage when the file cannot be written."""
    check_holds(kind, picture.pixels)
    method, options = WRITERS[kind]
    partial = path.with_name(f".dnid-{os.getpid()}.partial")
    try:
        getattr(_to_vips(picture), method)(str(partial), keep="all", **options)
        if kind == "tiff" and picture.source.get_typeof("exif-data"):
            exif.enter_into_tiff(partial, picture.source.get("exif-data"))
        partial.replace(path)
    except (pyvips.Error, OSError) as error:
        raise BadImage(f"Cannot write {path}: {_why_unwritable(error)}") from error
    finally:
        partial.unlink(missing_ok=True)


def _check_header(image: pyvips.Image) -> None:
    check_size(image.height, image.width)
    if image.format not in ("uchar", "ushort", "float"):
        raise BadImage(f"Its pixels are {image.format}; 8 and 16 bits and 32-bit float work.")
    if image.interpretation not in _COLOUR_SPACES or not 1 <= image.bands <= 4:
        raise BadImage(f"Its colours are {image.interpretation}; convert it to RGB or gray first.")


def _upright(image: pyvips.Image) -> pyvips.Image:
    if not image.get_typeof("orientation") or image.get("orientation") == 1:
        return image
    image = image.copy_memory().autorot()  # it comes in rows, and columns are needed
    image.set_type(pyvips.GValue.gint_type, "orientation", 1)  # or the EXIF block's is written
    return image


def _to_vips(picture: Picture) -> pyvips.Image:
    gray, wide = picture.pixels.shape[2] <= 2, picture.pixels.dtype == np.uint16
    image = pyvips.Image.new_from_array(picture.pixels).copy(
        interpretation=("grey16" if wide else "b-w") if gray else ("rgb16" if wide else "srgb"),
        xres=picture.source.xres,
        yres=picture.source.yres,
    )
    for name in picture.source.get_fields():
        if name not in _LEFT_OUT:
            kind = picture.source.get_typeof(name)
            value = picture.source.get(name)
            if name == "exif-data":
                value = exif.without_thumbnail(value)
            image.set_type(kind, name, value)
    return image


_LEFT_OUT = {
    "jpeg-thumbnail-data", "width", "height", "bands", "format", "coding", "interpretation",
    "xoffset", "yoffset", "xres", "yres", "filename",
}  # fmt: skip


def _why_unreadable(error: pyvips.Error) -> str:
    text = str(error)
    if "is not a known file format" in text:
        return "It cannot be read as a picture; JPEG, PNG, TIFF and WebP can."
    if (cause := _system_fault(text)) is not None:
        return f"It cannot be read: {cause}."
    return "It cannot be read as a picture: the file is damaged or not whole."


def _why_unwritable(error: Exception) -> str:
    """The system's own word, and never libvips's, which names its own functions."""
    cause = error.strerror if isinstance(error, OSError) else _system_fault(str(error))
    if cause is None:
        return "the file could not be finished; is there room on the disk?"
    full = cause in {os.strerror(number) for number in _NO_ROOM}
    return f"{cause}; {'make room or choose another place' if full else 'choose another place'}."


def _system_fault(text: str) -> str | None:
    """What libvips tells of the system, among lines of its own."""
    known = re.findall(r"^system error: (?!Unknown error)(.+)$", text, re.MULTILINE)
    return known[0].strip()[:200] if known else None


_NO_ROOM = (errno.ENOSPC, errno.EFBIG)
