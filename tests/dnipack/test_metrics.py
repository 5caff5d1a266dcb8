"""Metrics are those of the published tables."""

from __future__ import annotations

import math

import pytest
import torch

from dnipack.metrics import gradient_energy, psnr, ssim, studio_luma, without_border


def picture(seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 3, 24, 20, generator=torch.Generator().manual_seed(seed))


def test_psnr_of_a_known_error() -> None:
    """An error of 1/10 everywhere is 20 dB, of half a step of 8 bits 54.15 dB."""
    assert psnr(torch.zeros(4), torch.full((4,), 0.1)) == pytest.approx(20.0)
    assert psnr(torch.zeros(4), torch.full((4,), 0.5 / 255)) == pytest.approx(54.1514, abs=1e-3)
    assert psnr(torch.zeros(4), torch.zeros(4)) == pytest.approx(120.0)


@pytest.mark.parametrize(
    ("colour", "luma"),
    [((0, 0, 0), 16.0), ((1, 1, 1), 235.0), ((1, 0, 0), 81.481), ((0, 1, 0), 144.553),
     ((0, 0, 1), 40.966)],
)  # fmt: skip
def test_luma_in_studio_swing(colour: tuple[int, int, int], luma: float) -> None:
    """MATLAB's rgb2ycbcr of black, white and the primaries."""
    pixel = torch.tensor(colour, dtype=torch.float32).reshape(1, 3, 1, 1)
    assert studio_luma(pixel).item() * 255 == pytest.approx(luma, abs=1e-3)


def test_psnr_on_luma_of_a_known_case() -> None:
    """One grey step of 8 bits is 219/255 of a step in Y'; the border does not count."""
    truth = torch.full((1, 3, 12, 12), 100 / 255)
    result = truth + 1 / 255
    result[..., :2, :] = 0.9
    seen = [without_border(studio_luma(p), 2) for p in (result, truth)]
    assert seen[0].shape == (1, 1, 8, 8)
    wanted = 20 * math.log10(255 / (219 / 255))
    assert psnr(*seen) == pytest.approx(wanted, abs=1e-3)


def test_ssim() -> None:
    """1 for the picture itself, the formula's value for two flat ones, less for noise."""
    assert ssim(picture(), picture()) == pytest.approx(1.0, abs=1e-5)
    low, high, c1 = 0.2, 0.6, 0.01**2
    wanted = (2 * low * high + c1) / (low**2 + high**2 + c1)
    flat = [torch.full((1, 3, 16, 16), value) for value in (low, high)]
    assert ssim(*flat) == pytest.approx(wanted, abs=1e-4)
    assert ssim(picture(), picture(1)) < 0.2


def test_gradient_energy() -> None:
    """Half the contrast is a quarter of the energy; the picture itself has all of it."""
    assert gradient_energy(picture(), picture()) == pytest.approx(1.0)
    assert gradient_energy(picture() / 2, picture()) == pytest.approx(0.25, abs=1e-6)
