"""Cut tiles along a mask, so that what varies with it is read by few pixels.

Where the strength is the same all over a tile, it costs one plain network, and
nothing at strength 0; where it varies, one network an active anchor. So slabs
are cut off where the mask does not vary, the rest is halved, and a cut is kept
where it pays although more halo is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dnid.engine.pixels import Image
from dnid.engine.tiling import Box, Grid

VARYING_COST = 2.4
"""Of a pixel whose strength varies, in pixels of a plain network: two anchors and their mix."""
SMALLEST = 1 << 16
"""Below, tiles are mostly halo."""


@dataclass(frozen=True)
class MaskCut:
    """Cuts the tiles of one grid along one mask."""

    grid: Grid
    mask: Image
    untouched: float | None
    """The mask's value that leaves a pixel as it is; None where every value changes it."""
    largest: int
    """Pixels read by a tile whose strength varies: two networks' layers live at once."""

    def pieces(self, core: Box) -> list[Box]:
        """`core`, or what it is best cut into."""
        return self._best(core)[1]

    def _best(self, core: Box) -> tuple[float, list[Box]]:
        """(cost in pixels of a plain network, boxes)."""
        part = self.mask[core.slices]
        if part.min() == part.max() == self.untouched:
            return 0.0, [core]
        area = self.grid.read_box(core).area
        part = self.mask[self.grid.read_box(core).slices]
        if part.min() == part.max():
            return area, [core]
        pieces = self._without_a_slab(core, part)
        if pieces is None:
            pieces = [core] if area <= SMALLEST else self.grid.halves(core)
        if len(pieces) == 1:
            return VARYING_COST * area, pieces
        costs, boxes = zip(*map(self._best, pieces), strict=True)
        if sum(costs) < VARYING_COST * area or area > self.largest:
            return sum(costs), [box for found in boxes for box in found]
        return VARYING_COST * area, [core]

    def _without_a_slab(self, core: Box, part: Image) -> list[Box] | None:
        """`core` in two, the larger slab that does not vary cut off; None where there is none."""
        cuts = [*self._columns(core, part), *self._rows(core, part)]
        return max(cuts, key=lambda cut: cut[0])[1] if cuts else None

    def _columns(self, core: Box, part: Image) -> Iterator[tuple[int, list[Box]]]:
        """(pixels of the slab, the two parts of `core`) for a slab at the left and the right."""
        box, multiple = self.grid.read_box(core), self.grid.multiple
        halo = -(-self.grid.halo // multiple) * multiple
        before, after = _constant_ends(part.min(0), part.max(0))
        end = min(box.left + before, self.grid.width)
        left = (end - halo) // multiple * multiple
        start = min(box.right, self.grid.width) - after
        right = -(-(start + halo) // multiple) * multiple
        for at, slab in ((left, left - core.left), (right, core.right - right)):
            if core.left < at < core.right:
                yield (
                    slab * core.height,
                    [
                        Box(core.top, core.left, core.bottom, at),
                        Box(core.top, at, core.bottom, core.right),
                    ],
                )

    def _rows(self, core: Box, part: Image) -> Iterator[tuple[int, list[Box]]]:
        """The same for a slab at the top and the bottom."""
        turned = MaskCut(
            Grid(self.grid.width, self.grid.height, self.grid.halo, self.grid.multiple),
            self.mask.T,
            self.untouched,
            self.largest,
        )
        for pixels, boxes in turned._columns(_turn(core), part.T):
            yield pixels, [_turn(box) for box in boxes]


def _constant_ends(low: Image, high: Image) -> tuple[int, int]:
    """How many columns from the left, and from the right, hold one and the same value."""
    from_left = (low == high) & (low == low[0])
    from_right = ((low == high) & (low == low[-1]))[::-1]
    return int(np.argmin(from_left)), int(np.argmin(from_right))


def _turn(box: Box) -> Box:
    return Box(box.left, box.top, box.right, box.bottom)
