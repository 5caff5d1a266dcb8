"""What a wrong strength costs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dnipack.cost import BEYOND_THE_SLIDER, STRENGTHS, cost, costs_of, price


def lighten(picture: Tensor, strength: float) -> Tensor:
    """What stands for a pack: it lightens by its strength."""
    return picture + strength


def test_the_best_strength_costs_nothing() -> None:
    """A picture that is too dark by one of the strengths; twice the error costs 6 dB."""
    clean = torch.full((1, 3, 8, 8), 0.8)
    costs = costs_of(lighten, clean - STRENGTHS[4], clean)
    assert costs.argmin() == 4
    assert float(costs[4]) == 0
    errors = torch.tensor([(min(0.8 - STRENGTHS[4] + s, 1) - 0.8) ** 2 for s in STRENGTHS])
    expected = 10 * ((errors + 1e-4) / 1e-4).log10()
    assert torch.allclose(costs, expected, atol=0.05)


def test_errors_that_nobody_sees_cost_nothing() -> None:
    """1/255 off instead of 0: less than a dB."""
    clean = torch.full((1, 3, 8, 8), 0.5)
    costs = costs_of(lambda x, s: x + s / 255, clean, clean)
    assert float(costs.max()) < 1


def test_between_the_strengths_it_is_a_straight_line() -> None:
    """And a line that leads back beyond the slider's ends; each with a slope."""
    costs = torch.tensor([[7.0, 6, 5, 4, 3, 2, 1]]).repeat(4, 1)
    middle = (STRENGTHS[2] + STRENGTHS[3]) / 2
    proposals = torch.tensor([middle, 0.0, -0.1, 1.2], requires_grad=True)
    found = cost(costs, proposals)
    assert found.tolist() == pytest.approx(
        [4.5, 7, 7 + 0.1 * BEYOND_THE_SLIDER, 1 + 0.2 * BEYOND_THE_SLIDER], abs=1e-4
    )
    found.sum().backward()  # type: ignore[no-untyped-call]
    assert proposals.grad is not None
    slope = -1 / (STRENGTHS[3] - STRENGTHS[2])
    assert proposals.grad[0].item() == pytest.approx(slope, rel=1e-4)
    assert proposals.grad[2] < 0 < proposals.grad[3]


def test_batches_keep_crops_and_costs_together() -> None:
    """Every crop of a batch is judged by its own costs."""
    pairs = [
        (torch.full((1, 3, 4, 4), 0.5 - s), torch.full((1, 3, 4, 4), 0.5)) for s in STRENGTHS[:5]
    ]
    told: list[None] = []
    priced = price(lighten, pairs, lambda: told.append(None))
    assert len(told) == 5
    crops, judge = next(priced.batches(20, 0))
    assert crops.shape == (20, 3, 4, 4)
    assert float(judge(0.5 - crops[:, 0, 0, 0]).max()) == pytest.approx(0, abs=1e-3)
    assert float(judge(0.55 - crops[:, 0, 0, 0]).min()) > 1
