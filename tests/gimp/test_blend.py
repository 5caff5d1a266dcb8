"""Shares of anchors that sum to 1, without a GIMP."""

from __future__ import annotations

import pytest

from dni_gimp.blend import (
    anchors_of,
    blend_recipe,
    blendable,
    find_pack,
    moved,
    read_shares,
    write_shares,
)
from dni_gimp.recipes import Refused

ANCHORS = ["n20", "n40", "n60"]
PACK = {"id": "b", "effect": "sr", "scale": 2, "anchors": [{"name": name} for name in ANCHORS]}
PACKS = [PACK, {"id": "a", "error": "damaged"}, {**PACK, "id": "aa", "effect": "dof", "scale": 1}]


def test_the_others_make_room() -> None:
    """They keep their proportions, whatever share one anchor is given."""
    assert moved([0.2, 0.6, 0.2], 1, 0.2) == pytest.approx([0.4, 0.2, 0.4])
    assert moved([0.0, 1.0, 0.0], 1, 0.5) == pytest.approx([0.25, 0.5, 0.25])
    assert moved([1.0], 0, 0.3) == [1.0]


@pytest.mark.parametrize("share", [0.0, 0.37, 1.0])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_shares_sum_to_1(which: int, share: float) -> None:
    """Wherever a slider is moved to."""
    shares = moved([0.5, 0.5, 0.0], which, share)
    assert sum(shares) == pytest.approx(1.0, abs=1e-12)
    assert shares[which] == share
    assert min(shares) >= 0


def test_shares_as_text() -> None:
    """What is written is read again; missing anchors have none, and the sum becomes 1."""
    assert write_shares(ANCHORS, [0.25, 0.75, 0.0]) == "n20=0.25 n40=0.75 n60=0"
    assert read_shares("n20=0.25 n40=0.75 n60=0", ANCHORS) == [0.25, 0.75, 0.0]
    assert read_shares("n60=3 n20=1", ANCHORS) == [0.25, 0.0, 0.75]
    assert read_shares(" ", ANCHORS) == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("n30=1", "n20, n40, n60"),
        ("n20", "NAME=NUMBER"),
        ("n20=a", "NAME=NUMBER"),
        ("n20=-1", "NAME=NUMBER"),
        ("n20=nan", "NAME=NUMBER"),
        ("n20=inf", "NAME=NUMBER"),
        ("n20=0", "All shares are 0"),
    ],
)
def test_shares_that_are_none(text: str, sentence: str) -> None:
    """Text that means no blend is refused with how to write one."""
    with pytest.raises(Refused, match=sentence):
        read_shares(text, ANCHORS)


def test_packs_that_can_be_blended() -> None:
    """The sound ones, by name; no name means the first."""
    assert [pack["id"] for pack in blendable(PACKS)] == ["aa", "b"]
    assert find_pack(PACKS, "")["id"] == "aa"
    assert anchors_of(find_pack(PACKS, "b")) == ANCHORS
    with pytest.raises(Refused, match="no pack “a”"):
        find_pack(PACKS, "a")


def test_the_recipe_of_a_blend() -> None:
    """The shares in the order of the pack's anchors, and the pack's scale."""
    stage = {"effect": "sr", "strength": 0.0, "pack": "b", "shares": [0.0, 1.0, 0.0], "scale": 2}
    assert blend_recipe(PACK, [0.0, 1.0, 0.0]) == {"stages": [stage]}
