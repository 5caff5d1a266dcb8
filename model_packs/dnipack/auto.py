"""Train the small network with which a pack proposes a strength (networks/estimator.py).

Photos are degraded to known strengths of a calibrated slider (levels.py), and the network
learns to tell the strength from a crop. A minute or three on two cores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, count, islice
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
from dnipack.cost import Restore, cost, costs_of, price
from dnipack.degrade import Camera, Degradation, Jpeg, Noise, Zoom
from dnipack.photos import CropSampler, Photo, to_pixels, to_tensor
from dnipack.recipe import TrainingRecipe

BATCH = 12
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

Batches = Iterator[tuple[Tensor, Callable[[Tensor], Tensor]]]
"""N×3×S×S crops, and what is said to N proposals for them: how wrong each is."""


@dataclass(frozen=True)
class Lesson:
    """What a pack's estimator learns from, for one kind of degradation."""

    degradation: Callable[[float], Degradation]
    """Strength, from 0 to BEYOND, → what degrades a picture so that it needs this strength."""
    architecture: str = "grain"
    """One of ESTIMATORS."""
    options: Mapping[str, Any] = field(default_factory=lambda: {"channels": [16, 32, 48]})
    """Arguments of the architecture."""
    by_cost: bool = False
    """Learn at last what restores best (cost.py), not which strength the degradation had."""


LESSONS: Mapping[str, Lesson] = {
    "noise": Lesson(lambda strength: Noise(60 * strength)),
    # Smoother noise than the networks learnt from: a camera's own reduction goes far, and what
    # it leaves must not be taken for fainter than it is.
    "camera": Lesson(
        lambda strength: Camera(24 * strength, luma_blur=(0, 2), grain=(0, 0.4)), by_cost=True
    ),
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
    batches: Batches,
    steps: int,
    *,
    progress: Callable[[float], object] = lambda _: None,
    seed: int = 0,
) -> Estimator:
    """A trained network; `progress` gets each step's mean error."""
    torch.manual_seed(seed)
    network = build_estimator(lesson.architecture, lesson.options)
    optimiser = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    for crops, judge in islice(batches, steps):
        error = judge(network(crops[:, None])).mean()
        optimiser.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        progress(float(error.detach()))
    return _rounded(network.eval())


def by_strength(
    lesson: Lesson, photos: Sequence[Photo], *, batch: int = BATCH, crop: int = CROP, seed: int = 0
) -> Batches:
    """Crops without end whose strength is to be told. Raises BadInput when no photo is as
    large as a crop."""
    for _, crops, strengths in _degraded_crops(lesson, photos, batch, crop, seed):
        yield crops, partial(_absolute_error, strengths)


def _absolute_error(strengths: Tensor, proposals: Tensor) -> Tensor:
    return (proposals - strengths).abs()


def by_strength_then_cost(
    lesson: Lesson,
    photos: Sequence[Photo],
    restore: Restore,
    crops: int,
    steps: int,
    *,
    batch: int = BATCH,
    crop: int = CROP,
    progress: Callable[[], object] = lambda: None,
    seed: int = 0,
) -> Batches:
    """By strength for half of the `steps`, from crops that never repeat; then without end by
    cost, from as many as `restore` has been tried on."""
    drawn = _degraded_crops(lesson, photos, 1, crop, seed)
    pairs = [(degraded, clean) for clean, degraded, _ in islice(drawn, crops)]
    priced = price(restore, pairs, progress)
    first = by_strength(lesson, photos, batch=batch, crop=crop, seed=seed + 1)
    return chain(islice(first, steps // 2), priced.batches(batch, seed))


def _degraded_crops(
    lesson: Lesson, photos: Sequence[Photo], batch: int, crop: int, seed: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """N×3×S×S clean, the same degraded, and the N strengths that they need; without end."""
    sampler = CropSampler(photos, crop)
    for step in count():
        rng = np.random.default_rng((seed, step))
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        clean = _SOFT(sampler.batch(batch, rng), generator)
        strengths = rng.uniform(0, BEYOND, batch).tolist()
        crops = torch.cat([
            _degraded(lesson, picture[None], strength, generator)
            for picture, strength in zip(clean, strengths, strict=True)
        ])  # fmt: skip
        gray = torch.from_numpy(rng.random(batch) < GRAY)
        clean[gray], crops[gray] = clean[gray][:, 1:2], crops[gray][:, 1:2]
        yield clean, crops, torch.tensor(strengths, dtype=torch.float32).clamp_(max=1)


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
    for strength, degraded, _ in _checked(lesson, photos):
        proposals[strength].append(_proposed(network, degraded))
    return proposals


def check_costs(
    network: Estimator,
    lesson: Lesson,
    photos: Sequence[Photo],
    restore: Restore,
    progress: Callable[[], object] = lambda: None,
) -> dict[float, list[float]]:
    """dB that the proposals lose against the best of some strengths, photo by photo."""
    lost: dict[float, list[float]] = {strength: [] for strength in CHECKED}
    for strength, degraded, clean in _checked(lesson, photos):
        proposal = torch.tensor([_proposed(network, degraded)])
        lost[strength].append(float(cost(costs_of(restore, degraded, clean)[None], proposal)))
        progress()
    return lost


def _checked(lesson: Lesson, photos: Sequence[Photo]) -> Iterator[tuple[float, Tensor, Tensor]]:
    """(strength, degraded, clean)"""
    for number, photo in enumerate(photos):
        clean = to_tensor(photo)
        for strength in CHECKED:
            generator = torch.Generator().manual_seed(number)
            yield strength, _degraded(lesson, clean, strength, generator), clean


def _proposed(network: Estimator, degraded: Tensor) -> float:
    return propose(network, to_pixels(degraded))


def mean_error(proposals: Mapping[float, Sequence[float]]) -> float:
    """Mean absolute error over all photos and strengths."""
    errors = [abs(p - strength) for strength, found in proposals.items() for p in found]
    return sum(errors) / len(errors)


def write_estimator(folder: Path, manifest: Manifest, lesson: Lesson, network: Estimator) -> None:
    """auto.safetensors, then manifest.json with its hash and all else as it was."""
    write_side_network(folder, manifest, "auto", network, lesson.architecture, lesson.options)
