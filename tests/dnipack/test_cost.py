"""What a wrong strength costs."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from dnipack.cost import STRENGTHS, cost_at


def lighten(picture: Tensor, strength: float) -> Tensor:
    """What stands for a pack: it lightens by its strength."""
    return picture + strength


def test_the_best_strength_costs_nothing() -> None:
    """A picture that is too dark by one of the strengths; twice the error costs 6 dB."""
    clean = torch.full((1, 3, 8, 8), 0.8)
    degraded = clean - STRENGTHS[4]
    assert cost_at(STRENGTHS[4], lighten, degraded, clean) == 0
    one, two = (cost_at(STRENGTHS[4] + e, lighten, degraded, clean) for e in (0.05, 0.1))
    assert two - one == pytest.approx(6.0, abs=0.1)
    assert one == pytest.approx(10 * math.log10((0.05**2 + 1e-5) / 1e-5), abs=0.1)


def test_errors_that_nobody_sees_cost_nothing() -> None:
    """0.2/255 off instead of 0: less than a third of a dB."""
    clean = torch.full((1, 3, 8, 8), 0.5)
    assert cost_at(1.0, lambda x, s: x + s * 0.2 / 255, clean, clean) < 0.3


def test_between_the_strengths_it_is_never_a_gain() -> None:
    """The best of STRENGTHS may lie beside the very best."""
    clean = torch.full((1, 3, 8, 8), 0.8)
    assert cost_at(0.28, lighten, clean - 0.28, clean) == 0
