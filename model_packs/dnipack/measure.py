"""What a pack does to pictures whose truth is known: PSNR along the slider, level by level."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dnid.engine.runner import PackRunner
from dnid.errors import BadInput
from dnipack.degrade import Degradation, Noise
from dnipack.photos import Photo, to_tensor

POSITIONS = tuple(step / 20 for step in range(21))

LEVELS: dict[str, Callable[[float], Degradation]] = {"denoise": Noise}
"""Effect → the degradation of a level (for denoise: σ on the 0..255 scale)."""


@dataclass(frozen=True)
class LevelResult:
    level: float
    input_psnr: float
    """dB, the mean over the pictures of RGB PSNR, as published tables have it."""
    psnr: tuple[float, ...]
    """dB at each of the positions."""
    positions: tuple[float, ...]

    @property
    def best(self) -> tuple[float, float]:
        """(position, PSNR)"""
        return max(zip(self.positions, self.psnr, strict=True), key=lambda pair: pair[1])


def measure(
    runner: PackRunner,
    photos: Sequence[Photo],
    levels: Sequence[float],
    positions: Sequence[float] = POSITIONS,
    progress: Callable[[], None] = lambda: None,
) -> list[LevelResult]:
    """Degrade each photo to each level and restore it at each position (0..1).

    `progress` is called after each picture at each level. Raises BadInput for an
    effect that has no levels.
    """
    effect = runner.pack.manifest.effect
    if effect not in LEVELS:
        raise BadInput(f"How to measure {effect} is not known; known: {', '.join(LEVELS)}.")
    results = []
    for level in levels:
        rows = []
        for number, photo in enumerate(photos):
            rows.append(_row(runner, photo, LEVELS[effect](level), number, positions))
            progress()
        means = torch.tensor(rows, dtype=torch.float64).mean(0).tolist()
        results.append(LevelResult(level, means[0], tuple(means[1:]), tuple(positions)))
    return results


def _row(
    runner: PackRunner,
    photo: Photo,
    degrade: Degradation,
    seed: int,
    positions: Sequence[float],
) -> list[float]:
    """PSNR of the degraded picture, then of its restoration at each position."""
    clean = to_tensor(photo)
    degraded = degrade(clean, torch.Generator().manual_seed(seed))
    return [
        psnr(degraded, clean),
        *(psnr(restore(runner, degraded, s) if s > 0 else degraded, clean) for s in positions),
    ]


def restore(runner: PackRunner, picture: Tensor, strength: float) -> Tensor:
    """1×3×H×W of any size through the network, untiled and unclipped."""
    height, width = picture.shape[-2:]
    bottom, right = (-side % runner.multiple for side in (height, width))
    padded = F.pad(picture, (0, right, 0, bottom), mode="replicate")
    padded = padded.contiguous(memory_format=torch.channels_last)
    return runner.run(padded, strength)[..., :height, :width]


def psnr(picture: Tensor, truth: Tensor) -> float:
    """dB over all values, peak 1."""
    error = float((picture - truth).square().mean(dtype=torch.float64))
    return -10 * math.log10(max(error, 1e-12))
