"""Tiles of a network for which no halo is exact: they overlap and fade into each other.

Each tile counts for what it read with a weight that rises smoothly across its core's border,
and the weights of all tiles sum to 1 at each pixel. So what tiles differ by, since none of
them sees the whole picture, shows as no seam.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from dnid.engine.tiling import Box, Grid

Span = tuple[int, int]


class Overlap:
    """The weighted sum of overlapping results: 1×3×H×W float32, of the padded picture's size."""

    def __init__(self, grid: Grid, cores: Iterable[Box], scale: int) -> None:
        """`cores` are those of one cut of `grid`; results are `scale` times as high and wide."""
        height, width = (length * scale for length in grid.padded)
        self.scale = scale
        self.sum = torch.zeros(1, 3, height, width)
        boxes = [grid.read_box(core).times(scale) for core in cores]
        # A cut has rows and columns, so weights are products of two lines, and so are their sums.
        halo = grid.halo * scale
        self._rows = _line_weights({(box.top, box.bottom) for box in boxes}, height, halo)
        self._columns = _line_weights({(box.left, box.right) for box in boxes}, width, halo)

    def add(self, result: Tensor, box: Box) -> None:
        """`result`: what the network gave for the read box, 1×3×(s·h)×(s·w)."""
        place = box.times(self.scale)
        rows = self._rows[place.top, place.bottom][:, None]
        columns = self._columns[place.left, place.right]
        self.sum[..., *place.slices].addcmul_(result * rows, columns)

    def read(self, box: Box) -> Tensor:
        """The sum there, 1×3×(s·h)×(s·w), once all tiles were added."""
        return self.sum[..., *box.times(self.scale).slices]


def _line_weights(spans: set[Span], length: int, halo: int) -> dict[Span, Tensor]:
    """A weight for each pixel of each span; over all spans they sum to 1."""
    weights = {span: _fade(*span, length, halo) for span in spans}
    total = torch.zeros(length)
    for (start, stop), weight in weights.items():
        total[start:stop] += weight
    return {(start, stop): weight / total[start:stop] for (start, stop), weight in weights.items()}


def _fade(start: int, stop: int, length: int, halo: int) -> Tensor:
    """0 over the outer half of the halo, where padding shows most; 1 from half a halo inside
    the core; a smooth step between. The picture's own border is no edge."""
    pixel = torch.arange(start, stop) + 0.5
    inside = torch.full_like(pixel, float("inf"))
    if start > 0:
        inside = pixel - start
    if stop < length:
        inside = torch.minimum(inside, stop - pixel)
    t = ((inside - halo / 2) / max(halo, 1)).clamp(0, 1)
    return t * t * (3 - 2 * t)
