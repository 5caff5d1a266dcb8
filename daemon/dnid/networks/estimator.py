"""The small networks that propose a strength for a picture (Wang et al. 2019 suggest one).

Each takes N×T×3×H×W, 0..1: T tiles of each of N pictures, which start multiples of 8
pixels apart, H and W multiples of its `multiple`; and gives N strengths, not clipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dnid.networks.blocks import BlockEstimator
from dnid.networks.build import build_one_of
from dnid.networks.grain import GrainEstimator

Estimator = BlockEstimator | GrainEstimator

ESTIMATORS: dict[str, type[Estimator]] = {"blocks": BlockEstimator, "grain": GrainEstimator}


def build_estimator(architecture: str, options: Mapping[str, Any]) -> Estimator:
    """With fresh weights. Raises PackDamaged for a name or options that do not fit."""
    return build_one_of(ESTIMATORS, "estimator", architecture, options)
