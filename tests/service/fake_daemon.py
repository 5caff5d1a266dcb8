"""A real daemon with an engine of a few lines. `strength` picks what the engine does.

1.0  inverts the picture           0.0  gives it back
0.5  works until it is cancelled   0.3  fails as no engine should
0.7  ends the process
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from dnid.errors import Cancelled, DniError, NotFinite, PackDamaged
from dnid.recipe import Recipe
from dnid.service.server import serve


class FakeEngine:
    store = SimpleNamespace(describe=lambda: [{"id": "fake", "effect": "denoise"}])

    def describe(self) -> dict[str, Any]:
        return {"threads": 1, "devices": ["cpu"], "networks": []}

    def restore(
        self,
        image: np.ndarray,
        recipe: Recipe,
        mask: np.ndarray | None = None,
        *,
        device: str,
        progress: Callable[[Any], None],
        cancelled: Callable[[], bool],
    ) -> SimpleNamespace:
        strength = recipe.stages[0].strength
        progress(SimpleNamespace(state="running", done=0, total=2))
        if strength == 0.5:
            _work_until(cancelled)
        if strength == 0.3:
            raise ZeroDivisionError("a bug")
        if strength == 0.7:
            os._exit(1)
        if strength == 0.9:
            raise NotFinite("The picture burst.")
        pixels = image if strength == 0 else _invert(image, mask)
        progress(SimpleNamespace(state="running", done=2, total=2))
        return SimpleNamespace(pixels=pixels, device="cpu", format="float32", seconds=0.0, packs=())


def _work_until(cancelled: Callable[[], bool]) -> None:
    tick = threading.Event()
    while not cancelled():
        tick.wait(0.01)
    raise Cancelled("Cancelled.")


def _invert(image: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    full = image.dtype.type(1 if image.dtype == np.float32 else np.iinfo(image.dtype).max)
    inverted = full - image
    return inverted if mask is None else np.where(mask[..., None] > 0, inverted, image)


def _broken() -> FakeEngine:
    raise PackDamaged("The pack fell off the shelf.")


def main(arguments: list[str]) -> int:
    factory = _broken if "broken" in arguments else FakeEngine
    idle = next((float(word) for word in arguments if word[0].isdigit()), 900.0)
    try:
        return serve(factory, on_demand="--on-demand" in arguments, idle_seconds=idle)
    except DniError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
