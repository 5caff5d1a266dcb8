"""Cut a picture into tiles that read a halo around the pixels they give.

A tile's read box ends at the picture's own border, so that the network pads
there exactly as it would for the whole picture; everywhere else the halo gives
it the true neighbours. Boxes lie on multiples of the network's stride. With a
halo as large as the receptive field, tiles give the untiled result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MAX_COLUMNS = 64
STRIP_PIXELS = 1 << 20
"""Of the picture, at a time, where it is read in strips."""


@dataclass(frozen=True)
class Box:
    """Rows top..bottom, columns left..right, the ends not included; in pixels."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def area(self) -> int:
        return self.height * self.width

    def relative_to(self, other: Box) -> Box:
        """The same pixels, counted from the other box's top left."""
        top, left = other.top, other.left
        return Box(self.top - top, self.left - left, self.bottom - top, self.right - left)

    def times(self, scale: int) -> Box:
        """The same place in a picture that is `scale` times as high and wide."""
        return Box(self.top * scale, self.left * scale, self.bottom * scale, self.right * scale)

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)


@dataclass(frozen=True)
class Grid:
    """A picture's size and what a network needs of a tile."""

    height: int
    width: int
    halo: int
    multiple: int

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width rounded up to the multiple."""
        return _round_up(self.height, self.multiple), _round_up(self.width, self.multiple)

    def read_box(self, core: Box) -> Box:
        """`core` and its halo, inside the padded picture, on multiples."""
        halo = _round_up(self.halo, self.multiple)
        height, width = self.padded
        return Box(
            max(0, core.top - halo),
            max(0, core.left - halo),
            min(height, _round_up(core.bottom, self.multiple) + halo),
            min(width, _round_up(core.right, self.multiple) + halo),
        )

    def tiles(self, budget: int) -> list[Box]:
        """Core boxes that cover the picture, read boxes of at most `budget` pixels each
        (or the smallest possible), cut so that the fewest pixels are read twice."""
        cuts = list(self._cuts(budget)) or [(self.multiple, self.multiple)]
        return min((self._cut(*cut) for cut in cuts), key=self._pixels_read)

    def halves(self, core: Box) -> list[Box]:
        """`core` cut across its longer side; itself when it is one multiple wide and high."""
        rows = _round_up(max(core.height // 2, 1), self.multiple)
        columns = _round_up(max(core.width // 2, 1), self.multiple)
        if core.height >= core.width and rows < core.height:
            middle = core.top + rows
            return [
                Box(core.top, core.left, middle, core.right),
                Box(middle, core.left, core.bottom, core.right),
            ]
        if columns < core.width:
            middle = core.left + columns
            return [
                Box(core.top, core.left, core.bottom, middle),
                Box(core.top, middle, core.bottom, core.right),
            ]
        return [core]

    def _cuts(self, budget: int) -> Iterator[tuple[int, int]]:
        """Core sizes (rows, columns) whose read boxes fit the budget."""
        height, width = self.padded
        margin = 2 * _round_up(self.halo, self.multiple)
        for columns in range(1, min(MAX_COLUMNS, width // self.multiple) + 1):
            core_width = _round_up(-(-width // columns), self.multiple)
            read_height = budget // min(core_width + margin, width)
            if read_height >= height:
                yield height, core_width
                return
            core_height = (read_height - margin) // self.multiple * self.multiple
            if core_height > 0:
                rows = -(-height // core_height)
                yield _round_up(-(-height // rows), self.multiple), core_width

    def _cut(self, rows: int, columns: int) -> list[Box]:
        return [
            Box(top, left, min(top + rows, self.height), min(left + columns, self.width))
            for top in range(0, self.height, rows)
            for left in range(0, self.width, columns)
        ]

    def _pixels_read(self, cores: list[Box]) -> int:
        return sum(self.read_box(core).area for core in cores)


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def strips(height: int, width: int) -> list[Box]:
    """The picture cut into strips as wide as it is, from the top."""
    rows = max(1, STRIP_PIXELS // width)
    return [Box(top, 0, min(top + rows, height), width) for top in range(0, height, rows)]
