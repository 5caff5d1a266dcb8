"""The options of `dnid apply` that say what to do to a picture."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from dnid.errors import BadRecipe
from dnid.recipe import Recipe, Stage

_SLIDERS = {
    "dejpeg": "remove what JPEG compression left, about (100 − quality) / 90: 0.3 for a picture "
    "from the web, 0.8 where the blocks are plain to see",
    "denoise": "remove noise: 0.2 for fine grain, 0.5 for high ISO, 0.8 for a night shot",
}
"""Effect → what its option means."""


def add_options(apply: argparse.ArgumentParser) -> None:
    effects = apply.add_argument_group(
        "effects (at least one; they run in this order)",
        "S goes from 0, the picture as it is, to 1, the strongest network of the pack.",
    )
    for effect, meaning in _SLIDERS.items():
        effects.add_argument(f"--{effect}", type=_strength, metavar="S", help=meaning)
    for effect in _SLIDERS:
        effects.add_argument(
            f"--{effect}-pack", metavar="ID", help=f"for --{effect}: another pack than the default"
        )
    masks = apply.add_argument_group("strength per pixel")
    masks.add_argument(
        "--mask", type=Path, metavar="FILE",
        help="gray picture of the input's size, for all the effects: white gets the full "
        "strength, black --outside",
    )  # fmt: skip
    masks.add_argument(
        "--outside", type=_strength, metavar="S",
        help="strength of every effect where the mask is black (default 0)",
    )  # fmt: skip


def recipe(options: argparse.Namespace) -> Recipe:
    """What the options ask for. Raises BadRecipe for options that do not fit together."""
    if options.outside is not None and options.mask is None:
        raise BadRecipe("--outside needs a --mask.")
    stages = []
    for effect in _SLIDERS:
        strength, pack = getattr(options, effect), getattr(options, f"{effect}_pack")
        if strength is not None:
            stages.append(Stage(effect, strength, options.outside or 0.0, pack))
        elif pack is not None:
            raise BadRecipe(f"--{effect}-pack needs a strength as well: --{effect} S.")
    if not stages:
        raise BadRecipe("Say what to do, for example --denoise 0.4; `dnid apply --help` has more.")
    return Recipe(tuple(stages))


def _strength(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value
