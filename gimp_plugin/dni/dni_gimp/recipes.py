"""From what a photographer sets, in percent, to the daemon's recipe, and back.

The settings are the procedure's arguments by their PDB names, see arguments.py.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

HALO = 64  # pixels, for a pack that is not known yet
SCALES = {"x1": 1, "x2": 2, "x4": 4}
Table = dict[str, Any]
"""A recipe or a stage as PROTOCOL.md writes it."""


class Refused(Exception):
    """What was asked for cannot be done; `str()` says in one sentence what to do."""


@dataclass(frozen=True)
class Effect:
    """The arguments of one effect."""

    name: str
    """The daemon's."""
    strength: str
    """The argument with the percents; those where the map is black end in -outside."""
    on: str | None = None
    """The argument that switches it; None: upscaling, which its scale switches."""
    auto: str | None = None
    """The argument that lets the daemon look at the picture for the percents."""

    @property
    def outside(self) -> str:
        """The argument with the percents where the map is black."""
        return f"{self.strength}-outside"


EFFECTS = (
    Effect("dejpeg", "dejpeg", "dejpeg-on", "dejpeg-auto"),
    Effect("denoise", "denoise", "denoise-on", "denoise-auto"),
    Effect("dof", "dof", "dof-on"),
    Effect("sr", "sharpness"),
)


def is_on(effect: Effect, settings: Mapping[str, Any]) -> bool:
    """Return whether the settings ask for this effect."""
    return bool(settings[effect.on] if effect.on else SCALES[settings["scale"]] > 1)


def recipe_of(settings: Mapping[str, Any], missing: Collection[tuple[str, int]] = ()) -> Table:
    """Return the recipe that these settings mean.

    Effects in `missing` (with their scale) are left out. Inverting the map is the same as
    exchanging the strengths at its two ends; where there is none, there is nothing to invert.
    """
    invert = settings["invert"] and settings["mask"] != "none"
    stages = []
    for effect in EFFECTS:
        scale = SCALES[settings["scale"]] if effect.on is None else 1
        if is_on(effect, settings) and (effect.name, scale) not in missing:
            ends = settings[effect.strength] / 100, settings[effect.outside] / 100
            stages.append(_stage(effect, *ends, scale=scale, invert=invert))
    return {"stages": stages}


def _stage(effect: Effect, white: float, black: float, *, scale: int, invert: bool) -> Table:
    if invert:
        white, black = black, white
    stage = {"effect": effect.name, "strength": white, "outside": black, "pack": None}
    return stage if scale == 1 else {**stage, "scale": scale}


def auto_recipe_of(settings: Mapping[str, Any]) -> Table:
    """Return the effects that are on and whose strength the daemon is to propose."""
    found = [e for e in EFFECTS if e.auto and settings[e.auto] and is_on(e, settings)]
    return {"stages": [{"effect": e.name, "strength": 0.0, "pack": None} for e in found]}


def with_proposals(settings: Mapping[str, Any], proposals: Mapping[str, float]) -> Table:
    """Return the settings with what the daemon proposed, effect by effect, in 0..1."""
    percents = {e.strength: 100 * proposals[e.name] for e in EFFECTS if e.name in proposals}
    return {**settings, **percents}


def settings_of(recipe: Table, *, invert: bool = False) -> Table:
    """Return the settings that mean this recipe: `recipe_of` backwards.

    Strengths of effects that are not in it are left out. Raises KeyError, TypeError or
    ValueError for what is no recipe.
    """
    stages = {stage["effect"]: stage for stage in recipe["stages"]}
    settings: Table = {"invert": invert, "scale": "x1"}
    for effect in EFFECTS:
        stage = stages.get(effect.name)
        if effect.on:
            settings[effect.on] = stage is not None
        if stage is not None:
            ends = ("outside", "strength") if invert else ("strength", "outside")
            white, black = (round(float(stage[end]) * 100, 4) for end in ends)
            settings |= {effect.strength: white, effect.outside: black}
            if effect.auto:
                settings[effect.auto] = False
            if effect.on is None:
                settings["scale"] = f"x{int(stage['scale'])}"
    return settings


def scale_of(recipe: Table) -> int:
    """Return how many times larger the result is, a side."""
    scale = 1
    for stage in recipe["stages"]:
        scale *= int(stage.get("scale", 1))
    return scale


def place_of(recipe: Table, *, masked: bool) -> tuple[str, tuple[float, ...]]:
    """Return what kind of recipe this is, and where among its kind it lies.

    Two recipes of one kind differ in their strengths or shares alone, so that something between
    their results looks like the result of what lies between them. A stage that is not there has
    strength 0.
    """
    kinds: list[object] = []
    place: list[float] = []
    stages = {stage["effect"]: stage for stage in recipe["stages"]}
    for effect in EFFECTS:
        stage = stages.get(effect.name, {})
        shares = stage.get("shares") or []
        kinds.append((stage.get("scale", 1), stage.get("pack"), len(shares)))
        place += shares
        place.append(stage.get("strength") or 0.0)
        place.append((stage.get("outside") or 0.0) if masked else 0.0)
    return json.dumps(kinds), tuple(place)


def has_shares(recipe: Table) -> bool:
    """Return whether anchors are mixed by hand: then no recipe gives the picture back."""
    return any(stage.get("shares") for stage in recipe["stages"])


def changes_nothing(recipe: Table, *, masked: bool) -> bool:
    """Return whether the result is the picture, bit for bit."""
    return all(
        stage.get("scale", 1) == 1
        and not stage.get("shares")
        and not stage["strength"]
        and not (masked and stage["outside"])
        for stage in recipe["stages"]
    )


def ends_of(recipe: Table, *, masked: bool = False) -> Iterator[Table]:
    """Give the recipes at the ends of each slider: between their results a hand is followed."""
    for number, stage in enumerate(recipe["stages"]):
        ends: list[Table]
        if shares := stage.get("shares"):
            anchors = range(len(shares))
            ends = [{"shares": [float(i == one) for i in anchors]} for one in anchors]
        else:
            ends = [{"strength": 1.0}, *([{"outside": 1.0}] if masked else [])]
            if stage.get("scale", 1) > 1:
                ends.append({"strength": 0.0})
        for end in ends:
            stages = list(recipe["stages"])
            stages[number] = {**stage, **end}
            yield {"stages": stages}


def without(effect: str, recipe: Table) -> Table:
    """Return the recipe with no stage of this effect; one that does nothing stays."""
    stages = recipe["stages"]
    kept = [s for s in stages if s["effect"] != effect or not (s["strength"] or s.get("shares"))]
    return {**recipe, "stages": kept}


def looks_at_all(recipe: Table) -> bool:
    """Return whether the result of a part depends on the whole picture, however far away."""
    return any(stage["effect"] == "dof" for stage in recipe["stages"])


def halo_of(recipe: Table, packs: Iterable[Mapping[str, Any]]) -> int:
    """Return how many pixels around a part of the picture its result depends on."""
    packs = list(packs)
    return sum(_halo(stage, packs) for stage in recipe["stages"])


def _halo(stage: Table, packs: Iterable[Mapping[str, Any]]) -> int:
    pack = pack_for(packs, stage["effect"], stage.get("scale", 1), stage["pack"])
    return HALO if pack is None else int(pack.get("halo", HALO))


def pack_for(
    packs: Iterable[Mapping[str, Any]], effect: str, scale: int = 1, name: str | None = None
) -> Mapping[str, Any] | None:
    """Return the pack that the daemon would take: the named one, or the effect's default.

    Where the daemon marks none as the default, the first by its name.
    """
    fitting = [
        pack
        for pack in packs
        if pack.get("error") is None
        and name in (None, pack["id"])
        and (pack.get("effect"), pack.get("scale", 1)) == (effect, scale)
    ]
    return min(fitting, key=lambda pack: (not pack.get("default"), pack["id"]), default=None)


def missing_effects(packs: Iterable[Mapping[str, Any]]) -> set[tuple[str, int]]:
    """Return the effects, with their scale, for which none of the daemon's packs is good."""
    wanted = {("dejpeg", 1), ("denoise", 1), ("dof", 1), ("sr", 2), ("sr", 4)}
    found = {
        (pack.get("effect"), pack.get("scale", 1)) for pack in packs if pack.get("error") is None
    }
    return {each for each in wanted if each not in found}
