"""Photos to train and validate on, and crops of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from dnid.errors import BadInput

Photo = NDArray[np.uint8]
"""H×W×3, sRGB, 0..255."""

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"}


def find_photos(folder: Path) -> list[Path]:
    """Every picture below `folder`, in a stable order."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)


def load_photo(path: Path) -> Photo:
    """The picture as H×W×3 uint8. Raises BadInput for a file Pillow cannot read."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise BadInput(f"Cannot read {path}: {error}") from error


def load_pool(folder: Path, held_back: Collection[str]) -> tuple[list[Photo], list[Photo]]:
    """(training photos, validation photos) of a folder.

    `held_back` names the validation photos, relative to `folder` with forward
    slashes. Raises BadInput when one is missing: a typo would train on it.
    """
    paths = {path.relative_to(folder).as_posix(): path for path in find_photos(folder)}
    missing = sorted(set(held_back) - set(paths))
    if missing or not paths:
        raise BadInput(f"No photos in {folder}." if not paths else f"Not in {folder}: {missing}")
    training = [load_photo(path) for name, path in paths.items() if name not in held_back]
    return training, [load_photo(paths[name]) for name in held_back]


def middle(photo: Photo, side: int) -> Photo:
    """Its middle, at most `side` pixels high and wide."""
    top, left = (max(0, (length - side) // 2) for length in photo.shape[:2])
    return photo[top : top + side, left : left + side]


class CropSampler:
    """Random square crops, flipped and turned, every pixel of the pool equally likely."""

    def __init__(self, photos: Sequence[Photo], size: int) -> None:
        self.photos = [photo for photo in photos if min(photo.shape[:2]) >= size]
        if not self.photos:
            raise BadInput(f"No training photo is at least {size}×{size} pixels.")
        areas = np.array([photo.shape[0] * photo.shape[1] for photo in self.photos], float)
        self.weights = areas / areas.sum()
        self.size = size

    def batch(self, count: int, rng: np.random.Generator) -> Tensor:
        """N×3×S×S float32 in 0..1, channels last."""
        crops = np.empty((count, self.size, self.size, 3), np.uint8)
        for crop, index in zip(
            crops, rng.choice(len(self.photos), count, p=self.weights), strict=True
        ):
            crop[:] = self._crop(self.photos[index], rng)
        return to_tensor(crops)

    def _crop(self, photo: Photo, rng: np.random.Generator) -> Photo:
        top, left = (int(rng.integers(length - self.size + 1)) for length in photo.shape[:2])
        crop = photo[top : top + self.size, left : left + self.size]
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        return np.rot90(crop, int(rng.integers(4)))


def to_tensor(pixels: Photo) -> Tensor:
    """[N×]H×W×3 uint8 → N×3×H×W float32 in 0..1, channels last in memory."""
    batch = torch.from_numpy(np.array(pixels))  # a copy: the pool may be read-only
    batch = batch if batch.ndim == 4 else batch[None]
    return batch.permute(0, 3, 1, 2).float().div_(255)


def to_pixels(picture: Tensor) -> Photo:
    """1×3×H×W float32 → H×W×3 uint8."""
    pixels: Photo = picture[0].permute(1, 2, 0).mul(255).round().clamp(0, 255).byte().numpy()
    return pixels
