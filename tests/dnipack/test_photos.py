"""Photos as the authoring tool reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dnid.errors import BadInput
from dnipack.photos import load_mask, load_photo

STORED = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)


@pytest.mark.parametrize(
    ("orientation", "shown"),
    [(1, STORED), (3, np.rot90(STORED, 2)), (6, np.rot90(STORED, -1)), (8, np.rot90(STORED))],
)
def test_photos_are_upright(tmp_path: Path, orientation: int, shown: np.ndarray) -> None:
    """As viewers show them, and as `dnid` restores them."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(STORED).save(tmp_path / "photo.png", exif=exif)
    np.testing.assert_array_equal(load_photo(tmp_path / "photo.png"), shown)
    height, width = shown.shape[:2]
    mask = load_mask(tmp_path / "photo.png", (width, height))
    np.testing.assert_array_equal(mask, np.asarray(Image.fromarray(shown).convert("L")))


def test_what_is_no_photo(tmp_path: Path) -> None:
    """It is refused with its name."""
    (tmp_path / "photo.png").write_text("no photo")
    with pytest.raises(BadInput, match=r"photo\.png"):
        load_photo(tmp_path / "photo.png")
