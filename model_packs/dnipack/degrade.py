"""What a network is trained to undo, written as data: `{kind = "noise", sigma = 20}`.

A degradation takes clean pictures, N×3×H×W float32 in 0..1, and a seeded
generator, and returns the degraded ones, unclipped and of the same shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dnid.errors import BadInput

Degradation = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class Noise:
    """White Gaussian noise in RGB, as in the paper's denoising experiments (§4.2)."""

    sigma: float
    """Standard deviation on the 0..255 scale."""

    def __post_init__(self) -> None:
        if type(self.sigma) not in (int, float) or not 0 <= self.sigma <= 255:
            raise BadInput("The sigma of noise must be a number from 0 to 255.")

    def __call__(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.randn(clean.shape, generator=generator)
        return clean + noise.to(clean.device) * (self.sigma / 255)


@dataclass(frozen=True)
class Nothing:
    """The picture itself: what an identity anchor is trained on."""

    def __call__(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        return clean


DEGRADATIONS: dict[str, Callable[..., Degradation]] = {"noise": Noise, "none": Nothing}


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
