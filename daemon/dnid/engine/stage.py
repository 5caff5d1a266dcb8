"""One stage over one picture: tile by tile, in smaller tiles where memory runs out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import torch
from torch import Tensor

from dnid.engine.pixels import (
    ENLARGING_RADIUS,
    FILL_RADIUS,
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

TILE_PIXELS = 1 << 21
"""Pixels that a tile reads, halo included."""

MASKED_TILE_PIXELS = 1 << 18
"""Smaller where a mask varies: more tiles lie wholly inside or outside of it."""


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
            _check_shares(stage.shares, runner, mask)
        self.runner, self.stage, self.mask = runner, stage, mask
        halo = runner.full_halo if exact else runner.halo
        halo = halo if stage.scale == 1 else max(halo, ENLARGING_RADIUS)
        halo += FILL_RADIUS if has_alpha(image) else 0
        self.grid = Grid(image.shape[0], image.shape[1], halo, runner.multiple)
        budget = TILE_PIXELS if mask is None else MASKED_TILE_PIXELS
        self.cores = self.grid.tiles(budget // stage.scale**2)

    def run(self, image: Image, counter: Counter) -> Image:
        reader = TileReader(image, self.stage.scale)
        out = reader.empty_result()
        pending = deque(self.cores)
        while pending:
            counter.before_tile()
            core = pending.popleft()
            try:
                self._tile(reader, core, out)
            except (MemoryError, RuntimeError) as error:
                smaller = self._after_fault(error, [core, *pending])
                counter.more(len(smaller) - 1 - len(pending))
                pending = deque(smaller)
            else:
                counter.done += 1
        return out

    def _tile(self, reader: TileReader, core: Box, out: Image) -> None:
        """Nothing is written before the tile's result is whole."""
        box = self.grid.read_box(core)
        if self.mask is None:
            reader.write(self._plain(reader.read(box)), box, core, out)
            return
        strengths = strength_tile(self.mask, box, self.stage.strength, self.stage.outside)
        untouched = None
        if self.stage.scale == 1:
            untouched = strengths[core.relative_to(box).slices] == 0
            if bool(untouched.all()):
                out[core.slices] = reader.image[core.slices]
                return
        reader.write(self._masked(reader.read(box), strengths), box, core, out, untouched)

    def _plain(self, tile: Tensor) -> Tensor:
        if self.stage.shares is not None:
            return self.runner.run_blend(tile, self.stage.shares)
        return self.runner.run(tile, self.stage.strength)

    def _masked(self, tile: Tensor, strengths: Tensor) -> Tensor:
        """A tile whose strength does not vary costs one plain network."""
        low, high = (float(bound) for bound in torch.aminmax(strengths))
        return (
            self.runner.run(tile, low) if low == high else self.runner.run_spatial(tile, strengths)
        )

    def _after_fault(self, error: Exception, pending: list[Box]) -> list[Box]:
        """The unfinished tiles, each halved, when memory ran out; else the error again."""
        if not _is_out_of_memory(error):
            raise error
        smaller = [half for core in pending for half in self.grid.halves(core)]
        if len(smaller) == len(pending):
            raise OutOfMemory("Not enough memory even for the smallest tile; close something.")
        if self.runner.device.type == "cuda":
            torch.cuda.empty_cache()
        return smaller


def _check_shares(shares: tuple[float, ...], runner: PackRunner, mask: Image | None) -> None:
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
