"""A recipe of seconds, and made-up photos to train it on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dnipack.photos import Photo
from dnipack.recipe import AnchorPlan, TrainingRecipe

TOML = """
id = "denoise"
name = "Small"
effect = "denoise"
version = "0.0.1"
licence = "CC0-1.0"
trained_on = "Made-up shapes."
path = ["n10", "n30"]
validation = ["c.png"]
batch = 2
crop = 16
seed = 7

[network]
architecture = "unet"
channels = [4, 6]
blocks = [1, 1]
fold = 1

[[anchor]]
name = "n10"
degradation = {kind = "noise", sigma = 10}
steps = 5
learning_rate = 0.002
about = "σ 10"

[[anchor]]
name = "n30"
parent = "n10"
degradation = {kind = "noise", sigma = 30}
steps = 4
learning_rate = 0.001
"""


def recipe(**changes: Any) -> TrainingRecipe:  # noqa: ANN401
    """The recipe of TOML with other fields."""
    fields: dict[str, Any] = {
        "id": "denoise",
        "name": "Small",
        "effect": "denoise",
        "version": "0.0.1",
        "licence": "CC0-1.0",
        "trained_on": "Made-up shapes.",
        "path": ("n10", "n30"),
        "validation": ("c.png",),
        "batch": 2,
        "crop": 16,
        "seed": 7,
        "network": {"architecture": "unet", "channels": [4, 6], "blocks": [1, 1], "fold": 1},
        "anchors": (
            AnchorPlan("n10", {"kind": "noise", "sigma": 10}, 5, 0.002, None, "σ 10"),
            AnchorPlan("n30", {"kind": "noise", "sigma": 30}, 4, 0.001, "n10"),
        ),
    }
    return TrainingRecipe(**(fields | changes))


def made_up_photo(seed: int, side: int = 48) -> Photo:
    """Soft shading with a few sharp-edged boxes."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:1:1j*side, 0:1:1j*side]  # fmt: skip
    phase = rng.random((3, 3)) * 6
    shading = np.stack([np.sin(3 * a * x + b) * np.cos(3 * b * y + c) for a, b, c in phase], 2)
    for _ in range(4):
        top, left = rng.integers(0, side - 8, 2)
        shading[top : top + 8, left : left + 12] = rng.uniform(-1, 1, 3)
    return np.rint(127.5 + 120 * shading).astype(np.uint8)


def write_photos(folder: Path) -> Path:
    """Three photos, a.png to c.png."""
    folder.mkdir()
    for seed, name in enumerate("abc"):
        Image.fromarray(made_up_photo(seed)).save(folder / f"{name}.png")
    return folder
