"""Degradations do what they say, the same every time."""

from __future__ import annotations

import pytest
import torch

from dnid.errors import BadInput
from dnipack.degrade import degradation

CLEAN = torch.full((2, 3, 128, 128), 0.9)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("sigma", [5, 20, 60.0])
def test_noise_has_its_sigma(sigma: float) -> None:
    """Mean 0, σ/255, Gaussian tails, unclipped, each channel by itself."""
    noise = (degradation({"kind": "noise", "sigma": sigma})(CLEAN, seeded(0)) - CLEAN) * 255
    assert noise.std().item() == pytest.approx(sigma, rel=0.01)
    assert noise.mean().item() == pytest.approx(0, abs=0.02 * sigma)
    within = (noise.abs() < sigma).float().mean().item()
    assert within == pytest.approx(0.6827, abs=0.01)
    assert torch.corrcoef(noise.transpose(0, 1).flatten(1)).fill_diagonal_(0).abs().max() < 0.03


def test_the_generator_decides() -> None:
    """The same seed gives the same bits, another seed others."""
    noise = degradation({"kind": "noise", "sigma": 20})
    assert torch.equal(noise(CLEAN, seeded(1)), noise(CLEAN, seeded(1)))
    assert not torch.equal(noise(CLEAN, seeded(1)), noise(CLEAN, seeded(2)))


def test_a_range_gives_each_picture_its_own_sigma() -> None:
    """Two bounds: every picture of a batch has one σ between them, not the same."""
    noise = degradation({"kind": "noise", "sigma": [10, 50]})
    sigmas = (noise(CLEAN, seeded(0)) - CLEAN).std(dim=(1, 2, 3)) * 255
    assert (sigmas > 9.5).all()
    assert (sigmas < 50.5).all()
    assert (sigmas[0] - sigmas[1]).abs() > 1


@pytest.mark.parametrize(
    "table",
    [{}, {"kind": "haze"}, {"kind": "noise"}, {"kind": "noise", "sigma": 2, "x": 1}, {"sigma": 3}],
)
def test_an_unknown_degradation_is_refused(table: dict[str, object]) -> None:
    """By its name or by its options."""
    with pytest.raises(BadInput, match=r"[Dd]egradation"):
        degradation(table)
