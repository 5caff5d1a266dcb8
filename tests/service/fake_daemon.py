"""A real daemon with an engine of a few lines; the recipe's pack says what the engine does."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from dnid.engine.part import Part
from dnid.engine.result import PackUsed, Progress, Proposed, Restored, Subject
from dnid.errors import BadRecipe, Cancelled, DniError, NoSubject, NotFinite, PackDamaged
from dnid.recipe import Execution, Recipe
from dnid.service import messages
from dnid.service.server import serve


class FakeEngine:
    """Inverts the picture, where the mask lets it, and enlarges it."""

    store = SimpleNamespace(describe=lambda: [{"id": "fake", "effect": "denoise"}])

    def describe(self) -> dict[str, Any]:
        return {"threads": 1, "devices": ["cpu"], "networks": []}

    def propose(self, image: np.ndarray, recipe: Recipe) -> Proposed:
        """As many tenths as the first pixel says."""
        if recipe.stages[0].pack == "dumb":
            raise BadRecipe("It has no idea.")
        strengths = {stage.effect: float(image[0, 0, 0]) / 10 for stage in recipe.stages}
        return Proposed(strengths, 0.25, (PackUsed("fake", "00"),))

    def restore(
        self,
        image: np.ndarray,
        recipe: Recipe,
        mask: np.ndarray | None = None,
        *,
        part: Part | None = None,
        how: Execution,
        progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
    ) -> Restored:
        for done in range(3):
            progress(Progress("running", done, 2))
        match recipe.stages[0].pack:
            case "parts" if part is not None:
                image, mask = _described(part), None
            case "endless":
                _tick(progress, cancelled)
            case "slow":
                threading.Event().wait(0.8)
            case "buggy":
                raise ZeroDivisionError("a bug")
            case "deadly":
                os._exit(1)
            case "explosive":
                raise NotFinite("The picture burst.")
        return Restored(
            pixels=_invert(image, mask).repeat(recipe.scale, 0).repeat(recipe.scale, 1),
            device=how.device,
            format="float32",
            seconds=0.5,
            packs=(PackUsed("fake", "00"),),
            approximate=recipe.scale > 1,
            spatial=None if mask is None else "levels",
        )

    def subject(self, image: np.ndarray, pack: str | None = None) -> Subject:
        """What is brighter than its half."""
        if pack == "blind":
            raise NoSubject("Nothing stands out.")
        bright = np.where(image[..., :1] > 127, 255, 0).astype(np.uint8)
        return Subject(bright, 0.25, (PackUsed("fake", "00"),))


def _described(part: Part) -> np.ndarray:
    """1×7×1 uint8: its numbers, and the last pixel of the whole picture and of its mask."""
    mask = 0 if part.mask is None else part.mask[-1, -1]
    numbers = part.height, part.width, part.top, part.left, len(part.image.shape)
    return np.array([*numbers, part.image[-1, -1, 0], mask], np.uint8).reshape(1, 7, 1)


def _tick(progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> None:
    while not cancelled():
        progress(Progress("running", 1, 2))
        threading.Event().wait(0.01)
    raise Cancelled("The job was cancelled.")


def _invert(image: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    full = image.dtype.type(1 if image.dtype == np.float32 else np.iinfo(image.dtype).max)
    return full - image if mask is None else np.where(mask[..., None] > 0, full - image, image)


def _broken() -> FakeEngine:
    raise PackDamaged("The pack fell off the shelf.")


def main(arguments: list[str]) -> int:
    """Words: `--on-demand`, `idle=SECONDS`, `broken` (no engine), `other-release`."""
    idle = next((float(word[5:]) for word in arguments if word.startswith("idle=")), 900.0)
    if "other-release" in arguments:
        messages.PROTOCOL = 2
    try:
        engine: Any = _broken if "broken" in arguments else FakeEngine
        return serve(engine, "--on-demand" in arguments, idle)
    except DniError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
