"""`dni-pack subject`: let a depth-of-field pack find the subject."""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING

from tqdm import tqdm

from dnid.errors import BadInput
from dnid.packs.store import open_pack
from dnipack.recipe import load_recipe
from dnipack.scenes import load_scenes
from dnipack.subject import check, train_finder, write_finder

if TYPE_CHECKING:
    from dnipack.commands import Commands


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "subject",
        help="train what finds the subject of a photo",
        description="Train the small network that tells the subject from the background, write "
        "it into the pack, and print how it does on the photos that the recipe keeps back. One "
        "that the pack has already is trained further.",
    )
    parser.add_argument("pack", type=Path, help="a pack folder")
    parser.add_argument("--recipe", type=Path, required=True, help="the recipe of the pack")
    parser.add_argument("--data", type=Path, required=True, help="the photos of its training")
    parser.add_argument("--steps", type=int, default=2500, help="(default 2500)")
    parser.add_argument("--seed", type=int, default=0, help="of the crops (default 0)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    pack, recipe = open_pack(options.pack), load_recipe(options.recipe)
    if not recipe.scenes:
        raise BadInput("The recipe has no [[scenes]]; only a depth-of-field pack finds subjects.")
    scenes = load_scenes(options.data, recipe.scenes, recipe.working_side)
    with tqdm(total=options.steps, unit="step", mininterval=5, disable=None) as bar:

        def show(loss: float) -> None:
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            bar.update()

        network = train_finder(
            scenes, options.steps, start=pack.finder(), progress=show, seed=options.seed
        )
    write_finder(options.pack, pack.manifest, network)
    result = check(network, scenes.kept_back, scenes.kept_back_other)
    print(f"IoU on {len(result.ious)} photos kept back: mean {mean(result.ious):.3f},"
          f" median {median(result.ious):.3f}, lowest {min(result.ious):.3f}")  # fmt: skip
    print(f"subject found in {result.found} of {len(result.ious)} with a clear one, and in"
          f" {len(scenes.kept_back_other) - result.refused} of"
          f" {len(scenes.kept_back_other)} others")  # fmt: skip
    return 0
