"""A blend chosen directly, anchor by anchor."""

from __future__ import annotations

import numpy as np
import pytest
from tests.engine.small_engine import denoise
from tests.small import photo

from dnid.engine.engine import Engine
from dnid.errors import BadRecipe
from dnid.recipe import Recipe, Stage


def chosen(*shares: float) -> Recipe:
    return Recipe((Stage("denoise", 0.0, pack="denoise", shares=shares),))


def test_shares_are_the_blend(engine: Engine) -> None:
    """The shares that a strength stands for give its picture, whatever the strength beside them."""
    image = photo(9, 9, 3, "float32")
    for strength, shares in ((0.25, (0.5, 0.5, 0.0)), (1.0, (0.0, 0.0, 1.0))):
        by_strength = engine.restore(image, denoise(strength)).pixels
        assert np.array_equal(engine.restore(image, chosen(*shares)).pixels, by_strength)


def test_blends_off_the_path_are_possible(engine: Engine) -> None:
    """The path's first and last anchor, without the one between them."""
    image = photo(9, 9, 3, "float32")
    ends = engine.restore(image, chosen(0.5, 0.0, 0.5)).pixels
    middle = engine.restore(image, denoise(0.5)).pixels
    assert np.abs(ends - middle).max() > 1e-3


def test_shares_that_do_not_fit_the_pack_are_refused(engine: Engine) -> None:
    """The error names the anchors."""
    with pytest.raises(BadRecipe, match=r"takes 3 shares \(low, mid, high\), not 2"):
        engine.restore(photo(4, 4, 3, "uint8"), chosen(0.5, 0.5))


def test_shares_with_a_mask_are_refused(engine: Engine) -> None:
    """A mask moves along the pack's path; shares lie beside it."""
    with pytest.raises(BadRecipe, match="leave out the mask"):
        engine.restore(photo(4, 4, 3, "uint8"), chosen(1, 0, 0), np.zeros((4, 4), np.uint8))
