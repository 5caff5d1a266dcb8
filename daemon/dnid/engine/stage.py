"""One stage over one picture: tile by tile, in smaller tiles where memory runs out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import torch
from torch import Tensor

from dnid.engine.budget import tile_pixels
from dnid.engine.masked import MaskCut
from dnid.engine.overlap import Overlap
from dnid.engine.pixels import (
    ENLARGING_RADIUS,
    FILL_RADIUS,
    FULL_SCALE,
    Image,
    TileReader,
    has_alpha,
    strength_tile,
)
from dnid.engine.result import Progress
from dnid.engine.runner import PackRunner
from dnid.engine.tiling import Box, Grid
from dnid.errors import BadRecipe, Cancelled, OutOfMemory
from dnid.recipe import Stage


class Counter:
    """Tells of progress, and stops when asked to."""

    def __init__(
        self, total: int, progress: Callable[[Progress], None], cancelled: Callable[[], bool]
    ) -> None:
        self.total, self.done = total, 0
        self.progress, self.cancelled = progress, cancelled

    def before_tile(self) -> None:
        if self.cancelled():
            raise Cancelled("Cancelled.")
        self.progress(Progress("running", self.done, self.total))

    def more(self, tiles: int) -> None:
        self.total += tiles

    def finish(self) -> None:
        self.progress(Progress("running", self.total, self.total))


class StageRun:
    """One stage over one picture."""

    def __init__(
        self,
        runner: PackRunner,
        stage: Stage,
        image: Image,
        mask: Image | None,
        exact: bool,
    ) -> None:
        """Raises BadRecipe for shares that do not fit the pack or cannot follow a mask."""
        if stage.shares is not None:
            check_shares(stage.shares, runner, mask)
        self.runner, self.stage, self.mask = runner, stage, mask
        halo = runner.halo(exact)
        halo = halo if stage.scale == 1 else max(halo, ENLARGING_RADIUS)
        halo += FILL_RADIUS if has_alpha(image) else 0
        self.grid = Grid(image.shape[0], image.shape[1], halo, runner.multiple)
        self.budget = tile_pixels(runner.bytes_per_pixel, runner.device, halo)
        self.cores = self.grid.tiles(self.budget)
        self.is_approximate = runner.is_approximate(exact) and len(self.cores) > 1
        if mask is not None and not self.is_approximate:
            cut = MaskCut(self.grid, mask, self._untouched(mask), largest=self.budget // 2)
            self.cores = [piece for core in self.cores for piece in cut.pieces(core)]

    def run(self, image: Image, counter: Counter) -> Image:
        """What becomes of `image`, which has the size that the stage was made for."""
        reader = TileReader(image, self.stage.scale)
        out = reader.empty_result()
        if self.is_approximate:
            self._run_overlapping(reader, out, counter)
        else:
            self._run_apart(reader, out, counter)
        return out

    def _run_apart(self, reader: TileReader, out: Image, counter: Counter) -> None:
        """Tiles that see all they need: each gives its core, whatever the others' size."""
        pending = deque(self.cores)
        while pending:
            counter.before_tile()
            core = pending.popleft()
            try:
                self._write(self._result(reader, core), reader, core, out)
            except (MemoryError, RuntimeError) as error:
                smaller = self._halved([core, *pending], error)
                counter.more(len(smaller) - 1 - len(pending))
                pending = deque(smaller)
            else:
                counter.done += 1

    def _run_overlapping(self, reader: TileReader, out: Image, counter: Counter) -> None:
        """Tiles that fade into each other; where memory runs out, all anew with another cut."""
        while True:
            before = counter.done
            try:
                self._add_up(reader, out, counter)
                return
            except (MemoryError, RuntimeError) as error:
                planned = len(self.cores)
                self._cut_smaller(error)
                counter.more(counter.done - before + len(self.cores) - planned)

    def _add_up(self, reader: TileReader, out: Image, counter: Counter) -> None:
        overlap = Overlap(self.grid, self.cores, self.stage.scale)
        for core in self.cores:
            counter.before_tile()
            if (result := self._result(reader, core)) is not None:
                overlap.add(result, self.grid.read_box(core))
            counter.done += 1
        for core in self.cores:
            self._write(overlap.read(self.grid.read_box(core)), reader, core, out)

    def _result(self, reader: TileReader, core: Box) -> Tensor | None:
        """What the network makes of what `core` reads; None where the mask leaves it alone."""
        box = self.grid.read_box(core)
        if self.mask is None:
            return self._plain(reader.read(box))
        strengths = self._strengths(box)
        given = strengths if self.is_approximate else strengths[core.relative_to(box).slices]
        if self.stage.scale == 1 and not bool(given.any()):
            return None
        return self._masked(reader.read(box), strengths)

    def _write(self, result: Tensor | None, reader: TileReader, core: Box, out: Image) -> None:
        """Nothing is written before the tile's result is whole."""
        if result is None:
            out[core.slices] = reader.image[core.slices]
            return
        masked = self.mask is not None and self.stage.scale == 1
        untouched = self._strengths(core) == 0 if masked else None
        reader.write(result, self.grid.read_box(core), core, out, untouched)

    def _plain(self, tile: Tensor) -> Tensor:
        if self.stage.shares is not None:
            return self.runner.run_blend(tile, self.stage.shares)
        return self.runner.run(tile, self.stage.strength)

    def _masked(self, tile: Tensor, strengths: Tensor) -> Tensor:
        """In one pass a tile whose strength does not vary costs one plain network; levels are
        the same everywhere, or tiles would show."""
        low, high = (float(bound) for bound in torch.aminmax(strengths))
        if low == high and self.runner.mixes:
            return self.runner.run(tile, low)
        between = self.stage.outside, self.stage.strength
        return self.runner.run_spatial(tile, strengths, between)

    def _untouched(self, mask: Image) -> float | None:
        """The mask's value that gives strength 0 and so the input; None where there is none."""
        if self.stage.scale == 1 and self.stage.outside == 0:
            return 0.0
        if self.stage.scale == 1 and self.stage.strength == 0:
            return FULL_SCALE[mask.dtype.name]
        return None

    def _strengths(self, box: Box) -> Tensor:
        assert self.mask is not None
        return strength_tile(self.mask, box, self.stage.strength, self.stage.outside)

    def _halved(self, pending: list[Box], error: Exception) -> list[Box]:
        """The unfinished tiles, each halved, when memory ran out; else the error again."""
        self._check_memory_ran_out(error)
        smaller = [half for core in pending for half in self.grid.halves(core)]
        if len(smaller) == len(pending):
            raise OutOfMemory(_NO_MEMORY) from error
        return smaller

    def _cut_smaller(self, error: Exception) -> None:
        """Make more tiles of the whole picture when memory ran out; else the error again."""
        self._check_memory_ran_out(error)
        tiles = len(self.cores)
        while len(self.cores) <= tiles:
            self.budget //= 2
            if self.budget < (2 * self.grid.halo + self.grid.multiple) ** 2:
                raise OutOfMemory(_NO_MEMORY) from error
            self.cores = self.grid.tiles(self.budget)

    def _check_memory_ran_out(self, error: Exception) -> None:
        if not _is_out_of_memory(error):
            raise error
        if self.runner.device.type == "cuda":
            torch.cuda.empty_cache()


_NO_MEMORY = "Not enough memory even for the smallest tile; close something."


def check_shares(shares: tuple[float, ...], runner: PackRunner, mask: Image | None) -> None:
    """Raises BadRecipe for shares that do not fit the pack, or that a mask would vary."""
    names = runner.stack.names
    if len(shares) != len(names):
        raise BadRecipe(
            f"Pack {runner.pack.manifest.id!r} takes {len(names)} shares ({', '.join(names)}),"
            f" not {len(shares)}."
        )
    if mask is not None:
        raise BadRecipe("Shares hold for the whole picture; leave out the mask, or the shares.")


def _is_out_of_memory(error: Exception) -> bool:
    """torch tells a failed allocation on the CPU as a plain RuntimeError."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(text in str(error) for text in ("can't allocate memory", "not enough memory"))
