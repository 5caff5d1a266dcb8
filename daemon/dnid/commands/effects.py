"""The options of `dnid apply` that say what to do to a picture."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, replace
from pathlib import Path

from dnid.errors import BadRecipe
from dnid.recipe import SCALES, Stage

AUTO = "auto"
_SLIDERS = {
    "dejpeg": "remove what JPEG compression left, about (100 − quality) / 90: 0.3 for a picture "
    "from the web, 0.8 where the blocks are plain to see",
    "denoise": "remove noise: 0.2 for fine grain, 0.5 for high ISO, 0.8 for a night shot",
    "dof": "soften the background as a fast lens does; what stays sharp is found by itself, or "
    "said by --mask (black); 1 blurs by 2 %% of the long side",
}
"""Effect → what its option means."""
_WITH_AUTO = ("dejpeg", "denoise")


@dataclass(frozen=True)
class Wish:
    """An effect that the user asks for."""

    stage: Stage
    auto: bool
    """Each picture gets the strength that is proposed for it; the stage's does not matter."""

    def with_strength(self, strength: float) -> Stage:
        return replace(self.stage, strength=strength)


def add_options(apply: argparse.ArgumentParser) -> None:
    effects = apply.add_argument_group(
        "effects (at least one; they run in this order)",
        "S goes from 0, the picture as it is, to 1, the strongest network of the pack.\n"
        "With auto the pack looks at each picture and proposes S; the summary tells it.",
    )
    for effect, meaning in _SLIDERS.items():
        auto = effect in _WITH_AUTO
        effects.add_argument(
            f"--{effect}", type=_strength if auto else _number,
            metavar="S|auto" if auto else "S", help=meaning,
        )  # fmt: skip
    effects.add_argument(
        "--scale", type=int, choices=SCALES[1:], help="make it so many times as high and wide"
    )
    effects.add_argument(
        "--sharpness", type=_number, metavar="S",
        help="of --scale: from 0, true to the picture (the default), to 1, crisp with detail "
        "that the network makes up",
    )  # fmt: skip
    for effect, option in (*zip(_SLIDERS, _SLIDERS, strict=True), ("sr", "scale")):
        effects.add_argument(
            f"--{effect}-pack", metavar="ID",
            help=f"for --{option}: another pack than the default (`dnid packs` lists them)",
        )  # fmt: skip
    masks = apply.add_argument_group("strength per pixel")
    masks.add_argument(
        "--mask", type=Path, metavar="FILE",
        help="gray picture of the input's size, for all the effects: white gets the full "
        "strength, black --outside; --scale enlarges all of it and the mask steers its sharpness",
    )  # fmt: skip
    masks.add_argument(
        "--outside", type=_number, metavar="S",
        help="strength of every effect where the mask is black (default 0)",
    )  # fmt: skip


def wishes(options: argparse.Namespace) -> list[Wish]:
    """What the options ask for. Raises BadRecipe for options that do not fit together."""
    if options.outside is not None and options.mask is None:
        raise BadRecipe("--outside needs a --mask.")
    outside = options.outside or 0.0
    found = []
    for effect in _SLIDERS:
        strength, pack = getattr(options, effect), getattr(options, f"{effect}_pack")
        if strength is not None:
            auto = strength == AUTO
            found.append(Wish(Stage(effect, 0.0 if auto else strength, outside, pack), auto))
        elif pack is not None:
            raise BadRecipe(f"--{effect}-pack needs a strength as well: --{effect} S.")
    found += _enlarging(options, outside)
    if not found:
        raise BadRecipe("Say what to do, for example --denoise 0.4; `dnid apply --help` has more.")
    return found


def _enlarging(options: argparse.Namespace, outside: float) -> list[Wish]:
    if options.scale is not None:
        sharpness = options.sharpness or 0.0
        stage = Stage("sr", sharpness, outside, options.sr_pack, scale=options.scale)
        return [Wish(stage, auto=False)]
    for option in ("sharpness", "sr_pack"):
        if getattr(options, option) is not None:
            raise BadRecipe(f"--{option.replace('_', '-')} needs --scale 2 or --scale 4.")
    return []


def _strength(text: str) -> float | str:
    return AUTO if text == AUTO else _number(text, " or auto")


def _number(text: str, otherwise: str = "") -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1{otherwise}")
    return value
