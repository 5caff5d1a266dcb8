"""Enlarged pictures: as soft as a camera's full-size photo is from pixel to pixel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dnipack.degrade.interval import Interval, bounds, check_probability


@dataclass(frozen=True)
class Zoom:
    """The middle of each picture, enlarged to the picture's size by bicubic interpolation.

    Training photos that were scaled down have detail in every pixel; a photo straight from
    a camera has not. As an anchor's `prepare` this makes clean pictures of the second sort.
    """

    factor: Interval = (1.0, 2.5)
    """[low, high]: one for each picture, evenly spread."""
    probability: float = 1.0
    """That a picture is enlarged at all."""

    def __post_init__(self) -> None:
        bounds(self.factor, "factor of zoom", 1, 16)
        check_probability(self.probability, "probability")

    def __call__(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        low, high = bounds(self.factor, "factor of zoom", 1, 16)
        factor = low + (high - low) * torch.rand(len(clean), generator=generator)
        chosen = torch.rand(len(clean), generator=generator) < self.probability
        if not bool(chosen.any()):
            return clean
        view = torch.zeros(int(chosen.sum()), 2, 3)
        view[:, 0, 0] = view[:, 1, 1] = 1 / factor[chosen]
        some = clean[chosen]
        grid = F.affine_grid(view.to(some), list(some.shape), align_corners=False)
        enlarged = F.grid_sample(some, grid, "bicubic", "reflection", align_corners=False)
        result = clean.clone()
        result[chosen] = enlarged.clamp_(0, 1)
        return result
