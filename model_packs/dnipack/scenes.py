"""Photos with a mask of what they show, and what is composed of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from dnid.errors import BadInput
from dnipack.photos import find_photos, load_mask, load_photo, to_tensor

Scene = NDArray[np.uint8]
"""H×W×4: sRGB, and 255 where the subject is."""

COMPOSED = 0.4
"""Share of the crops in which a subject was cut out and put before another photo."""
DRAWN = 0.2
"""Share of the crops whose mask is drawn as a user might, whatever the photo shows."""
ZOOM = 0.6, 1.4
"""How much smaller or larger than its picture a subject may be pasted."""


@dataclass(frozen=True)
class SceneFolder:
    """A [[scenes]] table of a recipe; paths are relative to the data folder."""

    photos: str
    masks: str
    """A mask has the photo's path below `photos`, with __ for / and .png at its end."""
    clear: str
    """A text file with the names of the masks (without .png) that show one clear subject."""
    keep_back: int = 0
    """Every so manieth photo by name, from the first, is kept aside; 0: none."""


@dataclass(frozen=True)
class Scenes:
    clear: list[Scene]
    """With a subject."""
    other: list[Scene]
    """Their masks are grainy, empty or missing: good as backgrounds."""
    kept_back: list[Scene]
    """Clear ones, for measuring."""
    kept_back_other: list[Scene]


def load_scenes(data: Path, folders: Sequence[SceneFolder], side: int) -> Scenes:
    """Every photo at `side` pixels along its longer side. Raises BadInput for a missing file."""
    scenes = Scenes([], [], [], [])
    for folder in folders:
        names = _names(data / folder.clear)
        photos = find_photos(data / folder.photos)
        if not photos:
            raise BadInput(f"No photos in {data / folder.photos}.")
        for number, path in enumerate(photos):
            name = "__".join(path.relative_to(data / folder.photos).with_suffix("").parts)
            kept = bool(folder.keep_back) and number % folder.keep_back == 0
            clear = name in names
            scene = load_scene(path, data / folder.masks / f"{name}.png", side)
            targets = (scenes.clear, scenes.kept_back) if clear else (
                scenes.other, scenes.kept_back_other
            )  # fmt: skip
            targets[kept].append(scene)
    return scenes


def _names(path: Path) -> set[str]:
    try:
        return {Path(line).stem for line in path.read_text("utf-8").split("\n") if line.strip()}
    except OSError as error:
        raise BadInput(f"Cannot read {path}: {error}") from error


def load_scene(photo: Path, mask: Path, side: int) -> Scene:
    """A missing mask is empty."""
    pixels = Image.fromarray(load_photo(photo))
    size = fitting(pixels.size, side)
    colours = np.asarray(pixels.resize(size, Image.Resampling.BICUBIC))
    matte = load_mask(mask, size) if mask.exists() else np.zeros(colours.shape[:2], np.uint8)
    return np.dstack([colours, matte])


def fitting(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Width and height for a longer side of `side` pixels."""
    share = side / max(size)
    return max(1, round(size[0] * share)), max(1, round(size[1] * share))


class SceneSampler:
    """Random square crops: scenes as they are, subjects before other photos, drawn masks."""

    def __init__(self, scenes: Scenes, size: int, drawn: float = DRAWN) -> None:
        self.clear = [_at_least(scene, size) for scene in scenes.clear]
        self.other = [_at_least(scene, size) for scene in scenes.other]
        if not self.clear or not self.other:
            raise BadInput("Photos with a clear subject are needed, and others behind them.")
        self.size, self.drawn = size, drawn

    def batch(self, count: int, rng: np.random.Generator) -> Tensor:
        """N×4×S×S float32 in 0..1, channels last."""
        return to_tensor(np.stack([self._scene(rng) for _ in range(count)]))

    def _scene(self, rng: np.random.Generator) -> Scene:
        place = rng.random()
        if place < self.drawn:
            scene = _crop(_any(self.clear + self.other, rng), self.size, rng).copy()
            scene[..., 3] = _drawn_mask(self.size, rng)
        elif place < self.drawn + COMPOSED:
            scene = self._composed(rng)
        else:
            scene = _crop(_any(self.clear, rng), self.size, rng)
        return _turned(scene, rng)

    def _composed(self, rng: np.random.Generator) -> Scene:
        """A subject before another photo, cut out where the two meet softly."""
        behind = _crop(_any(self.other, rng), self.size, rng).astype(np.float32)
        subject = _any(self.clear, rng)
        share = rng.uniform(*ZOOM)
        side = [max(self.size, round(length * share)) for length in subject.shape[:2]]
        larger = Image.fromarray(subject).resize((side[1], side[0]), Image.Resampling.BICUBIC)
        front = _crop(np.asarray(larger), self.size, rng)
        share_of_front = front[..., 3:].astype(np.float32) / 255
        colours = behind[..., :3] + share_of_front * (front[..., :3] - behind[..., :3])
        return np.dstack([np.rint(colours).astype(np.uint8), front[..., 3]])


def _any(scenes: Sequence[Scene], rng: np.random.Generator) -> Scene:
    return scenes[int(rng.integers(len(scenes)))]


def _at_least(scene: Scene, size: int) -> Scene:
    """Mirrored at its borders where it is smaller than a crop."""
    missing = [(0, max(0, size - length)) for length in scene.shape[:2]]
    return np.pad(scene, (*missing, (0, 0)), "symmetric") if np.any(missing) else scene


def _crop(scene: Scene, size: int, rng: np.random.Generator) -> Scene:
    top, left = (int(rng.integers(length - size + 1)) for length in scene.shape[:2])
    return scene[top : top + size, left : left + size]


def _turned(scene: Scene, rng: np.random.Generator) -> Scene:
    """Mirrored at most: a photo has an up and a down."""
    return scene[:, ::-1] if rng.random() < 0.5 else scene


def _drawn_mask(size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Empty, full, or a blot with an edge between hard and very soft."""
    kind = rng.random()
    if kind < 0.2:
        return np.full((size, size), 255 * (kind < 0.05), np.uint8)
    noise = rng.normal(size=(3, 3)).astype(np.float32)
    wide = Image.fromarray(noise).resize((size, size), Image.Resampling.BICUBIC)
    edge = np.exp(rng.uniform(np.log(0.01), np.log(0.5)))
    shares = np.clip(np.asarray(wide) / edge + 0.5, 0, 1)
    return np.asarray(255 * shares, np.uint8)
