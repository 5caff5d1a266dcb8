"""`dni-pack`: make and judge model packs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import platformdirs
from dnid.errors import DniError
from tqdm import tqdm

from dnipack.build import build_pack
from dnipack.photos import load_pool
from dnipack.recipe import TrainingRecipe, load_recipe
from dnipack.train import Moment, State, train_anchor


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except DniError as error:
        print(f"dni-pack: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("dni-pack: stopped; the same command goes on from here.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dni-pack", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    train = commands.add_parser(
        "train",
        help="train a pack from a recipe",
        description="Train every anchor of a recipe and write the pack. Can be stopped at any "
        "time; the same command goes on where it was (a checkpoint every two minutes).",
    )
    train.add_argument("recipe", type=Path, help="a TOML file, see model_packs/recipes")
    train.add_argument("--data", type=Path, required=True, help="folder of training photos")
    train.add_argument(
        "-o", "--output", type=Path, help="pack folder (default: packs/ID beside the recipes)"
    )
    train.add_argument(
        "--work", type=Path, help="folder of checkpoints (default: the user's cache)"
    )
    train.add_argument("--only", metavar="ANCHOR", help="train this anchor and write no pack")
    train.set_defaults(run=_train)
    return parser


def _train(options: argparse.Namespace) -> int:
    recipe = load_recipe(options.recipe)
    work = options.work or platformdirs.user_cache_path("dnid") / "train" / recipe.id
    work.mkdir(parents=True, exist_ok=True)
    training, validation = load_pool(options.data, recipe.validation)
    plans = [plan for plan in recipe.anchors if options.only in (None, plan.name)]
    anchors: dict[str, State] = {}
    for plan in plans:
        with _ProgressBar(recipe, plan.name) as bar:
            anchors[plan.name] = train_anchor(recipe, plan, training, validation, work, bar.show)
    if options.only is None:
        output = options.output or options.recipe.parent.parent / "packs" / recipe.id
        build_pack(recipe, anchors, output)
        print(f"{output}: {len(anchors)} anchors")
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
