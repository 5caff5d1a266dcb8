"""A strength for each pixel."""

from __future__ import annotations

import numpy as np
import pytest
from tests.engine.small_engine import DTYPES, assert_holds, denoise, expected, tiles_of
from tests.small import Pixels, photo, quantised

from dnid.engine.engine import Engine
from dnid.errors import BadMask


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m", [0.0, 0.2, 1.0])
def test_the_mask_moves_between_outside_and_inside(engine: Engine, m: float, dtype: str) -> None:
    """A mask of one value m gives outside + (inside − outside) · m."""
    image = photo(12, 10, 3, "float32")
    mask = quantised(np.full((12, 10), m), dtype)
    restored = engine.restore(image, denoise(0.9, 0.3), mask).pixels
    assert_holds(restored, expected(engine, image, 0.3 + 0.6 * m))


def test_each_pixel_has_its_own_strength(engine: Engine) -> None:
    """Far from the mask's edge each side is its plain network's; strengths may also fall."""
    image = photo(8, 64, 3, "float32")
    mask = np.zeros((8, 64), np.uint8)
    mask[:, 32:] = 255
    restored = engine.restore(image, denoise(0.25, 0.75), mask).pixels
    np.testing.assert_allclose(
        restored[:, :20], expected(engine, image, 0.75)[:, :20], rtol=0, atol=1e-5
    )
    np.testing.assert_allclose(
        restored[:, 44:], expected(engine, image, 0.25)[:, 44:], rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("budget", [1000, 1 << 20])
def test_pixels_of_strength_0_are_the_input(engine: Engine, budget: int, dtype: str) -> None:
    """Where the mask gives strength 0 the input's bits come back, the others change."""
    image = photo(24, 24, 3, dtype)
    mask = np.random.default_rng(1).integers(0, 2, (24, 24), np.uint8) * 255
    mask[:12, :12] = 0
    with tiles_of(budget):
        restored = engine.restore(image, denoise(1.0), mask).pixels
    assert restored[mask == 0].tobytes() == image[mask == 0].tobytes()
    assert (restored[mask > 0] != image[mask > 0]).any(axis=-1).mean() > 0.9


def test_float_masks_are_clipped(engine: Engine) -> None:
    """Mask values beyond 0..1 count as 0 and 1."""
    image = photo(8, 8, 3, "uint8")
    wild = np.where(np.arange(64).reshape(8, 8) % 3 == 0, np.float32(-5), np.float32(7))
    tame = np.clip(wild, 0, 1)
    found, wanted = (engine.restore(image, denoise(1.0), mask).pixels for mask in (wild, tame))
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (np.zeros((8, 9), np.uint8), "must be 8 × 8 pixels, not 9 × 8"),
        (np.zeros((8, 8, 1), np.uint8), "must be 8 × 8 pixels"),
        (np.zeros((8, 8), np.int32), "not int32"),
        (np.full((8, 8), np.nan, np.float32), "NaN"),
    ],
)
def test_masks_that_do_not_fit_are_refused(engine: Engine, mask: Pixels, said: str) -> None:
    """The error says what the mask must be."""
    with pytest.raises(BadMask, match=said):
        engine.restore(photo(8, 8, 3, "uint8"), denoise(1.0), mask)
