"""One strength for the whole picture: the blended network's output, in the picture's kind."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from tests.engine.small_engine import DTYPES, assert_holds, denoise, engine_in, expected
from tests.small import FULL_SCALE, Pixels, photo

from dnid.dni.blend import AnchorStack
from dnid.engine.engine import Engine


def colours(image: Pixels) -> Pixels:
    return image[..., : 1 if image.shape[2] <= 2 else 3]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_strength_0_is_the_input(engine: Engine, channels: int, dtype: str) -> None:
    """Strength 0 returns the input bit for bit, and not the same array."""
    image = photo(9, 7, channels, dtype)
    restored = engine.restore(image, denoise(0.0))
    assert restored.pixels.tobytes() == image.tobytes()
    assert (restored.pixels.dtype, restored.pixels.shape) == (image.dtype, image.shape)
    assert not np.shares_memory(restored.pixels, image)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_the_result_is_the_blended_networks(engine: Engine, channels: int, dtype: str) -> None:
    """Every kind of picture comes back as the network's output, rounded to its dtype."""
    image = photo(13, 11, channels, dtype)
    image[..., 3:] = FULL_SCALE[dtype]  # opaque, so that every colour is visible
    image[..., 1:2] = FULL_SCALE[dtype] if channels == 2 else image[..., 1:2]
    restored = engine.restore(image, denoise(0.7)).pixels
    assert (restored.dtype, restored.shape) == (image.dtype, image.shape)
    assert_holds(colours(restored), expected(engine, colours(image), 0.7))
    if channels in (2, 4):
        assert restored[..., -1].tobytes() == image[..., -1].tobytes()
    assert np.abs(colours(restored) - colours(image).astype(float)).max() > FULL_SCALE[dtype] / 100


def test_the_input_is_not_changed(engine: Engine) -> None:
    """A picture that must not be written, and views of it, work and stay as they are."""
    image = photo(16, 12, 3, "uint8")
    before = image.copy()
    image.flags.writeable = False
    straight = engine.restore(image, denoise(1.0)).pixels
    assert np.array_equal(image, before)
    turned = engine.restore(before[::-1, ::-1][::-1, ::-1], denoise(1.0)).pixels
    assert np.array_equal(straight, turned)


def test_values_outside_0_to_1_survive(engine: Engine) -> None:
    """In a float picture what lies beyond 0..1 is taken off for the network and added again."""
    image = np.linspace(-2, 3, 10 * 10 * 3, dtype=np.float32).reshape(10, 10, 3)
    restored = engine.restore(image, denoise(0.5)).pixels
    assert_holds(restored, expected(engine, image, 0.5))
    assert restored.min() < -1
    assert restored.max() > 2


def test_what_ran_is_told(engine: Engine, packs: Path) -> None:
    """The result names pack, hash, device and number format."""
    restored = engine.restore(photo(4, 4, 3, "uint8"), denoise(1.0))
    pack = engine.store.find("denoise")
    assert [(used.id, used.sha256) for used in restored.packs] == [("denoise", pack.sha256)]
    assert (restored.device, restored.format) == ("cpu", "float32")
    assert restored.seconds > 0


def test_a_strength_that_comes_back_is_not_blended_again(packs: Path) -> None:
    """A slider that returns, and a mask with two strengths, find their blends in the cache."""
    engine = engine_in(packs)
    image = photo(8, 8, 3, "uint8")
    with patch.object(AnchorStack, "blend", autospec=True, side_effect=AnchorStack.blend) as blend:
        results = [engine.restore(image, denoise(s)).pixels for s in (0.21, 0.64, 0.21, 0.64)]
    assert blend.call_count == 2
    assert np.array_equal(results[0], results[2])
    assert not np.array_equal(results[0], results[1])
