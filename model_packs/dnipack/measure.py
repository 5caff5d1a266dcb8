"""What a pack does to pictures whose truth is known: quality along the slider, level by level."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dnid.engine.runner import PackRunner
from dnid.errors import BadInput
from dnipack.degrade import Behind, Degradation
from dnipack.degrade.bicubic import resize
from dnipack.metrics import gradient_energy, psnr, ssim, studio_luma, without_border
from dnipack.pairs import find_pairs
from dnipack.photos import Photo, load_photo, to_tensor
from dnipack.scenes import Scene

__all__ = [
    "POSITIONS", "Case", "LevelResult", "Metric", "degraded_case", "degraded_photos", "measure",
    "metrics_for", "paired_photos", "psnr", "restore",
]  # fmt: skip

POSITIONS = tuple(step / 20 for step in range(21))

Metric = Callable[[Tensor, Tensor], float]
"""(picture, truth), both 1×3×H×W of one size → a figure."""


@dataclass(frozen=True)
class Case:
    """One picture to restore."""

    name: str
    degraded: Tensor
    """1×3×h×w; 1×4×h×w with a focus map."""
    truth: Tensor
    """1×3×H×W; larger than `degraded` for super-resolution."""

    @property
    def untouched(self) -> Tensor:
        """What one has without the pack: the degraded picture, enlarged if need be."""
        if self.degraded.shape[-2:] == self.truth.shape[-2:]:
            return self.degraded[:, :3]
        return resize(self.degraded, *self.truth.shape[-2:])


@dataclass(frozen=True)
class LevelResult:
    """Figures by metric, each the mean over the pictures."""

    level: float | None
    """None for pairs, whose level is not known."""
    positions: tuple[float, ...]
    untouched: Mapping[str, float]
    """Of the degraded pictures."""
    curves: Mapping[str, tuple[float, ...]]
    """Of the restored pictures, one at each position."""
    at_own: Mapping[str, float] = field(default_factory=dict)
    """Of the pictures restored each at a position of its own."""
    own: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Name → that position, and the PSNR there."""
    pictures: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Name → PSNR of the degraded picture, then at each position."""

    @property
    def best(self) -> tuple[float, float]:
        """(position, mean PSNR)"""
        return max(zip(self.positions, self.curves["psnr"], strict=True), key=lambda pair: pair[1])

    @property
    def mean_own(self) -> float:
        """Of the positions that the pictures have of their own."""
        return float(np.mean([position for position, _ in self.own.values()]))

    def worst_gain(self, position: float | None = None) -> tuple[str, float]:
        """(picture, dB) that gains least at one of the positions, or each at its own."""
        if position is None:
            reached = {name: psnr for name, (_, psnr) in self.own.items()}
        else:
            column = self.positions.index(position) + 1
            reached = {name: row[column] for name, row in self.pictures.items()}
        gains = {name: psnr - self.pictures[name][0] for name, psnr in reached.items()}
        return min(gains.items(), key=lambda pair: pair[1])


def metrics_for(scale: int, distance: Metric | None = None) -> dict[str, Metric]:
    """PSNR and SSIM over RGB; for super-resolution on Y' without a border of `scale` pixels,
    both pictures in 8 bits as the published tables have it, and how sharp the result is."""
    if scale == 1:
        chosen: dict[str, Metric] = {"psnr": psnr, "ssim": ssim}
    else:
        chosen = {
            name: _on_luma(metric, scale)
            for name, metric in (("psnr", psnr), ("ssim", ssim), ("gradients", gradient_energy))
        }
    return chosen | ({"features": distance} if distance else {})


def _on_luma(metric: Metric, border: int) -> Metric:
    def seen(picture: Tensor) -> Tensor:
        eight_bits = picture.clamp(0, 1).mul(255).round().div(255)
        return without_border(studio_luma(eight_bits), border)

    return lambda picture, truth: metric(seen(picture), seen(truth))


def degraded_photos(paths: Sequence[Path], degrade: Degradation, scale: int = 1) -> Iterator[Case]:
    """Each photo, cut to a multiple of `scale`, and degraded with its number as the seed."""
    for number, path in enumerate(paths):
        name = f"{path.parent.name}/{path.name}"
        yield degraded_case(name, load_photo(path), degrade, number, scale)


def degraded_case(name: str, photo: Photo, degrade: Degradation, seed: int, scale: int = 1) -> Case:
    truth = to_tensor(photo)
    height, width = (side // scale * scale for side in truth.shape[-2:])
    truth = truth[..., :height, :width]
    return Case(name, degrade(truth, torch.Generator().manual_seed(seed)), truth)


def rendered_scenes(scenes: Sequence[Scene], render: Degradation) -> Iterator[Case]:
    """What a pack for dof is given, and what a lens makes of it."""
    for number, scene in enumerate(scenes):
        given = Behind()(to_tensor(scene))  # as the engine does
        yield Case(f"scene {number}", given, render(given, torch.Generator()))


def paired_photos(folder: Path, patterns: tuple[str, str]) -> Iterator[Case]:
    """The pictures that match (degraded, true) file patterns: see find_pairs."""
    for degraded, truth in find_pairs(folder, patterns):
        case = Case(degraded.name, to_tensor(load_photo(degraded)), to_tensor(load_photo(truth)))
        if case.degraded.shape != case.truth.shape:
            raise BadInput(f"{degraded.name} and {truth.name} are not of one size.")
        yield case


def measure(
    runner: PackRunner,
    cases: Iterable[Case],
    metrics: Mapping[str, Metric],
    level: float | None = None,
    own: Callable[[Case], float] | None = None,
    positions: Sequence[float] = POSITIONS,
    progress: Callable[[], object] = lambda: None,
) -> LevelResult:
    """Restore each case at each position, and at its `own`. At least one case.

    `progress` is called after each picture.
    """
    row_of_psnr, count = list(metrics).index("psnr"), len(positions) + 1
    pictures: dict[str, tuple[float, ...]] = {}
    own_of: dict[str, tuple[float, float]] = {}
    tables = []
    for case in cases:
        more = [] if own is None else [own(case)]
        table = _table(runner, case, metrics, [*positions, *more])
        figures = table[row_of_psnr]
        pictures[case.name] = tuple(figures[:count])
        if more:
            own_of[case.name] = more[0], figures[-1]
        tables.append(table)
        progress()
    means = dict(zip(metrics, np.mean(tables, axis=0).tolist(), strict=True))
    return LevelResult(
        level=level,
        positions=tuple(positions),
        untouched={name: row[0] for name, row in means.items()},
        curves={name: tuple(row[1:count]) for name, row in means.items()},
        at_own={} if own is None else {name: row[-1] for name, row in means.items()},
        own=own_of,
        pictures=pictures,
    )


@torch.inference_mode()
def _table(
    runner: PackRunner, case: Case, metrics: Mapping[str, Metric], strengths: Sequence[float]
) -> list[list[float]]:
    """A row a metric: of the untouched picture, then of its restoration at each strength."""
    restored = (restore(runner, case.degraded, strength) for strength in strengths)
    columns = [
        [metric(picture, case.truth) for metric in metrics.values()]
        for picture in (case.untouched, *restored)
    ]
    return [list(row) for row in zip(*columns, strict=True)]


def restore(runner: PackRunner, picture: Tensor, strength: float) -> Tensor:
    """1×3×H×W of any size through the network, untiled and unclipped.

    Strength 0 gives the picture itself, as the engine does, unless it is to be enlarged.
    """
    scale = runner.pack.manifest.scale
    if strength <= 0 and scale == 1:
        return picture[:, :3]
    return run_padded(lambda x: runner.run(x, strength), picture, runner.multiple, scale)


def run_padded(
    run: Callable[[Tensor], Tensor], picture: Tensor, multiple: int, scale: int
) -> Tensor:
    """`run` on the picture, its sides filled up to a `multiple` and the result cut again."""
    height, width = picture.shape[-2:]
    bottom, right = (-side % multiple for side in (height, width))
    padded = F.pad(picture, (0, right, 0, bottom), mode="replicate")
    padded = padded.contiguous(memory_format=torch.channels_last)
    return run(padded)[..., : height * scale, : width * scale]
