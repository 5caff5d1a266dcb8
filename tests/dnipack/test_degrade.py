"""Degradations do what they say, the same every time."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from tests.dnipack.small_recipe import made_up_photo

from dnid.errors import BadInput
from dnipack.degrade import Degradation, degradation
from dnipack.photos import to_tensor

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


def photos(count: int = 2) -> torch.Tensor:
    return torch.cat([to_tensor(made_up_photo(seed, 64)) for seed in range(count)])


def jpeg(quality: object, **options: object) -> Degradation:
    return degradation({"kind": "jpeg", "quality": quality, **options})


def test_jpeg_is_what_the_encoder_writes() -> None:
    """On its own grid and at one subsampling, bit for bit Pillow's file."""
    file = io.BytesIO()
    Image.fromarray(made_up_photo(0, 64)).save(file, "JPEG", quality=30, subsampling="4:2:0")
    degraded = jpeg(30, subsampling=["4:2:0"])(photos(1), seeded(0))
    assert torch.equal(degraded, to_tensor(np.asarray(Image.open(file))))


def test_jpeg_follows_its_generator() -> None:
    """The same seed gives the same bits; another seed another grid, subsampling or quality."""
    degrade = jpeg([10, 60], shifted=0.5, twice=0.5)
    assert torch.equal(degrade(photos(), seeded(1)), degrade(photos(), seeded(1)))
    assert not torch.equal(degrade(photos(), seeded(1)), degrade(photos(), seeded(2)))


def test_a_lower_quality_is_farther_from_the_photo() -> None:
    """Q10 loses more than Q50, Q50 more than Q90; 4:2:0 more than 4:4:4; twice more than once."""
    clean = photos()

    def error(quality: int, subsampling: str = "4:2:0", **options: float) -> float:
        degraded = jpeg(quality, subsampling=[subsampling], **options)(clean, seeded(0))
        assert degraded.shape == clean.shape
        return float((degraded - clean).square().mean())

    assert error(10) > 1.5 * error(50) > 2 * error(90) > 0
    assert error(50) > error(50, "4:4:4")
    assert error(30, twice=1.0) > error(30)


def test_a_shifted_grid_starts_before_the_corner() -> None:
    """Of a flat picture with one step, the ringing begins where the grid's blocks lie."""
    step = torch.zeros(1, 3, 64, 64)
    step[..., 35:] = 1.0  # inside the block of columns 32..39
    rung = jpeg(10, subsampling=["4:4:4"])(step, seeded(0))
    assert torch.equal(rung[..., :32], step[..., :32])
    assert not torch.equal(rung[..., 32:35], step[..., 32:35])
    moved = [jpeg(10, subsampling=["4:4:4"], shifted=1.0)(step, seeded(s)) for s in range(4)]
    assert any(not torch.equal(other[..., :32], step[..., :32]) for other in moved)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"quality": 0}, "quality of jpeg must be a number from 1 to 100"),
        ({"quality": [50, 20]}, "quality of jpeg must be a number from 1 to 100"),
        ({"quality": "10"}, "quality of jpeg must be a number from 1 to 100"),
        ({"quality": 10, "subsampling": []}, "subsampling of jpeg lists some of"),
        ({"quality": 10, "subsampling": ["4:1:1"]}, "subsampling of jpeg lists some of"),
        ({"quality": 10, "twice": 1.5}, "probability `twice` must be a number from 0 to 1"),
        ({"quality": 10, "shifted": [0, 1]}, "probability `shifted` is one number"),
    ],
)
def test_jpeg_options_that_make_no_sense_are_refused(options: dict[str, object], said: str) -> None:
    """The sentence names the option."""
    with pytest.raises(BadInput, match=said):
        degradation({"kind": "jpeg", **options})
