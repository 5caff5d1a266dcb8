"""What a network is trained to undo, written as data: `{kind = "noise", sigma = 20}`.

A degradation takes clean pictures, N×3×H×W float32 in 0..1, and a seeded
generator, and returns the degraded ones, unclipped and of the same shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dnid.errors import BadInput

Degradation = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class Noise:
    """White Gaussian noise in RGB, as in the paper's denoising experiments (§4.2)."""

    sigma: float | Sequence[float]
    """Standard deviation on the 0..255 scale; [low, high]: one for each picture, evenly spread."""

    def __post_init__(self) -> None:
        low, high = self._bounds()
        if any(type(s) not in (int, float) for s in (low, high)) or not 0 <= low <= high <= 255:
            raise BadInput("The sigma of noise must be a number from 0 to 255, or two that rise.")

    def __call__(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        low, high = self._bounds()
        noise = torch.randn(clean.shape, generator=generator)
        sigma = low + (high - low) * torch.rand(len(clean), 1, 1, 1, generator=generator)
        return clean + (noise * (sigma / 255)).to(clean.device)

    def _bounds(self) -> tuple[float, float]:
        if not isinstance(self.sigma, Sequence):
            return self.sigma, self.sigma
        if len(self.sigma) != 2:
            raise BadInput("The sigma of noise is one number, or the lowest and the highest.")
        return self.sigma[0], self.sigma[1]


DEGRADATIONS: dict[str, Callable[..., Degradation]] = {"noise": Noise}


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
