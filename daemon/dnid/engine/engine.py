"""Image and recipe in, image out, tile by tile."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from dnid.engine.device import find_device
from dnid.engine.pixels import (
    FILL_RADIUS,
    FULL_SCALE,
    Image,
    TileReader,
    check_image,
    check_mask,
    has_alpha,
    strength_tile,
)
from dnid.engine.result import PackUsed, Progress, Restored
from dnid.engine.runner import PackRunner
from dnid.engine.tiling import Box, Grid
from dnid.errors import Cancelled, OutOfMemory
from dnid.packs.store import PackStore
from dnid.recipe import Execution, Recipe, Stage

TILE_PIXELS = 1 << 21
"""Pixels that a tile reads, halo included."""

MASKED_TILE_PIXELS = 1 << 18
"""Smaller where a mask varies: more tiles lie wholly inside or outside of it."""


DEFAULT = Execution()


def _ignore(_: Progress) -> None:
    pass


def _never() -> bool:
    return False


class Engine:
    """Keeps loaded packs between calls. Not thread-safe: one worker calls it."""

    def __init__(self, store: PackStore) -> None:
        self.store = store
        self._runners: dict[tuple[str, str], PackRunner] = {}

    def restore(
        self,
        image: Image,
        recipe: Recipe,
        mask: Image | None = None,
        *,
        how: Execution = DEFAULT,
        progress: Callable[[Progress], None] = _ignore,
        cancelled: Callable[[], bool] = _never,
    ) -> Restored:
        """Apply the recipe to `image`, H×W×C uint8, uint16 or float32 (see pixels.py).

        `mask` is H×W; with it each pixel has outside + (strength − outside) · m.
        Strength 0 returns the input bit for bit.
        `progress` is called before each tile and at the end; `cancelled` is asked
        before each tile.

        Raises BadImage, BadMask, PackNotFound, PackDamaged, DeviceUnavailable,
        OutOfMemory, NotFinite or Cancelled; the input is never changed.
        """
        start = time.perf_counter()
        check_image(image)
        if mask is not None:
            check_mask(mask, image)
        stages = [stage for stage in recipe.in_order() if _has_effect(stage, mask)]
        progress(Progress("loading"))
        where = find_device(how.device)
        runners = [self._runner(stage, where) for stage in stages]
        work = [
            _StageRun(runner, stage, image, mask, how.exact_tiles)
            for runner, stage in zip(runners, stages, strict=True)
        ]
        counter = _Counter(sum(len(run.cores) for run in work), progress, cancelled)
        pixels = image if len(work) == 1 else _as_float(image)
        for run in work:
            pixels = run.run(pixels, counter)
        counter.finish()
        return Restored(
            pixels=image.copy() if not work else _as_dtype(pixels, image.dtype),
            device=str(where),
            format="/".join(dict.fromkeys(runner.choice.format for runner in runners)),
            seconds=time.perf_counter() - start,
            packs=tuple(PackUsed(r.pack.manifest.id, r.pack.sha256) for r in runners),
        )

    def describe(self) -> dict[str, Any]:
        """What `dnid status` shows: threads, devices, and the measured networks."""
        devices = ["cpu"]
        if torch.cuda.is_available():
            devices += [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        networks = [
            {"pack": runner.pack.manifest.id, **asdict(runner.choice)}
            for runner in list(self._runners.values())  # another thread may ask
        ]
        return {"threads": torch.get_num_threads(), "devices": devices, "networks": networks}

    def _runner(self, stage: Stage, device: torch.device) -> PackRunner:
        pack = self.store.find(stage.effect, stage.pack)
        key = pack.sha256, str(device)
        if key not in self._runners:
            self._runners[key] = PackRunner(pack, device)
        return self._runners[key]


class _Counter:
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


class _StageRun:
    """One stage over one picture."""

    def __init__(
        self,
        runner: PackRunner,
        stage: Stage,
        image: Image,
        mask: Image | None,
        exact: bool,
    ) -> None:
        self.runner, self.stage, self.mask = runner, stage, mask
        halo = runner.full_halo if exact else runner.halo
        halo += FILL_RADIUS if has_alpha(image) else 0
        self.grid = Grid(image.shape[0], image.shape[1], halo, runner.multiple)
        self.cores = self.grid.tiles(TILE_PIXELS if mask is None else MASKED_TILE_PIXELS)

    def run(self, image: Image, counter: _Counter) -> Image:
        reader = TileReader(image)
        out = np.empty_like(image)
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
        inner = core.relative_to(box)
        untouched = None
        if self.mask is None:
            result = self.runner.run(reader.read(box), self.stage.strength)
        else:
            strengths = strength_tile(self.mask, box, self.stage.strength, self.stage.outside)
            untouched = strengths[inner.slices] == 0
            if bool(untouched.all()):
                out[core.slices] = reader.image[core.slices]
                return
            low, high = (float(bound) for bound in torch.aminmax(strengths))
            tile = reader.read(box)
            if low == high:
                result = self.runner.run(tile, low)
            else:
                result = self.runner.run_spatial(tile, strengths)
        reader.write(result[..., inner.slices[0], inner.slices[1]], core, out, untouched)

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


def _has_effect(stage: Stage, mask: Image | None) -> bool:
    return stage.strength > 0 or (mask is not None and stage.outside > 0)


def _is_out_of_memory(error: Exception) -> bool:
    """torch tells a failed allocation on the CPU as a plain RuntimeError."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(text in str(error) for text in ("can't allocate memory", "not enough memory"))


def _as_float(image: Image) -> Image:
    """Between stages pixels stay float, so that nothing is rounded twice."""
    if image.dtype == np.float32:
        return image
    return image.astype(np.float32) / np.float32(FULL_SCALE[image.dtype.name])


def _as_dtype(image: Image, dtype: np.dtype[Any]) -> Image:
    if image.dtype == dtype:
        return image
    scale = np.float32(FULL_SCALE[dtype.name])
    return np.clip(np.rint(image * scale), 0, scale).astype(dtype)
