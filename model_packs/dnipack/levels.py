"""What an effect is measured on: kinds of degradation, their levels and nominal strengths."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dnid.errors import BadInput
from dnid.packs.manifest import Manifest
from dnipack.degrade import Bicubic, Camera, Degradation, Jpeg, Lens, Noise


@dataclass(frozen=True)
class Kind:
    """One sort of degradation, of which a level says how much."""

    about: str
    """What the level is, for people."""
    degradation: Callable[[float], Degradation]
    """Level → what degrades a picture to it. Raises BadInput for a level that cannot be."""
    strength: Callable[[float], float]
    """Level → the strength 0..1 that a calibrated slider should have for it."""
    measured: tuple[float, ...]
    """Levels to measure when none are named."""
    calibrated: tuple[float, ...]
    """Levels from which a curve is made; those of strength 0 and 1 need not be among them."""
    label: str = "level {:g}"
    """A level in few words: a format for one number."""
    renders: bool = False
    """Whether the level is what is wanted, not what is to be undone: the truth is the picture
    after it, and the picture itself, with its focus map, is what the pack is given."""


def _plain_jpeg(quality: float) -> Degradation:
    """As Pillow and OpenCV write it by default."""
    return Jpeg(quality, subsampling=("4:2:0",))


def _camera(sigma: float) -> Degradation:
    return Camera(sigma)


KINDS: Mapping[str, Kind] = {
    "noise": Kind(
        "σ of white Gaussian noise, 0–255 scale", Noise, lambda sigma: sigma / 60,
        (20, 30, 40, 50, 60), tuple(range(5, 61, 5)), "σ {:g}",
    ),
    "camera": Kind(
        "σ of camera noise at mid-grey, 0–255 scale", _camera, lambda sigma: sigma / 24,
        (2, 4, 8, 16, 24), (1, 2, 3, 4, 6, 8, 12, 16, 20, 24), "σ {:g}",
    ),
    "jpeg": Kind(
        "JPEG quality, 4:2:0", _plain_jpeg, lambda quality: (100 - quality) / 90,
        (10, 20, 30, 40), (95, 90, 80, 70, 60, 50, 40, 30, 20, 10),
        "quality {:g}",
    ),
    "lens": Kind(
        "radius of the disc of confusion, % of the long side",
        lambda percent: Lens(percent / 100), lambda percent: percent / 2,
        (0.25, 0.5, 0.75, 1, 1.5, 2), (0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1, 1.25, 1.5, 1.75),
        "radius {:g} %", renders=True,
    ),
    "bicubic": Kind(
        "how many times smaller", lambda scale: Bicubic(int(scale)), lambda _: 0.0,
        (), (), "1/{:g}",
    ),
}  # fmt: skip

_OF_EFFECT = {"denoise": "noise", "dejpeg": "jpeg", "dof": "lens", "sr": "bicubic"}


def kind_for(manifest: Manifest, wanted: str | None = None) -> Kind:
    """The kind a pack is measured on, or the one that is `wanted`.

    Raises BadInput for an unknown kind, an effect that has none, and one that does not fit.
    """
    name = wanted or _OF_EFFECT.get(manifest.effect, "")
    if name not in KINDS:
        raise BadInput(
            f"How to degrade photos for {manifest.effect} is not known; --kind is one of"
            f" {', '.join(KINDS)}."
        )
    own = {"bicubic": "sr", "lens": "dof"}  # no other kind fits these effects, nor they another
    if own.get(name) != (manifest.effect if manifest.effect in own.values() else None):
        raise BadInput(f"A pack for {manifest.effect} is not measured on {name}.")
    return KINDS[name]
