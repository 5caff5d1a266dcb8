"""Degradations do what they say, the same every time."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from tests.dnipack.small_recipe import made_up_photo

from dnid.errors import BadInput
from dnipack.degrade import Degradation, camera, degradation
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


GREY = camera.linear_to_srgb(torch.full((4, 3, 96, 96), camera.MID_GREY))
PLAIN = {"balance": 1, "saturation": 0, "tone": 1, "mosaic": 0.0, "jpeg": 0.0, "grain": 1.0}


def camera_noise(clean: torch.Tensor, **options: object) -> torch.Tensor:
    """What the camera adds, on the 0..255 scale."""
    degrade = degradation({"kind": "camera", **options})
    return (degrade(clean, seeded(0)) - clean) * 255


@pytest.mark.parametrize(("sigma", "within"), [(4.0, 0.02), (12.0, 0.05)])
def test_camera_noise_has_its_sigma_at_mid_grey(sigma: float, within: float) -> None:
    """Through mosaic, gains, matrix, smoothing and tone curve: RMS σ, next to no bias."""
    noise = camera_noise(GREY, sigma=sigma, jpeg=0.0)
    rounding = 1 / 12  # the variance of writing 8 bits
    wanted = (sigma**2 + rounding) ** 0.5
    for picture in noise:
        assert picture.square().mean().sqrt().item() == pytest.approx(wanted, rel=within)
        assert picture.mean().item() == pytest.approx(0, abs=0.1 * sigma)


def test_shot_noise_grows_with_light_and_read_noise_does_not() -> None:
    """In linear light: variance ∝ light for shot = 1, constant for shot = 0 (Foi et al.)."""

    def variance(light: float, shot: float) -> float:
        clean = camera.linear_to_srgb(torch.full((4, 3, 96, 96), light))
        finished = clean + camera_noise(clean, sigma=6, shot=shot, **PLAIN) / 255
        return float(camera.srgb_to_linear(finished).var())

    assert variance(0.4, 1.0) / variance(0.1, 1.0) == pytest.approx(4.0, rel=0.05)
    assert variance(0.4, 0.0) / variance(0.1, 0.0) == pytest.approx(1.0, rel=0.05)


def test_a_camera_makes_neighbours_alike_and_chroma_blotchy() -> None:
    """Without mosaic and smoothing white; with them neighbours correlate, chroma farther out."""

    def correlation(noise: torch.Tensor, distance: int) -> float:
        pair = torch.stack([noise[..., :-distance].flatten(), noise[..., distance:].flatten()])
        return float(torch.corrcoef(pair)[0, 1])

    white = camera_noise(GREY, sigma=6, **PLAIN)
    assert abs(correlation(white, 1)) < 0.02
    mosaic = camera_noise(GREY, sigma=6, **(PLAIN | {"mosaic": 1.0}))
    assert correlation(mosaic[:, 0], 1) > 0.3  # red has a site in four
    smoothed = {"mosaic": 0.0, "grain": 0.0, "luma_blur": 0.5, "chroma_blur": 3.0}
    blotchy = camera_noise(GREY, sigma=6, **(PLAIN | smoothed))
    luma = blotchy.mean(1)
    assert correlation(luma, 4) < 0.1 < 0.3 < correlation(blotchy[:, 0] - blotchy[:, 1], 4)


def test_no_noise_leaves_the_photo_as_it_is() -> None:
    """σ = 0 without JPEG gives every 8-bit value back; with JPEG its artefacts alone."""
    degrade = degradation({"kind": "camera", "sigma": 0, "jpeg": 0.0})
    torch.testing.assert_close(degrade(photos(), seeded(0)), photos(), rtol=0, atol=1e-6)
    assert camera_noise(photos(), sigma=0, jpeg=1.0).abs().max() > 1


def test_the_camera_follows_its_generator() -> None:
    """The same seed gives the same bits, another seed others."""
    degrade = degradation({"kind": "camera", "sigma": [2, 9]})
    assert torch.equal(degrade(photos(), seeded(1)), degrade(photos(), seeded(1)))
    assert not torch.equal(degrade(photos(), seeded(1)), degrade(photos(), seeded(2)))


def test_a_zoomed_picture_is_its_softer_middle() -> None:
    """Twice the size: the mean of the middle half, less of it from pixel to pixel."""
    clean = photos(1)
    zoomed = degradation({"kind": "zoom", "factor": 2})(clean, seeded(0))
    middle = clean[..., 16:48, 16:48]
    assert zoomed.shape == clean.shape
    assert zoomed.mean().item() == pytest.approx(middle.mean().item(), abs=0.01)
    assert zoomed.diff(dim=-1).abs().mean() < 0.7 * middle.diff(dim=-1).abs().mean()
    untouched = degradation({"kind": "zoom", "factor": 2, "probability": 0.0})(clean, seeded(0))
    assert torch.equal(untouched, clean)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kind": "camera", "sigma": -1}, "sigma of camera noise must be a number"),
        ({"kind": "camera", "sigma": 5, "balance": 0.5}, "balance of camera noise must be"),
        ({"kind": "camera", "sigma": 5, "mosaic": 2}, "probability `mosaic` must be"),
        ({"kind": "zoom", "factor": 0.5}, "factor of zoom must be a number from 1 to 16"),
    ],
)
def test_camera_options_that_make_no_sense_are_refused(
    options: dict[str, object], said: str
) -> None:
    """The sentence names the option."""
    with pytest.raises(BadInput, match=said):
        degradation(options)
