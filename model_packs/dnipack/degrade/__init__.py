"""What a network is trained to undo, written as data: `{kind = "noise", sigma = 20}`.

A degradation takes clean pictures, N×3×H×W float32 in 0..1, and a seeded
generator, and returns the degraded ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from dnid.errors import BadInput
from dnipack.degrade.behind import Behind
from dnipack.degrade.bicubic import Bicubic
from dnipack.degrade.camera import Camera
from dnipack.degrade.jpeg import Jpeg
from dnipack.degrade.lens import Lens
from dnipack.degrade.noise import Noise
from dnipack.degrade.zoom import Zoom

__all__ = [
    "DEGRADATIONS",
    "Behind",
    "Bicubic",
    "Camera",
    "Degradation",
    "Jpeg",
    "Lens",
    "Noise",
    "Zoom",
    "degradation",
]

Degradation = Callable[[Tensor, torch.Generator], Tensor]

DEGRADATIONS: dict[str, Callable[..., Degradation]] = {
    "behind": Behind,
    "bicubic": Bicubic,
    "camera": Camera,
    "jpeg": Jpeg,
    "lens": Lens,
    "noise": Noise,
    "zoom": Zoom,
}


def degradation(table: Mapping[str, Any]) -> Degradation:
    """The degradation that a recipe's table describes. Raises BadInput for an unknown one."""
    options = dict(table)
    kind = options.pop("kind", None)
    if kind not in DEGRADATIONS:
        raise BadInput(f"Unknown degradation {kind!r}; known: {', '.join(sorted(DEGRADATIONS))}.")
    try:
        return DEGRADATIONS[kind](**options)
    except TypeError as error:
        raise BadInput(f"Degradation {kind!r}: {error}") from error
