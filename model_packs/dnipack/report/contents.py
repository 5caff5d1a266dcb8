"""Everything that the report shows, computed: pictures, curves, correlations, filters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from dnid.engine.runner import PackRunner
from dnipack.correlation import LayerCorrelation, correlate, mean_correlation
from dnipack.levels import Kind
from dnipack.measure import Case, Metric, degraded_case
from dnipack.photos import Photo
from dnipack.report.filters import FilterSheet, Pixels, first_layer, last_layer
from dnipack.study import Blends, Level, Mixing, Valley, score, slider_positions, valleys

T = TypeVar("T")

CROP = 288
"""Side in pixels of the part of a photo that is shown and measured."""
MEASURED, SHOWN = 12, 3
"""So many photos of a folder at most, evenly spread over it."""
FRAMES = 7
"""Positions of the slider that a filmstrip shows, about."""


@dataclass(frozen=True)
class Frame:
    """One picture of a filmstrip."""

    strength: float
    pixels: Pixels
    psnr: float


@dataclass(frozen=True)
class Film:
    """One photo along the slider, and mixed from the ends of the slider."""

    name: str
    degraded: Frame
    truth: Pixels
    frames: tuple[Frame, ...]
    best_blend: Frame
    best_mix: Frame


@dataclass(frozen=True)
class Pair:
    """Two neighbours of the path and how alike their filters are."""

    names: tuple[str, str]
    layers: Sequence[LayerCorrelation]

    @property
    def mean(self) -> float:
        return mean_correlation(self.layers)


@dataclass(frozen=True)
class Contents:
    levels: Sequence[Level]
    """Scored contenders: the blends, then mixing."""
    level_names: Sequence[str]
    shown_level: str
    """The one at which the films were taken."""
    valleys: Sequence[tuple[str, Valley]]
    """With the names of their levels."""
    films: Sequence[Film]
    pairs: Sequence[Pair]
    first: FilterSheet | None
    last: FilterSheet | None
    measured: int
    """Photos behind the curves."""


def gather(
    runner: PackRunner,
    photos: Mapping[str, Photo],
    kind: Kind,
    levels: Sequence[float],
    metrics: Mapping[str, Metric],
    progress: Callable[[], object] = lambda: None,
) -> Contents:
    """`progress` is called `work(…)` times."""
    scale, contenders = runner.pack.manifest.scale, _contenders(runner)
    chosen = {name: crop(photos[name]) for name in spread(list(photos), MEASURED)}
    cases = {
        level: [
            degraded_case(name, photo, kind.degradation(level), seed, scale)
            for seed, (name, photo) in enumerate(chosen.items())
        ]
        for level in levels
    }
    scored = [score(contenders, cases[level], metrics, level, progress) for level in levels]
    shown = sorted(levels)[len(levels) // 2]
    films = []
    for case in spread(cases[shown], SHOWN):
        films.append(_film(case, contenders, metrics["psnr"]))
        progress()
    anchors = _anchors(runner)
    name = kind.label.format
    return Contents(
        levels=scored,
        level_names=[name(level) for level in levels],
        shown_level=name(shown),
        valleys=[(name(s.level), valley) for s in scored for valley in valleys(s, len(anchors))],
        films=films,
        pairs=[Pair((a, b), correlate(anchors[a], anchors[b])) for a, b in pairwise(anchors)],
        first=first_layer(anchors),
        last=last_layer(anchors),
        measured=len(chosen),
    )


def work(photos: int, levels: int) -> int:
    """Steps of progress."""
    return min(photos, MEASURED) * levels + min(photos, SHOWN)


def crop(photo: Photo) -> Photo:
    """A square, CROP pixels wide or less where the photo is smaller: the middle from side to
    side, and a little higher, where faces are."""
    height, width = photo.shape[:2]
    top, left = max(0, (height - CROP) // 4), max(0, (width - CROP) // 2)
    return photo[top : top + CROP, left : left + CROP]


def to_pixels(picture: Tensor) -> Pixels:
    """1×3×H×W → H×W×3, 0..255."""
    rounded = picture[0].clamp(0, 1).mul(255).round().to(torch.uint8)
    return np.ascontiguousarray(rounded.permute(1, 2, 0).numpy())


def spread(items: Sequence[T], most: int) -> list[T]:
    """At most so many of them, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(i)] for i in np.linspace(0, len(items) - 1, most)]


def _contenders(runner: PackRunner) -> tuple[Blends, Mixing]:
    manifest = runner.pack.manifest
    positions = slider_positions(len(manifest.path), manifest.curve)
    return Blends(runner, positions), Mixing(runner, positions)


def _anchors(runner: PackRunner) -> dict[str, dict[str, Tensor]]:
    """The states along the path, their layers in the network's order."""
    stack, order = runner.stack, runner.pack.network().state_dict()
    states = {n: stack.state(row) for n, row in zip(stack.names, stack.matrix, strict=True)}
    return {n: {key: states[n][key] for key in order} for n in runner.pack.manifest.path}


def _film(case: Case, contenders: tuple[Blends, Mixing], psnr: Metric) -> Film:
    blends, mixes = (
        [
            Frame(strength, to_pixels(result), psnr(result, case.truth))
            for strength, result in zip(c.positions, c.results(case.degraded), strict=True)
        ]
        for c in contenders
    )
    return Film(
        name=case.name,
        degraded=Frame(0.0, to_pixels(case.untouched), psnr(case.untouched, case.truth)),
        truth=to_pixels(case.truth),
        frames=tuple(spread(blends, FRAMES)),
        best_blend=max(blends, key=lambda frame: frame.psnr),
        best_mix=max(mixes, key=lambda frame: frame.psnr),
    )
