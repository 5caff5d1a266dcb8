"""JPEG compression by the real encoder (libjpeg-turbo, through Pillow)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from dnid.errors import BadInput
from dnipack.degrade.interval import Interval, bounds, check_probability

SUBSAMPLINGS = ("4:2:0", "4:2:2", "4:4:4")
_MCU = 16
"""Side in pixels of the largest block that is coded as one (4:2:0)."""
_GOOD_QUALITY = 95
"""What a camera or an editor writes before somebody compresses once more."""


@dataclass(frozen=True)
class Jpeg:
    """Compressed once, or twice on different grids; the result is a decoded 8-bit picture."""

    quality: Interval
    """libjpeg's 1..100; [low, high]: one for each picture, evenly spread over whole numbers."""
    subsampling: Sequence[str] = ("4:2:0", "4:4:4")
    """Of the chroma planes; each picture draws one."""
    shifted: float = 0.0
    """Probability that the picture was cropped since: its blocks do not start at its corner."""
    twice: float = 0.0
    """Probability of two compressions on different grids. The worse has the level's
    quality and comes first or last; the other lies between it and 95."""

    def __post_init__(self) -> None:
        bounds(self.quality, "quality of jpeg", 1, 100)
        if not self.subsampling or not set(self.subsampling) <= set(SUBSAMPLINGS):
            raise BadInput(f"The subsampling of jpeg lists some of {', '.join(SUBSAMPLINGS)}.")
        check_probability(self.shifted, "shifted")
        check_probability(self.twice, "twice")

    def __call__(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        pixels = clean.permute(0, 2, 3, 1).cpu().clamp(0, 1).mul(255).round().to(torch.uint8)
        degraded = np.stack([self._compress(picture, rng) for picture in pixels.numpy()])
        return torch.from_numpy(degraded).permute(0, 3, 1, 2).float().div_(255).to(clean.device)

    def _compress(self, picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        low, high = bounds(self.quality, "quality of jpeg", 1, 100)
        qualities = [int(rng.integers(round(low), round(high) + 1))]
        if rng.random() < self.twice:
            better = int(rng.integers(qualities[0], max(qualities[0], _GOOD_QUALITY) + 1))
            qualities.insert(int(rng.integers(2)), better)
        for number, quality in enumerate(qualities, 1):
            last = number == len(qualities)
            moved = rng.random() < self.shifted if last else True
            shift = rng.integers(_MCU, size=2) if moved else (0, 0)
            subsampling = str(rng.choice(self.subsampling))
            picture = _on_grid(picture, quality, subsampling, int(shift[0]), int(shift[1]))
        return picture


def _on_grid(
    picture: NDArray[np.uint8], quality: int, subsampling: str, top: int, left: int
) -> NDArray[np.uint8]:
    """Compressed on a grid whose first block starts `top`, `left` pixels before the corner."""
    if top or left:
        picture = np.pad(picture, ((top, 0), (left, 0), (0, 0)), "edge")
    return jpeg_round_trip(picture, quality, subsampling)[top:, left:]


def jpeg_round_trip(
    picture: NDArray[np.uint8], quality: int, subsampling: str = "4:2:0"
) -> NDArray[np.uint8]:
    """H×W×3 uint8 through libjpeg and back."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling=subsampling)
    with Image.open(file) as image:
        return np.asarray(image)
