"""Train the small network with which a pack proposes a strength (networks/estimator.py).

Photos are degraded to known strengths of a calibrated slider (levels.py), and the network
learns to tell the strength from a crop. A minute or three on two cores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dnid.engine.auto import propose
from dnid.errors import BadInput
from dnid.networks.estimator import Estimator, build_estimator
from dnid.packs.manifest import Manifest
from dnipack.build import write_side_network
from dnipack.degrade import Camera, Degradation, Jpeg, Noise, Zoom
from dnipack.photos import CropSampler, Photo, to_tensor
from dnipack.recipe import TrainingRecipe

CROP = 128
"""Side in pixels."""
LEARNING_RATE = 2e-3
"""The peak of one cycle."""
GRAY = 0.1
"""Share of the pictures that are gray: one plane, three times."""
BEYOND = 1.15
"""Strongest degradation, so that the slider's end is not the edge of what was seen."""
CHECKED = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Strengths at which the held-back photos are checked."""

_SOFT = Zoom((1.0, 2.5), probability=0.5)


@dataclass(frozen=True)
class Lesson:
    """What a pack's estimator learns from, for one kind of degradation."""

    degradation: Callable[[float], Degradation]
    """Strength, from 0 to BEYOND, → what degrades a picture so that it needs this strength."""
    architecture: str = "grain"
    """One of ESTIMATORS."""
    options: Mapping[str, Any] = field(default_factory=lambda: {"channels": [16, 32, 48]})
    """Arguments of the architecture."""
    quantile: float = 0.5
    """Which share of the truths lies below the proposal where the picture leaves it open: 0.5
    errs to both sides alike, less errs to the side of too weak."""


LESSONS: Mapping[str, Lesson] = {
    "noise": Lesson(lambda strength: Noise(60 * strength)),
    "camera": Lesson(lambda strength: Camera(24 * strength), quantile=0.4),
    "jpeg": Lesson(
        lambda strength: Jpeg(max(1, round(100 - 90 * strength)), shifted=0.5, twice=0.2),
        "blocks",
        {"hidden": 48},
    ),
}


def lesson_for(recipe: TrainingRecipe) -> Lesson:
    """By what the end of the recipe's path undoes. Raises BadInput when it has no strengths."""
    kind = str(recipe.anchor(recipe.path[-1]).degradation.get("kind"))
    if kind not in LESSONS:
        raise BadInput(f"Nobody can tell a strength from {kind!r}; {', '.join(LESSONS)} work.")
    return LESSONS[kind]


def train_estimator(
    lesson: Lesson,
    photos: Sequence[Photo],
    steps: int,
    *,
    batch: int = 12,
    crop: int = CROP,
    progress: Callable[[float], object] = lambda _: None,
    seed: int = 0,
) -> Estimator:
    """A trained network; `progress` gets each step's mean absolute error.

    Raises BadInput when no photo is as large as a crop.
    """
    torch.manual_seed(seed)
    network = build_estimator(lesson.architecture, lesson.options)
    optimiser = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    for crops, strengths in _batches(lesson, CropSampler(photos, crop), steps, batch, seed):
        error = network(crops[:, None]) - strengths
        loss = pinball(error, lesson.quantile)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        progress(float(error.detach().abs().mean()))
    return _rounded(network.eval())


def pinball(error: Tensor, quantile: float) -> Tensor:
    """The loss whose least mean is at a quantile (Koenker and Bassett 1978); `error` is the
    proposal less the truth. At 0.5 it is half of the mean absolute error."""
    return torch.maximum(-quantile * error, (1 - quantile) * error).mean()


def _batches(
    lesson: Lesson, sampler: CropSampler, steps: int, batch: int, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """N×3×S×S crops and the N strengths that they need."""
    for step in range(steps):
        rng = np.random.default_rng((seed, step))
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        clean = _SOFT(sampler.batch(batch, rng), generator)
        strengths = rng.uniform(0, BEYOND, batch).tolist()
        crops = [
            _degraded(lesson, picture[None], strength, generator)
            for picture, strength in zip(clean, strengths, strict=True)
        ]
        for crop in crops:
            if rng.random() < GRAY:
                crop[:] = crop[:, 1:2].clone()
        yield torch.cat(crops), torch.tensor(strengths, dtype=torch.float32).clamp_(max=1)


def _degraded(lesson: Lesson, clean: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """1×3×H×W as it would stand in an 8-bit file."""
    return lesson.degradation(strength)(clean, generator).clamp(0, 1).mul(255).round().div(255)


def _rounded(network: Estimator) -> Estimator:
    """As a pack stores it."""
    network.load_state_dict({k: v.half().float() for k, v in network.state_dict().items()})
    return network


def check(network: Estimator, lesson: Lesson, photos: Sequence[Photo]) -> dict[float, list[float]]:
    """What it proposes, as in the engine, for each photo degraded to each of CHECKED."""
    proposals: dict[float, list[float]] = {strength: [] for strength in CHECKED}
    for number, photo in enumerate(photos):
        for strength, found in proposals.items():
            generator = torch.Generator().manual_seed(number)
            picture = _degraded(lesson, to_tensor(photo), strength, generator)
            pixels = picture[0].permute(1, 2, 0).mul(255).round().byte().numpy()
            found.append(propose(network, pixels))
    return proposals


def mean_error(proposals: Mapping[float, Sequence[float]]) -> float:
    """Mean absolute error over all photos and strengths."""
    errors = [abs(p - strength) for strength, found in proposals.items() for p in found]
    return sum(errors) / len(errors)


def write_estimator(folder: Path, manifest: Manifest, lesson: Lesson, network: Estimator) -> None:
    """auto.safetensors, then manifest.json with its hash and all else as it was."""
    write_side_network(folder, manifest, "auto", network, lesson.architecture, lesson.options)
