"""Networks that look at the whole picture: their tiles fade into each other, and it is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine import small_networks
from tests.engine.small_engine import denoise, engine_in, expected, tiles_of
from tests.small import Pixels, photo

from dnid.engine.engine import Engine
from dnid.engine.overlap import Overlap
from dnid.engine.tiling import Grid
from dnid.recipe import Execution

HALO = 8
BUDGET = 32 * 32


@pytest.fixture(autouse=True, scope="module")
def networks() -> Iterator[None]:
    with small_networks.known():
        yield


@pytest.fixture(scope="module")
def approximate(tmp_path_factory: pytest.TempPathFactory, networks: None) -> Engine:
    folder = tmp_path_factory.mktemp("approximate")
    small_networks.write(folder, "statistical", halo=HALO, approximate=True)
    return engine_in(folder)


def dark_to_bright() -> Pixels:
    """Smooth; tiles at its left and right have quite different statistics."""
    y, x = np.mgrid[:48, :64].astype(np.float32)
    waves = 0.5 + 0.3 * np.sin(x / 9) * np.cos(y / 7)
    return np.stack([0.1 + 0.8 * (x / 64) ** 2, waves, 0.2 + 0.6 * x * y / 48 / 64], -1)


def steps(error: Pixels) -> float:
    """The largest jump between neighbouring pixels, away from the picture's own border."""
    inner = error[4:-4, 4:-4]
    return max(float(np.abs(np.diff(inner, axis=axis)).max()) for axis in (0, 1))


def test_a_single_tile_is_exact(approximate: Engine) -> None:
    """A picture that fits into one tile is seen whole; nothing is approximate then."""
    image = dark_to_bright()
    restored = approximate.restore(image, denoise(0.7))
    np.testing.assert_allclose(
        restored.pixels, expected(approximate, image, 0.7), rtol=0, atol=1e-5
    )
    assert restored.approximate is False


def test_tiles_fade_into_each_other(approximate: Engine, tmp_path: Path) -> None:
    """They differ from the whole, but smoothly: no seam, where plain tiles have a clear one."""
    small_networks.write(tmp_path, "statistical", halo=HALO)  # does not say so, and gets seams
    plain = engine_in(tmp_path)
    image = dark_to_bright()
    whole = plain.restore(image, denoise(1.0)).pixels
    with tiles_of(BUDGET):
        faded = approximate.restore(image, denoise(1.0))
        cut = plain.restore(image, denoise(1.0))
    assert (faded.approximate, cut.approximate) == (True, False)
    assert np.abs(faded.pixels - whole).max() > 0.02
    assert steps(cut.pixels - whole) > 3 * steps(faded.pixels - whole)


def test_what_was_not_told_is_found_with_exact_tiles(tmp_path: Path) -> None:
    """Who asks for exact tiles is told that there are none, even where the manifest forgot."""
    small_networks.write(tmp_path, "statistical", halo=HALO)
    with tiles_of(BUDGET):
        how = Execution(exact_tiles=True)
        restored = engine_in(tmp_path).restore(dark_to_bright(), denoise(1.0), how=how)
    assert restored.approximate is True


def test_the_mask_and_alpha_are_kept(approximate: Engine) -> None:
    """Where the strength is 0 or nothing is visible, the input's bits come back."""
    image = photo(48, 64, 4, "uint8")
    image[:8, :, 3] = 0
    mask = np.zeros((48, 64), np.uint8)
    mask[:, 32:] = 255
    with tiles_of(44 * 44):  # the halo is wider where there is alpha
        restored = approximate.restore(image, denoise(1.0), mask)
    assert restored.approximate is True
    assert restored.pixels[mask == 0].tobytes() == image[mask == 0].tobytes()
    assert restored.pixels[:8].tobytes() == image[:8].tobytes()
    assert restored.pixels[..., 3].tobytes() == image[..., 3].tobytes()
    assert (restored.pixels[8:, 32:, :3] != image[8:, 32:, :3]).any(axis=-1).mean() > 0.9


@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    halo=st.integers(0, 12),
    multiple=st.sampled_from([1, 4]),
    budget=st.integers(1, 2000),
    scale=st.sampled_from([1, 2]),
)
@settings(max_examples=40, deadline=None)
def test_weights_sum_to_1(
    height: int, width: int, halo: int, multiple: int, budget: int, scale: int
) -> None:
    """Tiles that agree give what they agree on, whatever the cut."""
    grid = Grid(height, width, halo, multiple)
    cores = grid.tiles(max(budget, (2 * halo + 4 * multiple) ** 2))
    overlap = Overlap(grid, cores, scale)
    picture = torch.rand(1, 3, *(side * scale for side in grid.padded))
    for core in cores:
        box = grid.read_box(core)
        overlap.add(picture[..., *box.times(scale).slices], box)
    for core in cores:
        box = grid.read_box(core)
        torch.testing.assert_close(
            overlap.read(box), picture[..., *box.times(scale).slices], rtol=0, atol=1e-5
        )
