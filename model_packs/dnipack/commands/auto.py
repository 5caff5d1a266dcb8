"""`dni-pack auto`: let a pack propose a strength."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from dnid.packs.store import open_pack
from dnipack.auto import check, lesson_for, mean_error, train_estimator, write_estimator
from dnipack.photos import load_pool
from dnipack.recipe import load_recipe

if TYPE_CHECKING:
    from dnipack.commands import Commands


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
    parser.add_argument("--steps", type=int, default=1000, help="(default 1000)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    pack, recipe = open_pack(options.pack), load_recipe(options.recipe)
    lesson = lesson_for(recipe)
    photos, kept_aside = load_pool(options.data, recipe.validation)
    with tqdm(total=options.steps, unit="step", disable=None) as bar:

        def show(error: float) -> None:
            bar.set_postfix(error=f"{error:.3f}", refresh=False)
            bar.update()

        network = train_estimator(lesson, photos, options.steps, progress=show)
    write_estimator(options.pack, pack.manifest, lesson, network)
    proposals = check(network, lesson, kept_aside)
    print(f"{len(kept_aside)} photos. Strength that is needed → proposed: lowest, mean, highest")
    for strength, found in proposals.items():
        low, mean, high = min(found), sum(found) / len(found), max(found)
        print(f"{strength:8.2f} {low:8.3f} {mean:7.3f} {high:7.3f}")
    print(f"mean absolute error {mean_error(proposals):.3f}")
    return 0
