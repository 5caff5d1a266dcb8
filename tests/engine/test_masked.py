"""Tiles cut along a mask: together they are the tile, and few pixels vary."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from dnid.engine import masked
from dnid.engine.masked import MaskCut
from dnid.engine.tiling import Box, Grid

GRID = Grid(1000, 1200, halo=8, multiple=2)
WHOLE = Box(0, 0, 1000, 1200)
PLENTY = 1 << 21


def mask(*boxes: Box) -> NDArray[np.uint8]:
    """255 in the boxes, 0 elsewhere."""
    values = np.zeros((1000, 1200), np.uint8)
    for box in boxes:
        values[box.slices] = 255
    return values


def test_a_half_is_cut_along_its_border() -> None:
    """Only a strip as wide as two halos reads both halves."""
    cut = MaskCut(GRID, mask(Box(0, 0, 1000, 600)), untouched=None, largest=PLENTY)
    assert cut.pieces(WHOLE) == [
        Box(0, 0, 1000, 592),
        Box(0, 592, 1000, 608),
        Box(0, 608, 1000, 1200),
    ]


def test_rows_are_cut_like_columns() -> None:
    """The same for the upper part of a picture."""
    cut = MaskCut(GRID, mask(Box(0, 0, 301, 1200)), untouched=None, largest=PLENTY)
    assert cut.pieces(WHOLE) == [
        Box(0, 0, 292, 1200),
        Box(292, 0, 310, 1200),
        Box(310, 0, 1000, 1200),
    ]


def test_a_subject_is_freed_from_its_surroundings() -> None:
    """Four slabs around it are left alone, and it alone varies, with its halo."""
    cut = MaskCut(GRID, mask(Box(500, 700, 540, 760)), untouched=0, largest=PLENTY)
    pieces = cut.pieces(WHOLE)
    assert Box(492, 692, 548, 768) in pieces
    assert len(pieces) == 5


@pytest.mark.parametrize("value", [0, 255])
def test_a_constant_mask_cuts_nothing(value: int) -> None:
    """Whether it leaves the picture alone or not."""
    constant = np.full((1000, 1200), value, np.uint8)
    assert MaskCut(GRID, constant, untouched=0, largest=PLENTY).pieces(WHOLE) == [WHOLE]


def test_a_ramp_is_not_cut_where_that_saves_nothing() -> None:
    """It varies everywhere: more halo would be read for nothing."""
    ramp = np.linspace(0, 1, 1200, dtype=np.float32)[None].repeat(1000, 0)
    assert MaskCut(GRID, ramp, untouched=0, largest=PLENTY).pieces(WHOLE) == [WHOLE]


def test_what_varies_stays_within_its_bound() -> None:
    """A tile too large for two networks is halved all the same."""
    ramp = np.linspace(0, 1, 1200, dtype=np.float32)[None].repeat(1000, 0)
    pieces = MaskCut(GRID, ramp, untouched=0, largest=1 << 17).pieces(WHOLE)
    assert max(GRID.read_box(piece).area for piece in pieces) <= 1 << 17


@pytest.mark.parametrize("seed", range(8))
def test_the_pieces_are_the_tile(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pixel once, on multiples, whatever the mask; down to small pieces."""
    monkeypatch.setattr(masked, "SMALLEST", 400)
    random = np.random.default_rng(seed)
    height, width, multiple = 61, 87, int(random.integers(1, 5))
    grid = Grid(height, width, int(random.integers(0, 7)), multiple)
    values = np.zeros((height, width), np.uint8)
    for _ in range(2):
        top, left = random.integers(0, height), random.integers(0, width)
        values[top : top + 20, left : left + 30] = random.integers(1, 255)
    seen = np.zeros((height, width), int)
    for core in grid.tiles(60 * 60):
        for piece in MaskCut(grid, values, untouched=0, largest=PLENTY).pieces(core):
            assert piece.top % multiple == piece.left % multiple == 0
            seen[piece.slices] += 1
    assert (seen == 1).all()
