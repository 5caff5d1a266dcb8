"""The small network that finds what a photo is of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from dnid.networks.build import build_one_of
from dnid.networks.unet import UNet


class SubjectFinder(UNet):
    """A photo ↦ its subject.

    x is N×3×H×W, 0..1 nominal, the whole photo at a working size, H and W divisible by
    `multiple`; the result is N×1×H×W in 0..1: how surely a pixel belongs to the subject.
    """

    outputs = 1

    def forward(self, x: Tensor) -> Tensor:
        return self.logits(x).sigmoid()

    def logits(self, x: Tensor) -> Tensor:
        """The same before the sigmoid, which training is steadier with."""
        return self.residual(x - 0.5)


FINDERS: dict[str, type[SubjectFinder]] = {"unet": SubjectFinder}


def build_finder(architecture: str, options: Mapping[str, Any]) -> SubjectFinder:
    """With fresh weights. Raises PackDamaged for a name or options that do not fit."""
    return build_one_of(FINDERS, "finder", architecture, options)
