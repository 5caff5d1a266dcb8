"""`auto`: which strength each picture gets, and why."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dnid.commands.effects import Wish
from dnid.errors import BadRecipe
from dnid.jpeg import quality_of
from dnid.recipe import Recipe, Stage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnid.engine.result import Proposed

RESAVED = 0.2
"""How much stronger than the file's own quality asks for JPEG's traces have to be before
the file counts as saved once more at a better quality: beyond what the estimator errs."""


class Proposer(Protocol):
    """An Engine here, or a Client of the daemon."""

    def propose(self, image: NDArray[Any], recipe: Recipe) -> Proposed: ...


def decide(
    wishes: Sequence[Wish], path: Path, pixels: NDArray[Any], proposer: Proposer
) -> tuple[Recipe, dict[str, str]]:
    """The recipe for this picture, and for each effect with `auto` what was chosen, in words.

    Raises BadRecipe for a pack that proposes nothing.
    """
    auto = {wish.stage.effect: wish.stage for wish in wishes if wish.auto}
    told: dict[str, tuple[float, str]] = {}
    if "dejpeg" in auto and (quality := quality_of(path)) is not None:
        told["dejpeg"] = _dejpeg(auto.pop("dejpeg"), quality, pixels, proposer)
    strengths = _proposed(auto.values(), pixels, proposer)
    told |= {effect: (strength, "") for effect, strength in strengths.items()}
    stages = [
        wish.with_strength(told[wish.stage.effect][0]) if wish.auto else wish.stage
        for wish in wishes
    ]
    words = {effect: f"{effect} {strength:.2f}{why}" for effect, (strength, why) in told.items()}
    return Recipe(tuple(stages)), words


def _dejpeg(
    stage: Stage, quality: int, pixels: NDArray[Any], proposer: Proposer
) -> tuple[float, str]:
    """The strength that the file's tables ask for, unless the picture shows much worse."""
    strength = min(1.0, (100 - quality) / 90)
    with contextlib.suppress(BadRecipe):  # the tables are enough for a pack without estimator
        seen = _proposed([stage], pixels, proposer)["dejpeg"]
        if seen > strength + RESAVED:
            return seen, f" (saved again at quality {quality})"
    return strength, f" (quality {quality})"


def _proposed(
    stages: Iterable[Stage], pixels: NDArray[Any], proposer: Proposer
) -> dict[str, float]:
    recipe = Recipe(tuple(stages))
    return dict(proposer.propose(pixels, recipe).strengths) if recipe.stages else {}
