"""`dni-pack auto`: let a pack propose a strength."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from dnid.engine.device import find_device
from dnid.engine.memory import keep_freed_blocks
from dnid.engine.runner import PackRunner
from dnid.packs.store import open_pack
from dnipack.auto import (
    by_strength,
    by_strength_then_cost,
    check,
    check_costs,
    lesson_for,
    mean_error,
    train_estimator,
    write_estimator,
)
from dnipack.measure import restore
from dnipack.photos import load_pool, middle
from dnipack.recipe import load_recipe

if TYPE_CHECKING:
    from dnipack.commands import Commands

MIDDLE = 384
"""Side of what is restored of a photo that was kept aside."""


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "auto",
        help="train what proposes a strength for a picture",
        description="Train the small network behind `auto`, write it into the pack, and print "
        "what it proposes for the photos that the recipe kept aside. Calibrate the pack first: "
        "the network learns the strengths of a calibrated slider.",
    )
    parser.add_argument("pack", type=Path, help="a pack folder")
    parser.add_argument("--recipe", type=Path, required=True, help="the recipe of the pack")
    parser.add_argument("--data", type=Path, required=True, help="the photos of its training")
    parser.add_argument("--steps", type=int, default=1500, help="(default 1500)")
    parser.add_argument(
        "--crops", type=int, default=1500,
        help="for photographs: crops that are restored at several strengths (default 1500)",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    keep_freed_blocks()
    pack, recipe = open_pack(options.pack), load_recipe(options.recipe)
    lesson = lesson_for(recipe)
    photos, kept_aside = load_pool(options.data, recipe.validation)
    trial = partial(restore, PackRunner(pack, find_device("auto")))
    batches = by_strength(lesson, photos)
    if lesson.by_cost:
        with tqdm(total=options.crops, unit="crop", disable=None) as bar:
            batches = by_strength_then_cost(
                lesson, photos, trial, options.crops, options.steps, progress=bar.update
            )
    with tqdm(total=options.steps, unit="step", disable=None) as bar:

        def show(error: float) -> None:
            bar.set_postfix(error=f"{error:.3f}", refresh=False)
            bar.update()

        network = train_estimator(lesson, batches, options.steps, progress=show)
    write_estimator(options.pack, pack.manifest, lesson, network)
    proposals = check(network, lesson, kept_aside)
    print(f"{len(kept_aside)} photos. Strength that is needed → proposed: lowest, mean, highest")
    _print(proposals)
    print(f"mean absolute error {mean_error(proposals):.3f}")
    middles = [middle(photo, MIDDLE) for photo in kept_aside]
    with tqdm(total=len(middles) * len(proposals), unit="picture", disable=None) as bar:
        lost = check_costs(network, lesson, middles, trial, bar.update)
    print(f"dB lost against the best strength, in their middle {MIDDLE} pixels: least, mean, most")
    _print(lost)
    return 0


def _print(figures: Mapping[float, Sequence[float]]) -> None:
    for strength, found in figures.items():
        low, mean, high = min(found), sum(found) / len(found), max(found)
        print(f"{strength:8.2f} {low:8.3f} {mean:7.3f} {high:7.3f}")
