"""A pack beside its rivals: every way from the degraded picture to the restored one, scored.

A *contender* turns a degraded picture into a row of results, one for each position
of its slider: the pack's blends, the mix of its two ends as pictures (what a
strength slider does elsewhere; the paper's Fig. 5), or one fixed network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from dnid.engine.runner import PackRunner
from dnipack.measure import Case, Metric, restore, run_padded

STEPS = 12
"""About as many steps of the slider are looked at; every anchor is one of them."""
VALLEY_TOLERANCE = 0.05
"""dB; below that, a dip is rounding and the chance of few photos."""


class Contender(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def positions(self) -> tuple[float, ...]:
        """Strengths 0..1."""
        ...

    def results(self, degraded: Tensor) -> Iterator[Tensor]:
        """1×3×h×w → the restored picture at each of the positions."""
        ...


@dataclass(frozen=True)
class Blends:
    """θ = Σ αᵢθᵢ at every position."""

    runner: PackRunner
    positions: tuple[float, ...]

    @property
    def name(self) -> str:
        return self.runner.pack.manifest.id

    def results(self, degraded: Tensor) -> Iterator[Tensor]:
        for strength in self.positions:
            yield restore(self.runner, degraded, strength)


@dataclass(frozen=True)
class Mixing:
    """The pictures at the two ends of the slider, mixed: (1 − s)·first + s·last."""

    runner: PackRunner
    positions: tuple[float, ...]
    name: str = "mixing"

    def results(self, degraded: Tensor) -> Iterator[Tensor]:
        first, last = (restore(self.runner, degraded, end) for end in (0.0, 1.0))
        for share in self.positions:
            yield torch.lerp(first, last, share)


@dataclass(frozen=True)
class MixingNeighbours:
    """The pictures of the two anchors of the path between which the slider stands, mixed."""

    runner: PackRunner
    positions: tuple[float, ...]
    name: str = "neighbours"

    def results(self, degraded: Tensor) -> Iterator[Tensor]:
        control = self.runner.control
        strengths, places = zip(*control.curve, strict=True)
        stops = np.interp(range(len(control.path)), places, strengths).tolist()
        ends = [restore(self.runner, degraded, stop) for stop in stops]
        for place in np.interp(self.positions, strengths, places).tolist():
            lower = min(int(place), len(ends) - 2)
            yield torch.lerp(ends[lower], ends[lower + 1], place - lower)


@dataclass(frozen=True)
class Fixed:
    """One network as it is, in float32."""

    name: str
    network: nn.Module
    """As dnid.networks has it: with `multiple` and `scale`."""
    positions: tuple[float, ...] = (1.0,)

    @torch.inference_mode()
    def results(self, degraded: Tensor) -> Iterator[Tensor]:
        multiple, scale = int(self.network.multiple), int(self.network.scale)  # type: ignore[arg-type]
        yield run_padded(self.network, degraded, multiple, scale)


@dataclass(frozen=True)
class Scores:
    """One contender at one level, the mean over the pictures."""

    name: str
    positions: tuple[float, ...]
    curves: Mapping[str, tuple[float, ...]]
    """Metric → a figure at each position."""

    @property
    def psnr(self) -> tuple[float, ...]:
        return self.curves["psnr"]

    @property
    def best(self) -> int:
        """The index of the position with the highest PSNR."""
        return int(np.argmax(self.psnr))


@dataclass(frozen=True)
class Level:
    level: float
    untouched: Mapping[str, float]
    """Metric → the mean over the degraded pictures."""
    scores: tuple[Scores, ...]
    """In the order of the contenders."""


def score(
    contenders: Sequence[Contender],
    cases: Iterable[Case],
    metrics: Mapping[str, Metric],
    level: float,
    progress: Callable[[], object] = lambda: None,
) -> Level:
    """Let each contender restore each case. `metrics` has `psnr`; at least one case.

    `progress` is called after each case.
    """
    tables = []
    for case in cases:
        pictures = (r for c in contenders for r in c.results(case.degraded))
        tables.append([_figures(p, case.truth, metrics) for p in (case.untouched, *pictures)])
        progress()
    untouched, *means = np.mean(tables, axis=0).tolist()
    return Level(
        level, dict(zip(metrics, untouched, strict=True)), _split(contenders, metrics, means)
    )


def slider_positions(path: int, curve: Sequence[tuple[float, float]]) -> tuple[float, ...]:
    """Strengths at which every anchor of a path of that length and equal steps between stand."""
    if path == 1:
        return 0.0, 1.0
    segments = path - 1
    steps = segments * max(2, round(STEPS / segments))
    strengths, places = zip(*curve, strict=True)
    at = np.interp(np.linspace(0, segments, steps + 1), places, strengths)
    return tuple(float(strength) for strength in at)


@dataclass(frozen=True)
class Valley:
    """Where a blend is worse than both anchors between which it lies."""

    level: float
    position: float
    depth: float
    """dB below the worse of the two anchors."""


def valleys(level: Level, anchors: int) -> list[Valley]:
    """Of the first contender, whose positions hold the `anchors` of a path in equal steps."""
    scores = level.scores[0]
    step = (len(scores.positions) - 1) // max(anchors - 1, 1)
    found = []
    for left, right in pairwise(range(0, len(scores.positions), step)):
        worse = min(scores.psnr[left], scores.psnr[right])
        lowest = min(range(left, right + 1), key=scores.psnr.__getitem__)
        if (depth := worse - scores.psnr[lowest]) > VALLEY_TOLERANCE:
            found.append(Valley(level.level, scores.positions[lowest], depth))
    return found


def _figures(picture: Tensor, truth: Tensor, metrics: Mapping[str, Metric]) -> list[float]:
    return [metric(picture, truth) for metric in metrics.values()]


def _split(
    contenders: Sequence[Contender], metrics: Mapping[str, Metric], rows: Sequence[list[float]]
) -> tuple[Scores, ...]:
    """`rows`: the metrics of each contender at each position."""
    scores, start = [], 0
    for contender in contenders:
        own = rows[start : start + len(contender.positions)]
        start += len(own)
        curves = zip(metrics, (tuple(column) for column in zip(*own, strict=True)), strict=True)
        scores.append(Scores(contender.name, contender.positions, dict(curves)))
    return tuple(scores)
