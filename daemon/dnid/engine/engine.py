"""Image and recipe in, image out, tile by tile."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from dnid.dni.cache import BlendCache
from dnid.engine.auto import propose
from dnid.engine.device import find_device
from dnid.engine.part import Part
from dnid.engine.pixels import FULL_SCALE, Image, check_image, check_mask
from dnid.engine.result import PackUsed, Progress, Proposed, Restored, Subject
from dnid.engine.runner import PackRunner
from dnid.engine.stage import Counter, StageRun
from dnid.engine.whole import WholeRun, check_part, subject_map
from dnid.errors import BadRecipe, PackDamaged
from dnid.networks.estimator import Estimator
from dnid.networks.subject import SubjectFinder
from dnid.packs.store import Pack, PackStore
from dnid.recipe import Execution, Recipe, Stage

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
        self._estimators: dict[str, Estimator] = {}
        self._finders: dict[str, SubjectFinder | None] = {}
        self._blends = BlendCache()

    def restore(
        self,
        image: Image,
        recipe: Recipe,
        mask: Image | None = None,
        *,
        part: Part | None = None,
        how: Execution = DEFAULT,
        progress: Callable[[Progress], None] = _ignore,
        cancelled: Callable[[], bool] = _never,
    ) -> Restored:
        """Apply the recipe to `image`, H×W×C uint8, uint16 or float32 (see pixels.py).

        `mask` is H×W; with it each pixel has outside + (strength − outside) · m.
        Strength 0 returns the input bit for bit, but sr enlarges at any strength. `part` says
        where image and mask lie in a larger picture, which dof looks at.
        `progress` is called before each tile and at the end; `cancelled` is asked
        before each tile.

        Raises BadImage, BadMask, BadRecipe, PackNotFound, PackDamaged, DeviceUnavailable,
        OutOfMemory, NotFinite or Cancelled; the input is never changed.
        """
        start = time.perf_counter()
        check_image(image, recipe.scale)
        if mask is not None:
            check_mask(mask, image)
        if part is not None:
            check_part(part, image, mask)
        stages = [stage for stage in recipe.in_order() if stage.runs(mask is not None)]
        progress(Progress("loading"))
        where = find_device(how.device)
        runners = [self._runner(stage, where) for stage in stages]
        work = [
            self._run_of(runner, stage, image, mask, part, how)
            for runner, stage in zip(runners, stages, strict=True)
        ]
        counter = Counter(sum(len(run.cores) for run in work), progress, cancelled)
        pixels = image if len(work) == 1 else _as_float(image)
        for run in work:
            pixels = run.run(pixels, counter)
        counter.finish()
        return Restored(
            pixels=image.copy() if not work else _as_dtype(pixels, image.dtype),
            device=str(where),
            format="/".join(dict.fromkeys(runner.choice.format for runner in runners)),
            seconds=time.perf_counter() - start,
            approximate=any(run.is_approximate for run in work),
            spatial=_how_spatial(work),
            packs=tuple(PackUsed(r.pack.manifest.id, r.pack.sha256) for r in runners),
        )

    def propose(self, image: Image, recipe: Recipe) -> Proposed:
        """The strengths that the packs of the recipe's stages propose for `image`.

        The stages' own strengths do not matter. Raises BadRecipe for a pack that proposes
        none, BadImage, PackNotFound, PackDamaged or NotFinite.
        """
        start = time.perf_counter()
        check_image(image, recipe.scale)
        packs = [self.store.find(s.effect, s.pack, s.scale) for s in recipe.stages]
        estimators = [self._estimator(pack) for pack in packs]
        strengths = {
            stage.effect: propose(estimator, image)
            for stage, estimator in zip(recipe.stages, estimators, strict=True)
        }
        used = tuple(PackUsed(pack.manifest.id, pack.sha256) for pack in packs)
        return Proposed(strengths, time.perf_counter() - start, used)

    def subject(self, image: Image, pack_id: str | None = None) -> Subject:
        """What the picture is of, as the dof pack (the default, or the one named) finds it.

        Raises NoSubject, BadImage, PackNotFound or PackDamaged.
        """
        start = time.perf_counter()
        check_image(image, 1)
        pack = self.store.find("dof", pack_id)
        found = subject_map(self._finder(pack), image, pack.manifest.working_side)
        used = (PackUsed(pack.manifest.id, pack.sha256),)
        return Subject(found[..., None], time.perf_counter() - start, used)

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

    def _run_of(
        self,
        runner: PackRunner,
        stage: Stage,
        image: Image,
        mask: Image | None,
        part: Part | None,
        how: Execution,
    ) -> StageRun | WholeRun:
        if runner.pack.manifest.working_side:
            return WholeRun(runner, self._finder(runner.pack), stage, image, mask, part)
        return StageRun(runner, stage, image, mask, how.exact_tiles)

    def _runner(self, stage: Stage, device: torch.device) -> PackRunner:
        pack = self.store.find(stage.effect, stage.pack, stage.scale)
        if runner := self._runners.get((pack.sha256, str(device))):
            return runner
        runner = self._load(pack, stage, device)
        self._forget_replaced(runner.pack)
        self._runners[runner.pack.sha256, str(device)] = runner
        return runner

    def _load(self, pack: Pack, stage: Stage, device: torch.device) -> PackRunner:
        """A pack that was replaced while it was read is read anew."""
        try:
            return PackRunner(pack, device, self._blends)
        except PackDamaged:
            found = self.store.find(stage.effect, stage.pack, stage.scale)
            if found.sha256 == pack.sha256:
                raise
            return PackRunner(found, device, self._blends)

    def _forget_replaced(self, newer: Pack) -> None:
        """Let go of packs that are no longer installed; a job that runs keeps its own."""
        installed = self.store.ids()
        for key, runner in list(self._runners.items()):
            old = runner.pack
            same_id = old.manifest.id == newer.manifest.id
            if old.manifest.id not in installed or (same_id and old.sha256 != newer.sha256):
                del self._runners[key]

    def _finder(self, pack: Pack) -> SubjectFinder | None:
        if pack.sha256 not in self._finders:
            self._finders[pack.sha256] = pack.finder()
        return self._finders[pack.sha256]

    def _estimator(self, pack: Pack) -> Estimator:
        if pack.sha256 not in self._estimators:
            estimator = pack.estimator()
            if estimator is None:
                raise BadRecipe(
                    f"Pack {pack.manifest.id!r} proposes no strength; choose a number from 0 to 1."
                )
            self._estimators[pack.sha256] = estimator
        return self._estimators[pack.sha256]


def _how_spatial(work: Sequence[StageRun | WholeRun]) -> str | None:
    """For Restored: by levels when one stage had to."""
    masked = [run for run in work if run.mask is not None]
    if not masked:
        return None
    return "one-pass" if all(run.runner.mixes for run in masked) else "levels"


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
