"""Tiles cover the picture once, see what they need and stay within their budget."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dnid.engine.tiling import Box, Grid

grids = st.builds(
    Grid,
    height=st.integers(1, 120),
    width=st.integers(1, 120),
    halo=st.integers(0, 40),
    multiple=st.sampled_from([1, 2, 8]),
)


@given(grids, st.integers(1, 15_000))
@settings(max_examples=100, deadline=None)
def test_every_pixel_lies_in_one_tile(grid: Grid, budget: int) -> None:
    """Cores cover the picture without gap or overlap."""
    covered = np.zeros((grid.height, grid.width), int)
    for core in grid.tiles(budget):
        covered[core.slices] += 1
    assert (covered == 1).all()


@given(grids, st.integers(1, 15_000))
@settings(max_examples=100, deadline=None)
def test_a_tile_reads_its_halo_and_no_more_than_there_is(grid: Grid, budget: int) -> None:
    """Read boxes lie on multiples, inside the padded picture, and hold core and halo."""
    height, width = grid.padded
    for core in grid.tiles(budget):
        box = grid.read_box(core)
        assert all(edge % grid.multiple == 0 for edge in (box.top, box.left, box.bottom, box.right))
        assert 0 <= box.top <= max(0, core.top - grid.halo)
        assert 0 <= box.left <= max(0, core.left - grid.halo)
        assert min(height, core.bottom + grid.halo) <= box.bottom <= height
        assert min(width, core.right + grid.halo) <= box.right <= width


@given(grids, st.integers(1, 15_000))
@settings(max_examples=100, deadline=None)
def test_tiles_stay_within_the_budget(grid: Grid, budget: int) -> None:
    """A read box exceeds the budget only where a core of one multiple would exceed it too."""
    largest = max(grid.read_box(core).area for core in grid.tiles(budget))
    side = grid.multiple + 2 * -(-grid.halo // grid.multiple) * grid.multiple
    height, width = grid.padded
    assert largest <= max(budget, min(side, height) * min(side, width))


@given(grids, st.integers(1, 15_000))
@settings(max_examples=50, deadline=None)
def test_halving_ends_at_one_multiple(grid: Grid, budget: int) -> None:
    """Halves are parts of their tile, cut on multiples, and the smallest is not cut again."""
    core = grid.tiles(budget)[-1]
    while len(parts := grid.halves(core)) == 2:
        assert sum(part.area for part in parts) == core.area
        assert all(part.area > 0 for part in parts)
        assert (parts[1].top, parts[1].left) != (core.top, core.left)
        assert parts[1].top % grid.multiple == 0
        assert parts[1].left % grid.multiple == 0
        core = parts[0]
    assert parts == [core]
    assert max(core.height, core.width) <= grid.multiple


def test_relative_to() -> None:
    """A core is found again inside of its read box."""
    assert Box(10, 20, 14, 26).relative_to(Box(8, 12, 40, 40)) == Box(2, 8, 6, 14)
