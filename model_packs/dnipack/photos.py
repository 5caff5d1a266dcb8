"""Photos to train and validate on, and crops of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from dnid.errors import BadInput

Photo = NDArray[np.uint8]
"""H×W×3, sRGB, 0..255."""

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"}


def find_photos(folder: Path) -> list[Path]:
    """Every picture below `folder`, in a stable order."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)


def load_photo(path: Path) -> Photo:
    """The picture as H×W×3 uint8, upright as viewers show it (its EXIF orientation is applied).
    Raises BadInput for a file Pillow cannot read."""
    return np.asarray(_upright(path, "RGB"))


def load_mask(path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The picture as H×W grays, upright and scaled to `size`, (width, height).
    Raises BadInput for a file Pillow cannot read."""
    return np.asarray(_upright(path, "L").resize(size, Image.Resampling.BICUBIC))


def _upright(path: Path, mode: str) -> Image.Image:
    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image).convert(mode)
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


def shrink(photo: Photo, share: float) -> Photo:
    """Scaled down to `share` of its height and width, by an antialiased bicubic filter."""
    if share == 1:
        return photo
    height, width = (max(1, round(share * length)) for length in photo.shape[:2])
    return np.asarray(Image.fromarray(photo).resize((width, height), Image.Resampling.BICUBIC))


def detail(photo: Photo) -> float:
    """How much there is to get wrong: the mean step between neighbours in green, 0..510."""
    green = photo[..., 1].astype(np.int16)
    return float(sum(np.abs(np.diff(green, axis=axis)).mean() for axis in (0, 1)))


class CropSampler:
    """Random square crops, flipped and turned.

    Each of `sizes`, shares of a photo's height and width, is equally likely, and in each of
    them every pixel: a photo that was scaled down shows as much in fewer pixels. Of every
    `choose` crops that are drawn so, the one with most detail is given: most of a photo is sky
    and blur, from which a network learns little. With `recolour` their three colours change
    places at random, and half of them are negatives: more pictures from the same photos.
    """

    def __init__(
        self,
        photos: Sequence[Photo],
        size: int,
        sizes: Sequence[float] = (1.0,),
        choose: int = 1,
        recolour: bool = False,
    ) -> None:
        self.photos, weights = [], []
        for share in sizes:
            pool = [shrink(photo, share) for photo in photos]
            pool = [photo for photo in pool if min(photo.shape[:2]) >= size]
            if not pool:
                raise BadInput(
                    f"No training photo is at least {size}×{size} pixels at {share} of its size."
                )
            areas = np.array([photo.shape[0] * photo.shape[1] for photo in pool], float)
            self.photos += pool
            weights.append(areas / areas.sum() / len(sizes))
        self.weights = np.concatenate(weights)
        self.size, self.choose, self.recolour = size, choose, recolour

    def batch(self, count: int, rng: np.random.Generator) -> Tensor:
        """N×3×S×S float32 in 0..1, channels last."""
        crops = np.empty((count, self.size, self.size, 3), np.uint8)
        draws = rng.choice(len(self.photos), (count, self.choose), p=self.weights)
        for crop, indices in zip(crops, draws, strict=True):
            drawn = [self._crop(self.photos[index], rng) for index in indices]
            crop[:] = drawn[0] if self.choose == 1 else max(drawn, key=detail)
        return to_tensor(crops)

    def _crop(self, photo: Photo, rng: np.random.Generator) -> Photo:
        top, left = (int(rng.integers(length - self.size + 1)) for length in photo.shape[:2])
        crop = photo[top : top + self.size, left : left + self.size]
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        crop = np.rot90(crop, int(rng.integers(4)))
        return recoloured(crop, rng) if self.recolour else crop


def recoloured(photo: Photo, rng: np.random.Generator) -> Photo:
    """Its colours in another order, as a negative or not."""
    photo = photo[..., rng.permutation(3)]
    return 255 - photo if rng.random() < 0.5 else photo


def to_tensor(pixels: Photo) -> Tensor:
    """[N×]H×W×3 uint8 → N×3×H×W float32 in 0..1, channels last in memory."""
    batch = torch.from_numpy(np.array(pixels))  # a copy: the pool may be read-only
    batch = batch if batch.ndim == 4 else batch[None]
    return batch.permute(0, 3, 1, 2).float().div_(255)


def to_pixels(picture: Tensor) -> Photo:
    """1×3×H×W float32 → H×W×3 uint8."""
    pixels: Photo = picture[0].permute(1, 2, 0).mul(255).round().clamp(0, 255).byte().numpy()
    return pixels
