"""What to do to an image, stage by stage, and how. Plain values, checked at birth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from dnid.errors import BadRecipe

EFFECTS = ("dejpeg", "denoise", "dof", "sr")
"""In the order in which they run: artefacts of storage first, enlarging last."""


SCALES = (1, 2, 4)

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Stage:
    effect: str
    """One of EFFECTS."""
    strength: float
    """0..1. 0 leaves the picture as it is, bit for bit; of sr it is the sharpness, from the
    smoothest enlarging to the crispest."""
    outside: float = 0.0
    """Strength where the mask is 0; of no meaning without a mask."""
    pack: str | None = None
    """Pack id; None for the effect's bundled default."""
    scale: int = 1
    """How many times higher and wider the result is; 2 or 4 for sr (at 1 it does not run)."""
    shares: tuple[float, ...] | None = None
    """One for each anchor of `pack`, in the order of its manifest, ≥ 0 with Σ = 1: the blend
    itself (Eq. 2), chosen past the pack's curve; `strength` and `outside` have no meaning then."""

    def __post_init__(self) -> None:
        if self.effect not in EFFECTS:
            raise BadRecipe(f"Unknown effect {self.effect!r}; known: {', '.join(EFFECTS)}.")
        for name in ("strength", "outside"):
            value = getattr(self, name)
            if type(value) not in (int, float) or not math.isfinite(value) or not 0 <= value <= 1:
                raise BadRecipe(f"The {name} of {self.effect} must be a number from 0 to 1.")
        if self.pack is not None and not isinstance(self.pack, str):
            raise BadRecipe("A pack is named by its id.")
        if type(self.scale) is not int or self.scale not in SCALES:
            raise BadRecipe("The scale of a stage is 1, 2 or 4.")
        if self.scale != 1 and self.effect != "sr":
            raise BadRecipe(f"Only sr enlarges; the scale of {self.effect} is 1.")
        if self.shares is not None:
            _check_shares(self)

    def runs(self, masked: bool) -> bool:
        """Whether there is anything to do: enlarging changes a picture at every strength."""
        if self.effect == "sr":
            return self.scale > 1
        return self.shares is not None or self.strength > 0 or (masked and self.outside > 0)


def _check_shares(stage: Stage) -> None:
    if stage.pack is None:
        raise BadRecipe("Shares belong to the anchors of one pack; name the `pack` as well.")
    shares = stage.shares
    if not isinstance(shares, tuple) or not shares or not all(map(_is_share, shares)):
        raise BadRecipe("The shares are numbers from 0 to 1, one for each anchor of the pack.")
    if abs(sum(shares) - 1) > 1e-6:
        raise BadRecipe(f"The shares must sum to 1, not to {sum(shares):g}.")


def _is_share(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1  # type: ignore[operator]


@dataclass(frozen=True)
class Execution:
    """How to compute a recipe; no part of what it means."""

    device: str = "auto"
    """`auto` (a GPU where there is one), `cpu` or `cuda`."""
    exact_tiles: bool = False
    """Read a network's whole receptive field around each tile, so that the result
    equals the untiled one; else the pack's halo, which leaves out what changes less
    than 0.25/255."""

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise BadRecipe(f"Unknown device {self.device!r}; choose {', '.join(DEVICES)}.")
        if type(self.exact_tiles) is not bool:
            raise BadRecipe("`exact_tiles` is true or false.")


@dataclass(frozen=True)
class Recipe:
    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        effects = [stage.effect for stage in self.stages]
        if len(set(effects)) != len(effects):
            raise BadRecipe("Each effect may stand in a recipe once.")

    def in_order(self) -> tuple[Stage, ...]:
        """The stages as they run (EFFECTS gives the order)."""
        return tuple(sorted(self.stages, key=lambda stage: EFFECTS.index(stage.effect)))

    @property
    def scale(self) -> int:
        """How many times higher and wider the result is."""
        return math.prod(stage.scale for stage in self.stages)

    def to_dict(self) -> dict[str, Any]:
        return {"stages": [asdict(stage) for stage in self.stages]}

    @classmethod
    def from_dict(cls, table: object) -> Recipe:
        """Raises BadRecipe when the table does not fit."""
        stages = table.get("stages") if isinstance(table, Mapping) else None
        if not isinstance(stages, list) or not all(isinstance(s, Mapping) for s in stages):
            raise BadRecipe("A recipe is a table with a list of `stages`.")
        try:
            return cls(tuple(_stage(stage) for stage in stages))
        except TypeError as error:
            raise BadRecipe(f"A stage of the recipe does not fit: {error}") from error


def _stage(table: Mapping[object, Any]) -> Stage:
    fields = {str(key): value for key, value in table.items()}
    if isinstance(fields.get("shares"), list):  # as it comes from a message
        fields["shares"] = tuple(fields["shares"])
    return Stage(**fields)
