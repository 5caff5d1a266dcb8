"""Strength → α: a pack's path through its anchors, and the curve along it.

α and the visible effect are not linear in each other (Fig. 15), so a pack
carries a curve from strength to place on the path, measured so that half the
strength is half the effect. Between two neighbouring anchors of the path only
these two have a share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Control:
    """`path` holds indices of anchors; `curve` (strength 0..1, place 0..len(path)−1) points."""

    path: tuple[int, ...]
    curve: tuple[tuple[float, float], ...]
    anchors: int
    """How many anchors the pack has; the length of α."""

    def alpha(self, strength: float) -> tuple[float, ...]:
        """N shares ≥ 0 with Σ = 1 for a strength 0..1."""
        strengths, places = zip(*self.curve, strict=True)
        place = float(np.interp(strength, strengths, places))
        lower = min(int(place), max(len(self.path) - 2, 0))
        share = place - lower
        shares = [0.0] * self.anchors
        shares[self.path[lower]] = 1.0 - share
        if share > 0:
            shares[self.path[lower + 1]] = share
        return tuple(shares)

    def alpha_map(self, strength: Tensor) -> tuple[list[int], Tensor]:
        """Strengths, H×W float32 in 0..1 → (active anchors, K×H×W shares with Σ = 1).

        An anchor is active when some pixel gives it a share.
        """
        place = _interpolate(strength, self.curve)
        active, shares = [], []
        for step, anchor in enumerate(self.path):
            share = (1 - (place - step).abs()).clamp_(min=0)
            if bool((share > 0).any()):
                active.append(anchor)
                shares.append(share)
        return active, torch.stack(shares)


def _interpolate(x: Tensor, points: Sequence[tuple[float, float]]) -> Tensor:
    """Piecewise linear through `points`, the same as numpy.interp."""
    knots = torch.tensor([p[0] for p in points], dtype=x.dtype)
    values = torch.tensor([p[1] for p in points], dtype=x.dtype)
    right = torch.searchsorted(knots, x.contiguous(), right=True).clamp_(1, len(points) - 1)
    left = right - 1
    share = (x - knots[left]) / (knots[right] - knots[left])
    return torch.lerp(values[left], values[right], share)
