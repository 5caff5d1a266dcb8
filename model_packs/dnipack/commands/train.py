"""`dni-pack train`: train a pack from a recipe."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from tqdm import tqdm

from dnid.errors import BadInput
from dnipack.build import build_pack
from dnipack.features import load_features
from dnipack.photos import load_pool
from dnipack.recipe import TrainingRecipe, load_recipe
from dnipack.train import Moment, State, train_anchor

if TYPE_CHECKING:
    from dnipack.commands import Commands


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "train",
        help="train a pack from a recipe",
        description="Train every anchor of a recipe and write the pack. Can be stopped at any "
        "time; the same command goes on where it was (a checkpoint every two minutes).",
    )
    parser.add_argument("recipe", type=Path, help="a TOML file, see model_packs/recipes")
    parser.add_argument("--data", type=Path, required=True, help="folder of training photos")
    parser.add_argument(
        "-o", "--output", type=Path, help="pack folder (default: packs/ID beside the recipes)"
    )
    parser.add_argument(
        "--work", type=Path, help="folder of checkpoints (default: the user's cache)"
    )
    parser.add_argument(
        "--features", type=Path, metavar="FILE",
        help="a classifier (.safetensors and .layers.json) for anchors with `gan`",
    )  # fmt: skip
    parser.add_argument("--only", metavar="ANCHOR", help="train this anchor and write no pack")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    recipe = load_recipe(options.recipe)
    work = options.work or platformdirs.user_cache_path("dnid") / "train"
    work.mkdir(parents=True, exist_ok=True)
    training, validation = load_pool(options.data, recipe.validation)
    if options.only is not None and options.only not in (plan.name for plan in recipe.anchors):
        raise BadInput(f"The recipe has no anchor {options.only}.")
    plans = [plan for plan in recipe.anchors if options.only in (None, plan.name)]
    features = load_features(options.features) if options.features else None
    anchors: dict[str, State] = {}
    for plan in plans:
        with _ProgressBar(recipe, plan.name) as bar:
            state = train_anchor(recipe, plan, training, validation, work, bar.show, features)
        if plan in recipe.shipped:
            anchors[plan.name] = state
    if options.only is None:
        output = options.output or options.recipe.parent.parent / "packs" / recipe.id
        manifest = build_pack(recipe, anchors, validation, output)
        print(f"{output}: {len(anchors)} anchors, halo {manifest.halo} pixels")
    return 0


class _ProgressBar:
    def __init__(self, recipe: TrainingRecipe, anchor: str) -> None:
        self.bar = tqdm(
            total=recipe.anchor(anchor).steps, desc=anchor, unit="step", dynamic_ncols=True,
            mininterval=0.5 if sys.stderr.isatty() else 60,
        )  # fmt: skip

    def show(self, moment: Moment) -> None:
        self.bar.set_postfix(
            loss=f"{moment.loss:.4f}",
            psnr="…" if moment.psnr is None else f"{moment.psnr:.2f} dB",
            refresh=False,
        )
        self.bar.update(moment.step - self.bar.n)

    def __enter__(self) -> _ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()
