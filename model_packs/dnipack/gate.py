"""Whether a pack's anchors can be blended: yes, with care, or no.

Between each two neighbours of the path the blend is run on photos whose truth is known,
at five places. A *barrier* (Frankle et al. 2020) is what a blend loses against the worse
of its two ends; networks that are connected have none, whatever they do. Correlation of
the filters (Eq. 3) explains a verdict and seldom makes one: pairs at 0.7 can collapse,
and what counts is the picture.

The thresholds do not come from any pack:

- barrier: 0.25 dB is less than one sees side by side; 1 dB is the most that the paper's
  own blends lose (Table 1, with BatchNorm), and it still calls them interpolation.
- contrast and brightness: a picture with a deviation of 0.25 whose contrast falls to 0.9
  is wrong by 0.025 (r.m.s.), as by noise of σ 6; to 0.7, as by noise of σ 19. The same
  errors bound a shift of the mean.
- departure, where no truth can be made: how far the blended network lies from the blended
  pictures, in units of the ends' distance. Beyond half of it the blend resembles neither
  end; beyond the whole of it the blend lies outside of both. Distances below 0.025, the
  error that is tolerated above, are not counted.
- correlation: below 0.3 less than a tenth of the filters' variance is shared. Independent
  filters have 0 ± 1/√weights, so such networks have no common ancestor to speak of, and a
  good result on a few photos is luck to be watched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dnid.dni.blend import AnchorStack, BlendedNetwork, State
from dnid.packs.manifest import Manifest
from dnipack.correlation import correlate, mean_correlation
from dnipack.levels import kind_for
from dnipack.metrics import psnr
from dnipack.photos import Photo, middle, to_tensor

PLACES = (0.0, 0.25, 0.5, 0.75, 1.0)
SIDE = 96
"""Of the crops, in the network's input pixels."""
VISIBLE = 0.025
"""R.m.s. error of a picture in 0..1 that is tolerated."""

BARRIER = (0.25, 1.0)
CONTRAST = (0.1, 0.3)
BRIGHTNESS = (VISIBLE, 3 * VISIBLE)
DEPARTURE = (0.5, 1.0)
CORRELATION = 0.3
"""(with care from here, no from here); correlation: with care below."""


@dataclass(frozen=True)
class PairFigures:
    """What was measured between two neighbours of the path, the mean over the photos."""

    anchors: tuple[str, str]
    layers: tuple[float, ...]
    """Correlation, layer by layer."""
    correlation: float
    psnr: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Level → dB at each of PLACES; empty where no truth can be made."""
    contrast: tuple[float, ...] = (1.0,) * len(PLACES)
    """Deviation of the blend's picture over that of the blended pictures; the least level."""
    brightness: tuple[float, ...] = (0.0,) * len(PLACES)
    """Difference of their means, 0..1 scale; the largest level."""
    departure: tuple[float, ...] = (0.0,) * len(PLACES)
    """Their distance in units of the ends' distance; the largest level."""

    @property
    def barrier(self) -> float:
        """dB that the worst blend lies below the worse of its ends; negative where none does."""
        losses = [min(row[0], row[-1]) - np.min(row[1:-1]) for row in self.psnr.values()]
        return float(np.max(losses)) if losses else 0.0


@dataclass(frozen=True)
class Verdict:
    verdict: str
    """`yes`, `with care` or `no`"""
    reason: str
    pairs: tuple[PairFigures, ...]

    def to_table(self) -> dict[str, Any]:
        """As the manifest's `check` has it."""
        pairs = [
            {
                "anchors": list(pair.anchors),
                "correlation": _rounded(pair.layers),
                "psnr": {level: _rounded(row) for level, row in pair.psnr.items()},
                "contrast": _rounded(pair.contrast),
                "brightness": _rounded(pair.brightness),
                "departure": _rounded(pair.departure),
            }
            for pair in self.pairs
        ]
        places = list(PLACES)
        return {"verdict": self.verdict, "reason": self.reason, "places": places, "pairs": pairs}


def check(
    manifest: Manifest, network: nn.Module, anchors: Mapping[str, State], photos: Sequence[Photo]
) -> Verdict:
    """Measure each two neighbours of the path on the photos' middles and judge the worst.

    `network` gives the structure. A path of one anchor has nothing to blend: yes.
    """
    stack = AnchorStack({name: anchors[name] for name in manifest.path})
    blended = BlendedNetwork(network, stack, torch.float32)
    pairs = tuple(
        _measure(blended, anchors, names, manifest, photos) for names in pairwise(manifest.path)
    )
    return judge(pairs)


def judge(pairs: Sequence[PairFigures]) -> Verdict:
    """The worst finding of all pairs."""
    findings = [finding for pair in pairs for finding in _findings(pair)]
    worst = max(findings, default=(0, ""))
    verdict = ("yes", "with care", "no")[worst[0]]
    if worst[0] == 0:
        return Verdict(verdict, "The blends lie between their ends.", tuple(pairs))
    told = dict.fromkeys(reason for grade, reason in findings if grade == worst[0])
    return Verdict(verdict, "; ".join(told) + ".", tuple(pairs))


def _findings(pair: PairFigures) -> Iterator[tuple[int, str]]:
    """(0 yes, 1 with care, 2 no; why)"""
    between = " → ".join(pair.anchors)
    # numpy's extremes let through what is not a number
    contrast, brightness = 1 - float(np.min(pair.contrast)), float(np.max(pair.brightness))
    departure = float(np.max(pair.departure))
    yield (
        _grade(pair.barrier, BARRIER),
        (f"{between}: a blend is {pair.barrier:.1f} dB worse than the worse of its ends"),
    )
    yield _grade(contrast, CONTRAST), f"{between}: blends lose {contrast:.0%} of the contrast"
    yield (
        _grade(brightness, BRIGHTNESS),
        (f"{between}: blends change the brightness by {brightness * 255:.0f}/255"),
    )
    if not pair.psnr:
        yield (
            _grade(departure, DEPARTURE),
            (f"{between}: blends lie {departure:.1f} times the ends' distance off"),
        )
    if pair.correlation < CORRELATION:
        yield 1, f"{between}: the filters do not correspond (correlation {pair.correlation:.2f})"


def _grade(value: float, bounds: tuple[float, float]) -> int:
    return sum(not value < bound for bound in bounds)  # what is not a number is the worst


def _measure(
    blended: BlendedNetwork,
    anchors: Mapping[str, State],
    names: tuple[str, str],
    manifest: Manifest,
    photos: Sequence[Photo],
) -> PairFigures:
    layers = correlate(anchors[names[0]], anchors[names[1]])
    rows = [
        (level, truth, _run(blended, names, degraded))
        for level, degraded, truth in cases(manifest, blended.network, photos)
    ]
    looks = torch.tensor([[_look(r, outputs, p) for p, r in zip(PLACES, outputs, strict=True)]
                          for _, _, outputs in rows])  # fmt: skip
    contrast, brightness, departure = looks.unbind(-1)
    return PairFigures(
        anchors=names,
        layers=tuple(layer.mean for layer in layers),
        correlation=mean_correlation(layers),
        psnr={
            level: tuple(psnr(output, truth) for output in outputs)
            for level, truth, outputs in rows
            if truth is not None
        },
        contrast=tuple(contrast.amin(0).tolist()),
        brightness=tuple(brightness.amax(0).tolist()),
        departure=tuple(departure.amax(0).tolist()),
    )


@torch.inference_mode()
def _run(blended: BlendedNetwork, names: tuple[str, str], degraded: Tensor) -> list[Tensor]:
    """The pictures at each of PLACES."""
    outputs = []
    for place in PLACES:
        shares = {names[0]: 1 - place, names[1]: place}
        network = blended.set([shares.get(name, 0.0) for name in blended.stack.names])
        outputs.append(network(degraded).float())
    return outputs


def _look(output: Tensor, outputs: Sequence[Tensor], place: float) -> tuple[float, float, float]:
    """(contrast, brightness, departure) of a blend against the blended pictures."""
    mixed = torch.lerp(outputs[0], outputs[-1], place)
    apart = float((outputs[0] - outputs[-1]).square().mean().sqrt())
    off = float((output - mixed).square().mean().sqrt())
    contrast = float(output.std() / mixed.std().clamp_min(1e-6))
    return contrast, float((output.mean() - mixed.mean()).abs()), off / max(apart, VISIBLE)


def cases(
    manifest: Manifest, network: nn.Module, photos: Sequence[Photo]
) -> Iterator[tuple[str, Tensor, Tensor | None]]:
    """(level, degraded pictures, their truth if it is known); N×3×H×W each."""
    multiple, scale = int(network.multiple), manifest.scale  # type: ignore[arg-type]
    side = -(-SIDE // multiple) * multiple * scale
    truth = torch.cat([to_tensor(_square(photo, side)) for photo in photos])
    if manifest.effect == "dof":
        yield "as they are", truth, None
        return
    kind = kind_for(manifest)
    for level in kind.measured[::2] or (float(scale),):
        degrade = kind.degradation(level)
        yield f"{level:g}", degrade(truth, torch.Generator().manual_seed(0)), truth


def _square(photo: Photo, side: int) -> Photo:
    """The middle, repeated where the photo is too small."""
    height, width = photo.shape[:2]
    rows, columns = -(-side // height), -(-side // width)
    return middle(np.tile(photo, (rows, columns, 1)), side)


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 4) for value in values]
