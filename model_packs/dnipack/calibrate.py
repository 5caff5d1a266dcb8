"""The curve of a pack's slider: strength ↔ degradation level is made linear (paper, Fig. 15).

For each level the place on the path is searched at which photos degraded to that level
are restored best. The curve leads from the level's nominal strength to that place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from dnid.engine.runner import PackRunner
from dnid.errors import BadInput
from dnid.packs.manifest import Manifest
from dnipack.build import write_atomically
from dnipack.levels import Kind
from dnipack.measure import degraded_case, psnr, rendered_scenes, restore
from dnipack.photos import Photo
from dnipack.scenes import Scene

Curve = tuple[tuple[float, float], ...]

_COARSE, _FINE = 0.5, 1 / 16
"""Steps along the path; 1 is from an anchor to the next."""


def calibrate(
    runner: PackRunner,
    photos: Sequence[Photo | Scene],
    kind: Kind,
    progress: Callable[[], object] = lambda: None,
) -> Curve:
    """Strength → place on the path. `progress` is called after each of `kind.calibrated`.

    Raises BadInput for a kind without levels, and a path of one anchor.
    """
    end = len(runner.pack.manifest.path) - 1
    if not kind.calibrated or end == 0:
        raise BadInput("There is nothing to calibrate: this pack's slider has no levels.")
    runner.control = replace(runner.control, curve=((0.0, 0.0), (1.0, float(end))))
    points = []
    for level in kind.calibrated:
        place = best_place(_quality(runner, photos, kind, level, end), end)
        points.append((kind.strength(level), place))
        progress()
    return to_curve(points, end)


def _quality(
    runner: PackRunner, photos: Sequence[Photo | Scene], kind: Kind, level: float, end: int
) -> Callable[[float], float]:
    """Place on the path → mean PSNR of the restored photos, each place computed once."""
    degrade = kind.degradation(level)
    if kind.renders:
        cases = list(rendered_scenes(photos, degrade))
    else:
        cases = [degraded_case("", photo, degrade, seed) for seed, photo in enumerate(photos)]

    @cache
    def quality(place: float) -> float:
        figures = [psnr(restore(runner, case.degraded, place / end), case.truth) for case in cases]
        return sum(figures) / len(figures)

    return quality


def best_place(quality: Callable[[float], float], end: int) -> float:
    """Where `quality` is highest on 0..end: a coarse look, ever finer steps around the best,
    and the vertex of the parabola through it and its neighbours."""
    places = [step * _COARSE for step in range(round(end / _COARSE) + 1)]
    best = max(places, key=quality)
    step = _COARSE / 2
    while step >= _FINE:
        best = max((p for p in (best - step, best, best + step) if 0 <= p <= end), key=quality)
        step /= 2
    if best < _FINE or best > end - _FINE:
        return best
    left, middle, right = (quality(best + side * _FINE) for side in (-1, 0, 1))
    bend = left - 2 * middle + right
    return best + _FINE * 0.5 * (left - right) / bend if bend < 0 else best


def to_curve(points: Sequence[tuple[float, float]], end: int) -> Curve:
    """(strength, place) of single levels → a curve that rises from (0, 0) to (1, end).

    Where measured places fall by chance, they are levelled at the highest before.
    """
    curve = [(0.0, 0.0)]
    for strength, place in sorted(points):
        if 0 < strength < 1:
            curve.append((round(strength, 4), round(max(place, curve[-1][1]), 3)))
    return (*curve, (1.0, float(end)))


def write_curve(folder: Path, manifest: Manifest, curve: Curve) -> None:
    """manifest.json with this curve and all else as it was; written beside, then renamed."""
    write_atomically(folder / "manifest.json", replace(manifest, curve=curve).to_json().encode())
