"""The shipped packs do what they are for, on pictures whose truth is known."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from dnid.engine.engine import Engine
from dnid.packs.store import PackStore, default_folders
from dnid.recipe import Recipe, Stage
from dnipack.degrade import Bicubic
from dnipack.photos import to_pixels, to_tensor

Photo = NDArray[np.uint8]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(PackStore(default_folders()[-1:]))


@pytest.fixture(scope="module")
def truth() -> Photo:
    """192 × 192: soft patches of colour, hard edges at all angles, lines."""
    rng = np.random.default_rng(3)
    small = Image.fromarray(rng.integers(30, 220, (6, 6, 3), dtype=np.uint8))
    picture = np.asarray(small.resize((192, 192), Image.Resampling.BICUBIC)).astype(float)
    y, x = np.mgrid[:192, :192]
    for angle in np.arange(0.2, 3, 0.4):
        far = (x - 96) * np.cos(angle) + (y - 96) * np.sin(angle) - rng.uniform(-70, 70)
        picture += 25 * np.tanh(far / 0.7)[..., None] * rng.uniform(-1, 1, 3)
    picture -= 60 * np.exp(-((np.hypot(x - 60, y - 120) - 40) ** 2) / 2)[..., None]
    return np.clip(picture, 0, 255).astype(np.uint8)


def psnr(picture: Photo, truth: Photo) -> float:
    error = (picture.astype(float) - truth)[8:-8, 8:-8]
    return float(-10 * np.log10((error**2).mean() / 255**2))


def noisy(truth: Photo, sigma: float) -> Photo:
    grain = np.random.default_rng(0).normal(0, sigma, truth.shape)
    return np.clip(truth + grain, 0, 255).round().astype(np.uint8)


def compressed(truth: Photo, quality: int) -> Photo:
    file = io.BytesIO()
    Image.fromarray(truth).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        return np.asarray(image)


def restored(engine: Engine, picture: Photo, stage: Stage) -> Photo:
    found = engine.restore(picture, Recipe((stage,))).pixels
    assert found.dtype == np.uint8
    return found


@pytest.mark.parametrize(
    ("sigma", "pack", "gain"),
    [(10, "denoise", 3), (20, "denoise-awgn", 8), (50, "denoise-awgn", 12)],
)
def test_noise_goes(engine: Engine, truth: Photo, sigma: int, pack: str, gain: float) -> None:
    """By decibels, with the slider where the noise puts it."""
    picture = noisy(truth, sigma)
    strength = sigma / (24 if pack == "denoise" else 60)
    found = restored(engine, picture, Stage("denoise", strength, pack=pack))
    assert psnr(found, truth) > psnr(picture, truth) + gain


@pytest.mark.parametrize("quality", [10, 40])
def test_jpeg_traces_go(engine: Engine, truth: Photo, quality: int) -> None:
    """Blocks and rings of a file of that quality."""
    picture = compressed(truth, quality)
    found = restored(engine, picture, Stage("dejpeg", (100 - quality) / 90))
    assert psnr(found, truth) > psnr(picture, truth) + 1.5


@pytest.mark.parametrize("scale", [2, 4])
def test_enlarging_beats_bicubic(engine: Engine, truth: Photo, scale: int) -> None:
    """Smoothest; and the crispest end has more contrast between neighbours."""
    small = to_pixels(Bicubic(scale)(to_tensor(truth)))
    plain = Image.fromarray(small).resize((192, 192), Image.Resampling.BICUBIC)
    smooth, crisp = (restored(engine, small, Stage("sr", s, scale=scale)) for s in (0.0, 1.0))
    assert psnr(smooth, truth) > psnr(np.asarray(plain), truth) + 1
    energies = [float(np.square(np.diff(x.astype(float), axis=1)).mean()) for x in (smooth, crisp)]
    assert energies[1] > energies[0]


def test_the_background_softens(engine: Engine, truth: Photo) -> None:
    """Where the mask is white, and nowhere else."""
    mask = np.zeros((192, 192), np.uint8)
    mask[:, 96:] = 255
    found = engine.restore(truth, Recipe((Stage("dof", 1.0),)), mask).pixels
    assert np.array_equal(found[:, :96], truth[:, :96])
    steps = [float(np.abs(np.diff(x[:, 104:].astype(float), axis=1)).max()) for x in (truth, found)]
    assert steps[1] < steps[0] / 2


def test_each_effect_has_its_default(engine: Engine) -> None:
    """The pack that is named like it."""
    found = {(e, s): engine.store.find(e, None, s).manifest.id for e, s in (
        ("denoise", 1), ("dejpeg", 1), ("dof", 1), ("sr", 2), ("sr", 4))}  # fmt: skip
    assert list(found.values()) == ["denoise", "dejpeg", "dof", "sr-x2", "sr-x4"]
