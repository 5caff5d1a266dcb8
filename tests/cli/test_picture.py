"""Picture files ⇄ arrays: every bit, the profile and the metadata survive."""

from __future__ import annotations

import io
import resource
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms, ImageOps
from tests.small import FULL_SCALE, Pixels, photo

from dnid import picture
from dnid.errors import BadImage

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
MAKER, ORIENTATION, EXPOSURE = 271, 274, (34665, 33434)
LOSSLESS = [("png", "uint8"), ("png", "uint16"), *(("tiff", dtype) for dtype in FULL_SCALE)]


@pytest.fixture
def source(tmp_path: Path) -> picture.Picture:
    """Return a JPEG as a camera writes it: profile, maker, exposure."""
    exif = Image.Exif()
    exif[MAKER] = "Leica"
    exif.get_ifd(EXPOSURE[0])[EXPOSURE[1]] = 1 / 60
    image = Image.fromarray(photo(24, 16, 3, "uint8"))
    image.save(tmp_path / "camera.jpg", exif=exif, icc_profile=ICC, dpi=(300, 300), quality=95)
    return picture.read(tmp_path / "camera.jpg")


@pytest.mark.parametrize(("kind", "dtype"), LOSSLESS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_lossless_formats_return_every_bit(
    source: picture.Picture, tmp_path: Path, kind: str, dtype: str, channels: int
) -> None:
    """PNG and TIFF give back shape, dtype and pixels as they were written."""
    pixels = photo(9, 7, channels, dtype)
    path = tmp_path / "out"
    picture.write(source.with_pixels(pixels), path, kind)
    back = picture.read(path).pixels
    assert (back.dtype, back.shape) == (pixels.dtype, pixels.shape)
    assert back.tobytes() == pixels.tobytes()


@pytest.mark.parametrize(("kind", "mode"), [("png", "L"), ("png", "LA"), ("png", "RGB")])
def test_another_program_reads_the_same(
    source: picture.Picture, tmp_path: Path, kind: str, mode: str
) -> None:
    """Pillow finds the very pixels in the file, and the right kind of picture."""
    pixels = photo(9, 7, len(mode), "uint8")
    picture.write(source.with_pixels(pixels), tmp_path / "out", kind)
    with Image.open(tmp_path / "out") as image:
        assert image.mode == mode
        assert np.array_equal(np.asarray(image).reshape(pixels.shape), pixels)


def smooth(channels: int) -> Pixels:
    """A picture that a lossy format keeps."""
    ramp = np.linspace(40, 200, 32 * 32, dtype=np.float32).reshape(32, 32, 1)
    return np.concatenate([ramp + 5 * c for c in range(channels)], axis=2).astype(np.uint8)


@pytest.mark.parametrize(("kind", "channels"), [("jpeg", 1), ("jpeg", 3), ("webp", 3), ("webp", 4)])
def test_lossy_formats_stay_close(
    source: picture.Picture, tmp_path: Path, kind: str, channels: int
) -> None:
    """JPEG and WebP are within a few steps of a smooth picture, in the same channels."""
    picture.write(source.with_pixels(smooth(channels)), tmp_path / "out", kind)
    back = picture.read(tmp_path / "out").pixels.astype(int)
    assert back.shape == (32, 32, channels)
    assert np.abs(back - smooth(channels)).max() <= 4


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "tiff"])
def test_profile_and_exif_are_kept(source: picture.Picture, tmp_path: Path, kind: str) -> None:
    """The ICC profile's bytes and the EXIF fields are read back from the written file."""
    picture.write(source.with_pixels(photo(24, 16, 3, "uint8")), tmp_path / "out", kind)
    with Image.open(tmp_path / "out") as image:
        assert image.info["icc_profile"] == ICC
        assert image.getexif()[MAKER] == "Leica"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("stored", "kind"), [("jpeg", "png"), ("tiff", "jpeg"), ("png", "tiff")])
def test_a_photo_comes_upright(tmp_path: Path, stored: str, kind: str, orientation: int) -> None:
    """As Pillow turns it by its EXIF; what is written lies so, and no viewer turns it again."""
    exif = Image.Exif()
    exif[MAKER], exif[ORIENTATION] = "Leica", orientation
    image = Image.fromarray(photo(24, 16, 3, "uint8"))
    image.save(tmp_path / "camera", stored, exif=exif)
    with Image.open(tmp_path / "camera") as image:
        seen = np.asarray(ImageOps.exif_transpose(image))
    source = picture.read(tmp_path / "camera")
    if stored == "jpeg":  # two decoders
        assert np.abs(source.pixels.astype(int) - seen).max() <= 4
    else:
        assert np.array_equal(source.pixels, seen)
    picture.write(source, tmp_path / "out", kind)
    with Image.open(tmp_path / "out") as image:
        assert image.size == source.pixels.shape[1::-1]
        assert image.getexif().get(ORIENTATION, 1) == 1
        assert image.getexif()[MAKER] == "Leica"


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "tiff"])
def test_the_little_picture_is_left_out(tmp_path: Path, kind: str) -> None:
    """File managers would show the photo as it was; the rest of the EXIF stays."""
    image = Image.fromarray(photo(24, 16, 3, "uint8"))
    image.save(little := io.BytesIO(), "jpeg")
    pixels = little.getvalue()
    maker = struct.pack("<HHHI4s", 1, MAKER, 2, 4, b"LEI\0")
    place = struct.pack("<HHHIIHHII", 2, 513, 4, 1, 56, 514, 4, 1, len(pixels))
    block = b"II*\0" + struct.pack("<I", 8) + maker + struct.pack("<I", 26) + place + bytes(4)
    image.save(tmp_path / "camera.jpg", exif=b"Exif\0\0" + block + pixels)
    source = picture.read(tmp_path / "camera.jpg")
    assert source.source.get("jpeg-thumbnail-data") == pixels
    picture.write(source, tmp_path / "out", kind)
    assert pixels not in (tmp_path / "out").read_bytes()
    with Image.open(tmp_path / "out") as image:
        assert image.getexif()[MAKER] == "LEI"


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_exif_passes_through_tiff(source: picture.Picture, tmp_path: Path, dtype: str) -> None:
    """From JPEG to TIFF, to TIFF again and back: maker, exposure and pixels are all there."""
    first, second, last = (tmp_path / name for name in ("a.tif", "b.tif", "c.jpg"))
    pixels = photo(300, 200, 3, dtype)
    picture.write(source.with_pixels(pixels), first, "tiff")
    picture.write(picture.read(first), second, "tiff")
    found = picture.read(second)
    assert np.array_equal(found.pixels, pixels)
    picture.write(found.with_pixels(source.pixels), last, "jpeg")
    with Image.open(last) as image:
        exif = image.getexif()
        assert exif[MAKER] == "Leica"
        assert exif.get_ifd(EXPOSURE[0])[EXPOSURE[1]] == pytest.approx(1 / 60)
        assert image.info["icc_profile"] == ICC


@pytest.mark.parametrize("block", [b"Exif\0\0", b"Exif\0\0II*\0\x08\0\0\0\xff\xff", b"x" * 99])
def test_damaged_exif_is_left_out(source: picture.Picture, tmp_path: Path, block: bytes) -> None:
    """Broken metadata cost no picture."""
    tagged = source.source.copy()
    tagged.set_type(pyvips.GValue.blob_type, "exif-data", block)
    for kind in ("tiff", "png"):
        picture.write(picture.Picture(source.pixels, tagged), tmp_path / "out", kind)
        assert np.array_equal(picture.read(tmp_path / "out").pixels, source.pixels)


@pytest.mark.parametrize("kind", ["png", "tiff", "jpeg"])
def test_the_resolution_is_kept(source: picture.Picture, tmp_path: Path, kind: str) -> None:
    """300 dpi stay 300 dpi."""
    picture.write(source.with_pixels(source.pixels), tmp_path / "out", kind)
    with Image.open(tmp_path / "out") as image:
        assert float(image.info["dpi"][0]) == pytest.approx(300, abs=0.5)


def test_a_palette_is_no_limit_to_the_result(tmp_path: Path) -> None:
    """A picture of few colours may become one of many: its old bit depth is not kept."""
    few = Image.fromarray(photo(20, 20, 3, "uint8")).quantize(8)
    few.save(tmp_path / "few.png", bits=4)
    source = picture.read(tmp_path / "few.png")
    assert np.array_equal(source.pixels, np.asarray(few.convert("RGB")))
    pixels = photo(20, 20, 3, "uint8", seed=1)
    picture.write(source.with_pixels(pixels), tmp_path / "out.png", "png")
    assert np.array_equal(picture.read(tmp_path / "out.png").pixels, pixels)


@pytest.mark.parametrize("kind", ["png", "tiff", "jpeg", "webp"])
def test_a_file_that_has_changed_is_read_anew(
    source: picture.Picture, tmp_path: Path, kind: str
) -> None:
    """libvips remembers what it has read; a picture written over must not come from there."""
    for side in (16, 24, 32):
        pixels = smooth(3)[:side]
        picture.write(source.with_pixels(pixels), tmp_path / "out", kind)
        assert picture.read(tmp_path / "out").pixels.shape == (side, 32, 3)


def test_masks_are_gray(source: picture.Picture, tmp_path: Path) -> None:
    """Gray is taken as it is, colour by its luma, alpha not at all."""
    gray = photo(6, 5, 2, "uint16")
    picture.write(source.with_pixels(gray), tmp_path / "gray.png", "png")
    assert np.array_equal(picture.read_mask(tmp_path / "gray.png"), gray[..., 0])
    colours = np.array([[[255, 0, 0, 9], [0, 255, 0, 0], [0, 0, 255, 9], [255] * 4]], np.uint8)
    picture.write(source.with_pixels(colours), tmp_path / "colour.png", "png")
    assert picture.read_mask(tmp_path / "colour.png").tolist() == [[54, 182, 18, 255]]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.png", "png"),
        ("a.TIF", "tiff"),
        ("a.b.tiff", "tiff"),
        ("a.JPEG", "jpeg"),
        ("a.webp", "webp"),
    ],
)
def test_the_ending_asks_for_the_format(name: str, kind: str) -> None:
    """Upper case or not."""
    assert picture.format_of(Path(name)) == kind


@pytest.mark.parametrize("name", ["a", "a.gif", "a.png.bak", ".png"])
def test_an_unknown_ending_is_refused(name: str) -> None:
    """The error lists the ones that are known."""
    with pytest.raises(BadImage, match=r"use \.jpeg, \.jpg, \.png"):
        picture.format_of(Path(name))


@pytest.mark.parametrize(
    ("kind", "dtype", "channels", "instead"),
    [
        ("jpeg", "uint8", 4, "transparency; write PNG or TIFF"),
        ("jpeg", "uint8", 2, "transparency; write PNG or TIFF"),
        ("jpeg", "uint16", 3, "uint16 pixels; write PNG or TIFF"),
        ("webp", "uint16", 3, "uint16 pixels; write PNG or TIFF"),
        ("png", "float32", 3, "float32 pixels; write TIFF"),
    ],
)
def test_a_format_that_would_lose_something_is_refused(
    source: picture.Picture, tmp_path: Path, kind: str, dtype: str, channels: int, instead: str
) -> None:
    """Nothing is dropped in silence: the error names a format that holds it all."""
    before = sorted(tmp_path.iterdir())
    with pytest.raises(BadImage, match=instead):
        picture.write(source.with_pixels(photo(4, 4, channels, dtype)), tmp_path / "out", kind)
    assert sorted(tmp_path.iterdir()) == before


@contextmanager
def full_disk(left: int) -> Iterator[None]:
    """No file can grow beyond `left` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (left, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("kind", ["png", "tiff", "jpeg", "webp"])
def test_a_full_disk_leaves_the_old_file(
    source: picture.Picture, tmp_path: Path, kind: str
) -> None:
    """What fails half-way leaves nothing beside, and what was there before as it was."""
    old = tmp_path / "out"
    old.write_bytes(b"the old picture")
    before = sorted(tmp_path.iterdir())
    said = r"File too large; make room or choose another place\."
    with full_disk(20_000), pytest.raises(BadImage, match=f"^Cannot write {old}: {said}$"):
        picture.write(source.with_pixels(photo(300, 300, 3, "uint8")), old, kind)
    assert old.read_bytes() == b"the old picture"
    assert sorted(tmp_path.iterdir()) == before


def test_no_place_to_write_is_told(source: picture.Picture, tmp_path: Path) -> None:
    """A folder that is not there, or is in the way."""
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.rglob("*"))
    for path in (tmp_path / "missing" / "a.png", tmp_path / "folder"):
        with pytest.raises(BadImage, match=r"Cannot write .*y; choose another place\."):
            picture.write(source.with_pixels(source.pixels), path, "png")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "It cannot be read as a picture; JPEG, PNG, TIFF and WebP can."),
        (b"Dear diary", "It cannot be read as a picture; JPEG, PNG, TIFF and WebP can."),
        (
            b"\xff\xd8\xff\xe0abc",
            "It cannot be read as a picture: the file is damaged or not whole.",
        ),
    ],
)
def test_a_refusal_is_in_plain_words(tmp_path: Path, data: bytes, said: str) -> None:
    """Without the names of the functions that failed."""
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(BadImage) as refusal:
        picture.read(tmp_path / "a.jpg")
    assert str(refusal.value) == said


def test_a_name_as_long_as_the_system_allows(source: picture.Picture, tmp_path: Path) -> None:
    """The file that is written beside has a short name of its own."""
    path = tmp_path / ("a" * 251 + ".png")
    picture.write(source.with_pixels(source.pixels), path, "png")
    assert np.array_equal(picture.read(path).pixels, source.pixels)
