"""The picture as a fast lens would draw it, with the background out of focus."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dnid.errors import BadInput
from dnipack.degrade.light import linear_to_srgb, srgb_to_linear

WORKING_SIDE = 512
"""Pixels of a picture's long side when a lens is rendered."""
_BY_SUMS = 12
"""Largest reach of a disc, in pixels, for which adding its weights one by one is quicker."""


@dataclass(frozen=True)
class Lens:
    """A disc of confusion in linear light, the same over the whole background.

    Takes N×4×H×W: sRGB in 0..1 and the focus map, 1 where the picture stays sharp; gives
    N×3×H×W. The disc gathers light from the background alone: what is in focus neither
    bleeds into the blur nor is blurred. What lies hidden behind the subject is not known, so
    the disc's mean there is taken over what is seen. Bright spots keep their energy, since
    light is added before the sRGB curve.
    """

    radius: float
    """Of the disc, as a share of the long side of a picture of WORKING_SIDE pixels."""

    def __post_init__(self) -> None:
        if not 0 <= self.radius <= 0.1:
            raise BadInput("The radius of a lens is 0 to 0.1 of the picture's long side.")

    def __call__(self, scene: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return render(scene, self.radius * WORKING_SIDE)


def render(scene: Tensor, radius: float) -> Tensor:
    """The same with a disc of `radius` pixels; smaller than half a pixel it has no effect."""
    photo, focus = scene[:, :3], scene[:, 3:]
    if radius == 0:
        return photo
    light = srgb_to_linear(photo.clamp(0, 1))
    behind = (1 - 2 * focus).clamp_(min=0)  # a pixel that is half subject has its colour, too
    gathered = _convolve(torch.cat([light * behind, behind], 1), disc(radius))
    seen = gathered[:, 3:]
    blurred = torch.where(seen > 1e-4, gathered[:, :3] / seen.clamp(min=1e-4), light)
    return linear_to_srgb(torch.lerp(blurred, light, focus))


def disc(radius: float) -> Tensor:
    """k×k weights with sum 1: each pixel's share lies inside the disc, to a sixteenth."""
    reach = int(radius + 0.5)
    steps = (torch.arange((2 * reach + 1) * 16) + 0.5) / 16 - reach - 0.5
    inside = (steps[:, None] ** 2 + steps**2 <= max(radius, 0.5) ** 2).float()
    kernel = F.avg_pool2d(inside[None, None], 16)[0, 0]
    return kernel / kernel.sum()


def _convolve(planes: Tensor, kernel: Tensor) -> Tensor:
    """Every plane of N×C×H×W by itself; nothing lies beyond the border."""
    count, reach = planes.shape[1], kernel.shape[0] // 2
    if reach > _BY_SUMS:
        return _by_transform(planes, kernel)
    weights = kernel.to(planes.device).expand(count, 1, *kernel.shape)
    return F.conv2d(planes, weights, padding=reach, groups=count)


def _by_transform(planes: Tensor, kernel: Tensor) -> Tensor:
    """The same by Fourier transform: a disc of 60 pixels has 11000 weights."""
    side = kernel.shape[0]
    height, width = planes.shape[-2:]
    size = [height + side - 1, width + side - 1]
    response = torch.fft.rfft2(kernel.to(planes.device), size)
    done = [
        torch.fft.irfft2(torch.fft.rfft2(plane, size) * response, size)
        for plane in planes.flatten(0, 1)
    ]
    low = side // 2
    return torch.stack(done).view(*planes.shape[:2], *size)[
        ..., low : low + height, low : low + width
    ]
