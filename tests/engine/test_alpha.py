"""What is transparent is no part of the picture."""

from __future__ import annotations

import numpy as np
import pytest
from tests.engine.small_engine import DTYPES, denoise, tiles_of
from tests.small import FULL_SCALE, photo

from dnid.engine.engine import Engine


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("budget", [1000, 1 << 20])
def test_transparent_colour_does_not_bleed(
    engine: Engine, channels: int, dtype: str, budget: int
) -> None:
    """Garbage under a checker of alpha 0 changes no visible pixel, and is kept itself."""
    image = photo(20, 20, channels, dtype)
    hidden = np.indices((20, 20)).sum(0) % 2 == 0
    hidden[:, :8] = True  # and wide areas of it
    image[..., -1] = np.where(hidden, 0, FULL_SCALE[dtype])
    other = image.copy()
    other[hidden, :-1] = FULL_SCALE[dtype] - other[hidden, :-1]
    with tiles_of(budget):
        first, second = (engine.restore(i, denoise(1.0)).pixels for i in (image, other))
    assert np.array_equal(first[~hidden], second[~hidden])
    assert first[hidden].tobytes() == image[hidden].tobytes()
    assert second[hidden].tobytes() == other[hidden].tobytes()
    assert first[..., -1].tobytes() == image[..., -1].tobytes()
    assert (first[~hidden] != image[~hidden]).any()


def test_a_wholly_transparent_picture_is_the_input(engine: Engine) -> None:
    """Where nothing is visible nothing changes."""
    image = photo(6, 6, 4, "uint8")
    image[..., 3] = 0
    assert engine.restore(image, denoise(1.0)).pixels.tobytes() == image.tobytes()


def test_tiles_of_a_transparent_picture_equal_the_whole(engine: Engine) -> None:
    """The filling of transparent pixels reads no further than the tile's halo."""
    image = photo(96, 96, 4, "float32")
    image[..., 3] = np.random.default_rng(2).random((96, 96)) > 0.97  # few and far between
    whole = engine.restore(image, denoise(1.0)).pixels
    with tiles_of(4000):
        tiled = engine.restore(image, denoise(1.0)).pixels
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5)
