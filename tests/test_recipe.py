"""What a recipe may say, and what it means."""

from __future__ import annotations

from typing import Any

import pytest

from dnid.errors import BadRecipe
from dnid.recipe import Recipe, Stage

ENLARGED = {"effect": "sr", "strength": 0.5, "scale": 4}
CHOSEN = {"effect": "denoise", "strength": 0, "pack": "mine", "shares": [0.25, 0.75]}


def test_a_recipe_survives_its_table() -> None:
    """Every field comes back from the plain table; lists become tuples."""
    recipe = Recipe.from_dict({"stages": [ENLARGED, CHOSEN]})
    assert recipe.stages[0] == Stage("sr", 0.5, scale=4)
    assert recipe.stages[1] == Stage("denoise", 0, pack="mine", shares=(0.25, 0.75))
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert recipe.scale == 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scale": 3}, "1, 2 or 4"),
        ({"scale": 2.0}, "1, 2 or 4"),
        ({"scale": True}, "1, 2 or 4"),
        ({"scale": None}, "1, 2 or 4"),
        ({"effect": "denoise"}, "Only sr enlarges"),
        ({"strength": float("nan")}, "from 0 to 1"),
        ({"sharpness": 1}, "does not fit"),
    ],
)
def test_scales_that_are_refused(changes: dict[str, Any], said: str) -> None:
    """Only sr enlarges, and only by what packs are trained for."""
    with pytest.raises(BadRecipe, match=said):
        Recipe.from_dict({"stages": [ENLARGED | changes]})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pack": None}, "name the `pack`"),
        ({"shares": []}, "numbers from 0 to 1"),
        ({"shares": "1"}, "numbers from 0 to 1"),
        ({"shares": {"0": 1}}, "numbers from 0 to 1"),
        ({"shares": [0.5, "0.5"]}, "numbers from 0 to 1"),
        ({"shares": [True, 0]}, "numbers from 0 to 1"),
        ({"shares": [1.5, -0.5]}, "numbers from 0 to 1"),
        ({"shares": [float("nan"), 1]}, "numbers from 0 to 1"),
        ({"shares": [0.5, 0.4]}, "sum to 1, not to 0.9"),
    ],
)
def test_shares_that_are_refused(changes: dict[str, Any], said: str) -> None:
    """They belong to one named pack, and sum to 1."""
    with pytest.raises(BadRecipe, match=said):
        Recipe.from_dict({"stages": [CHOSEN | changes]})


@pytest.mark.parametrize(
    ("stage", "plain", "masked"),
    [
        (Stage("denoise", 0.0), False, False),
        (Stage("denoise", 0.0, outside=0.1), False, True),
        (Stage("denoise", 0.1), True, True),
        (Stage("denoise", 0.0, pack="mine", shares=(1.0,)), True, True),
        (Stage("sr", 0.0, scale=2), True, True),
        (Stage("sr", 1.0), False, False),
    ],
)
def test_a_stage_runs_when_it_has_something_to_do(stage: Stage, plain: bool, masked: bool) -> None:
    """Strength 0 does nothing unless the mask's outside or the scale does."""
    assert (stage.runs(masked=False), stage.runs(masked=True)) == (plain, masked)
