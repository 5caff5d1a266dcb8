"""Tiles do not show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.small_engine import denoise, engine_in, tiles_of
from tests.small import photo, write_pack

from dnid.engine.engine import Engine
from dnid.recipe import Execution


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    budget=st.integers(800, 2500),
    masked=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_tiled_equals_untiled(
    engine: Engine, height: int, width: int, budget: int, masked: bool
) -> None:
    """With the full halo no tile size shows, down to pictures of one pixel."""
    image = photo(height, width, 3, "float32")
    mask = np.linspace(0, 1, height * width, dtype=np.float32).reshape(height, width)
    recipe = denoise(0.9, 0.2)
    whole = engine.restore(image, recipe, mask if masked else None).pixels
    with tiles_of(budget):
        tiled = engine.restore(image, recipe, mask if masked else None).pixels
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5)


def test_the_smallest_tiles_equal_untiled(engine: Engine) -> None:
    """So do tiles of one multiple."""
    image = photo(7, 5, 3, "float32")
    whole = engine.restore(image, denoise(0.9)).pixels
    with tiles_of(1):
        tiled = engine.restore(image, denoise(0.9)).pixels
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5)


def test_too_small_a_halo_shows(tmp_path: Path) -> None:
    """The test above can fail: without a halo tiles do differ."""
    write_pack(tmp_path, halo=0)
    engine = engine_in(tmp_path)
    image = photo(40, 40, 3, "float32")
    whole = engine.restore(image, denoise(1.0)).pixels
    with tiles_of(400):
        assert np.abs(engine.restore(image, denoise(1.0)).pixels - whole).max() > 1e-3


def test_exact_tiles_take_the_networks_own_halo(tmp_path: Path) -> None:
    """They are exact whatever the pack's manifest says."""
    write_pack(tmp_path, halo=0)
    engine = engine_in(tmp_path)
    image = photo(40, 40, 3, "float32")
    whole = engine.restore(image, denoise(1.0)).pixels
    with tiles_of(1000):
        tiled = engine.restore(image, denoise(1.0), how=Execution(exact_tiles=True)).pixels
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5)
