"""Settings in percent, and the daemon's recipes, without a GIMP."""

from __future__ import annotations

from typing import Any

from dni_gimp.recipes import (
    EFFECTS,
    changes_nothing,
    ends_of,
    halo_of,
    missing_effects,
    place_of,
    recipe_of,
    scale_of,
    settings_of,
)


def settings(**changes: Any) -> dict[str, Any]:
    """Return the procedure's defaults, with changes."""
    values: dict[str, Any] = {"scale": "x1", "invert": False, "mask": "none"}
    for effect in EFFECTS:
        values |= {effect.strength: 50.0, effect.outside: 0.0}
        if effect.on:
            values[effect.on] = effect.name == "denoise"
    return values | {name.replace("_", "-"): value for name, value in changes.items()}


def stage(effect: str, strength: float, outside: float = 0.0, **more: Any) -> dict[str, Any]:
    """Return a stage as the protocol writes it."""
    return {"effect": effect, "strength": strength, "outside": outside, "pack": None, **more}


ALL = settings(dejpeg_on=True, dejpeg=10.0, dof_on=True, scale="x4", sharpness=25.0)


def test_what_is_switched_on_is_in_the_recipe() -> None:
    """In the order in which it runs, with strengths of 0..1; upscaling by its scale."""
    assert recipe_of(settings()) == {"stages": [stage("denoise", 0.5)]}
    assert recipe_of(ALL)["stages"] == [
        stage("dejpeg", 0.1),
        stage("denoise", 0.5),
        stage("dof", 0.5),
        stage("sr", 0.25, scale=4),
    ]
    assert scale_of(recipe_of(ALL)) == 4


def test_what_has_no_pack_is_left_out() -> None:
    """A missing pack of one scale leaves the other scale alone."""
    missing = {("dejpeg", 1), ("sr", 2)}
    assert [each["effect"] for each in recipe_of(ALL, missing)["stages"]] == [
        "denoise", "dof", "sr",
    ]  # fmt: skip


def test_an_inverted_map_exchanges_the_strengths() -> None:
    """outside + (strength − outside) · (1 − m) is the same with the two exchanged."""
    ends = {"denoise": 80.0, "denoise_outside": 20.0}
    inverted = recipe_of(settings(**ends, invert=True, mask="layer-mask"))
    assert inverted == {"stages": [stage("denoise", 0.2, 0.8)]}


def test_without_a_map_nothing_is_inverted() -> None:
    """A check mark left from another picture does not turn the strength into the one outside."""
    assert recipe_of(settings(denoise=80.0, invert=True)) == {
        "stages": [stage("denoise", 0.8)],
    }


def test_there_and_back() -> None:
    """The settings of a recipe mean that recipe, inverted or not."""
    for invert in (False, True):
        before = recipe_of({**ALL, "denoise-outside": 12.5, "invert": invert, "mask": "layer-mask"})
        assert recipe_of(settings(mask="layer-mask") | settings_of(before, invert=invert)) == before


def test_neighbours_differ_in_their_place_alone() -> None:
    """An effect that is off lies at 0; another scale or pack is another kind."""
    kind, place = place_of({"stages": [stage("denoise", 0.3, 0.1)]}, masked=True)
    assert place_of({"stages": []}, masked=True) == (kind, (0.0,) * len(place))
    assert sorted(place)[-2:] == [0.1, 0.3]
    assert 0.1 not in place_of({"stages": [stage("denoise", 0.3, 0.1)]}, masked=False)[1]
    assert place_of({"stages": [stage("sr", 0.3, scale=2)]}, masked=True)[0] != kind


def test_what_changes_nothing() -> None:
    """Strength 0 everywhere, unless the picture is enlarged or anchors are mixed by hand."""
    assert changes_nothing({"stages": [stage("denoise", 0.0, 0.5)]}, masked=False)
    assert not changes_nothing({"stages": [stage("denoise", 0.0, 0.5)]}, masked=True)
    assert not changes_nothing({"stages": [stage("sr", 0.0, scale=2)]}, masked=False)
    assert not changes_nothing({"stages": [stage("dof", 0.0, shares=[1, 0])]}, masked=False)


def test_the_ends_of_the_sliders() -> None:
    """For each stage its strongest, or each anchor alone."""
    (end,) = ends_of({"stages": [stage("denoise", 0.3, 0.1)]})
    assert end == {"stages": [stage("denoise", 1.0, 0.1)]}
    blend = {"stages": [stage("denoise", 0.0, shares=[0.25, 0.75])]}
    assert [e["stages"][0]["shares"] for e in ends_of(blend)] == [[1.0, 0.0], [0.0, 1.0]]


PACKS = [
    {"id": "denoise", "effect": "denoise", "scale": 1, "halo": 56},
    {"id": "broken", "error": "hash"},
    {"id": "big", "effect": "sr", "scale": 4, "halo": 10},
]


def test_halos_add_up() -> None:
    """What one stage reads around a pixel, the stage before it must have made."""
    assert halo_of({"stages": [stage("denoise", 1.0), stage("sr", 1.0, scale=4)]}, PACKS) == 66


def test_what_is_missing() -> None:
    """Effects, and scales, that no sound pack is for."""
    assert missing_effects(PACKS) == {("dejpeg", 1), ("dof", 1), ("sr", 2)}
