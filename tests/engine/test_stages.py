"""Several effects in one recipe."""

from __future__ import annotations

import numpy as np
import pytest
from tests.engine.small_engine import DTYPES, assert_holds, denoise, engine_in, expected
from tests.small import photo, random_anchors, write_pack

from dnid.engine.engine import Engine
from dnid.recipe import Recipe, Stage


@pytest.fixture(scope="module")
def two_effects(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("two")
    for seed, effect in enumerate(("dejpeg", "denoise")):
        write_pack(folder, random_anchors(10 * seed), id=effect, effect=effect)
    return engine_in(folder)


@pytest.mark.parametrize("dtype", DTYPES)
def test_stages_run_in_the_documented_order(two_effects: Engine, dtype: str) -> None:
    """dejpeg runs before denoise however the recipe lists them, without rounding between."""
    image = photo(10, 12, 3, dtype)
    stages = (Stage("denoise", 0.8), Stage("dejpeg", 0.4))
    found = [two_effects.restore(image, Recipe(s)) for s in (stages, stages[::-1])]
    assert [used.id for used in found[0].packs] == ["dejpeg", "denoise"]
    assert np.array_equal(found[0].pixels, found[1].pixels)
    first = expected(two_effects, image, 0.4, "dejpeg").astype(np.float32)
    assert_holds(found[0].pixels, expected(two_effects, first, 0.8))


def test_a_stage_of_strength_0_does_not_run(two_effects: Engine) -> None:
    """It changes nothing and its pack is not reported."""
    image = photo(10, 12, 3, "uint16")
    both = two_effects.restore(image, Recipe((Stage("dejpeg", 0.0), Stage("denoise", 0.8))))
    assert [used.id for used in both.packs] == ["denoise"]
    assert np.array_equal(both.pixels, two_effects.restore(image, denoise(0.8)).pixels)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_two_stages_keep_what_one_keeps(two_effects: Engine, dtype: str) -> None:
    """Alpha, hidden colours and unmasked pixels survive the way through float bit for bit."""
    image = photo(16, 16, 4, dtype)
    image[:4, :, 3] = 0
    mask = np.zeros((16, 16), np.uint8)
    mask[:, 8:] = 255
    recipe = Recipe((Stage("denoise", 1.0), Stage("dejpeg", 1.0)))
    restored = two_effects.restore(image, recipe, mask).pixels
    assert restored[..., 3].tobytes() == image[..., 3].tobytes()
    assert restored[:4].tobytes() == image[:4].tobytes()
    assert restored[:, :8].tobytes() == image[:, :8].tobytes()
    assert not np.array_equal(restored[4:, 8:], image[4:, 8:])
