"""White Gaussian noise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dnipack.degrade.interval import Interval, bounds


@dataclass(frozen=True)
class Noise:
    """White Gaussian noise in RGB, as in the paper's denoising experiments (§4.2).

    The result is not clipped.
    """

    sigma: Interval
    """Standard deviation on the 0..255 scale; [low, high]: one for each picture, evenly spread."""

    def __post_init__(self) -> None:
        bounds(self.sigma, "sigma of noise", 0, 255)

    def __call__(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        low, high = bounds(self.sigma, "sigma of noise", 0, 255)
        noise = torch.randn(clean.shape, generator=generator)
        sigma = low + (high - low) * torch.rand(len(clean), 1, 1, 1, generator=generator)
        return clean + (noise * (sigma / 255)).to(clean.device)
