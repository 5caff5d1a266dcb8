"""Strength per pixel from whole blends."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dnid.dni.levels import LEVELS, run_levels


class Network:
    """Gives s² everywhere, `scale` times as large; remembers which strengths it ran at."""

    def __init__(self, shape: tuple[int, int], scale: int = 1) -> None:
        self.shape, self.ran = [side * scale for side in shape], list[float]()

    def __call__(self, strength: float) -> Tensor:
        self.ran.append(strength)
        return torch.full((1, 3, *self.shape), strength**2)


@pytest.mark.parametrize("between", [(0.2, 0.8), (0.8, 0.2)])
def test_a_level_is_exact(between: tuple[float, float]) -> None:
    """Where the mask is wholly off or on, its own strength runs, alone."""
    for strength in between:
        network = Network((2, 3))
        found = run_levels(network, torch.full((2, 3), strength), between)
        assert network.ran == [strength]
        torch.testing.assert_close(found, torch.full((1, 3, 2, 3), strength**2))


def test_a_pixel_between_levels_is_their_mean() -> None:
    """Linear between the two blends around it; only the levels that are needed run."""
    network = Network((1, 2))
    found = run_levels(network, torch.tensor([[0.25, 0.3125]]), (0.0, 1.0))
    assert LEVELS == 9
    assert network.ran == [0.25, 0.375]
    wanted = torch.tensor([0.25**2, (0.25**2 + 0.375**2) / 2])
    torch.testing.assert_close(found[0, 0, 0], wanted)


def test_one_strength_runs_once() -> None:
    """Inside and outside may be the same."""
    network = Network((2, 2))
    run_levels(network, torch.full((2, 2), 0.3), (0.3, 0.3))
    assert network.ran == [0.3]


def test_results_may_be_larger() -> None:
    """A network that enlarges is mixed on its result's grid, each half with its own strength."""
    strengths = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    found = run_levels(Network((1, 4), scale=2), strengths, (0.0, 1.0))
    assert found.shape == (1, 3, 2, 8)
    row = found[0, 0, 0]
    assert row[:3].tolist() == [0, 0, 0]
    assert row[5:].tolist() == [1, 1, 1]
    assert 0 < row[3] < row[4] < 1
