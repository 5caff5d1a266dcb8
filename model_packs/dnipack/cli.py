"""`dni-pack`: make and judge model packs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import platformdirs
from tqdm import tqdm

from dnid.engine.device import find_device
from dnid.engine.memory import keep_freed_blocks
from dnid.engine.runner import PackRunner
from dnid.errors import BadInput, DniError
from dnid.packs.store import Pack, PackStore, default_folders, open_pack
from dnipack.build import build_pack, write_atomically
from dnipack.measure import measure
from dnipack.photos import find_photos, load_photo, load_pool
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
    _add_measure(commands)
    return parser


def _add_measure(commands: Any) -> None:  # noqa: ANN401 - argparse keeps the type private
    measured = commands.add_parser(
        "measure",
        help="measure a pack on photos whose truth is known",
        description="Degrade photos to each level, restore them at 21 slider positions, and print "
        "the mean RGB PSNR of the input and at the best position.",
    )
    measured.add_argument("pack", help="a pack folder, or the id of an installed pack")
    measured.add_argument("--data", type=Path, required=True, help="folder of clean photos")
    measured.add_argument(
        "--levels", type=_numbers, default=[20.0, 40.0, 60.0], metavar="L,L…",
        help="for denoise: σ on the 0–255 scale (default 20,40,60)",
    )  # fmt: skip
    measured.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    measured.set_defaults(run=_measure)


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def _train(options: argparse.Namespace) -> int:
    recipe = load_recipe(options.recipe)
    work = options.work or platformdirs.user_cache_path("dnid") / "train"
    work.mkdir(parents=True, exist_ok=True)
    training, validation = load_pool(options.data, recipe.validation)
    if options.only is not None and options.only not in (plan.name for plan in recipe.anchors):
        raise BadInput(f"The recipe has no anchor {options.only}.")
    plans = [plan for plan in recipe.anchors if options.only in (None, plan.name)]
    anchors: dict[str, State] = {}
    for plan in plans:
        with _ProgressBar(recipe, plan.name) as bar:
            state = train_anchor(recipe, plan, training, validation, work, bar.show)
        if plan in recipe.shipped:
            anchors[plan.name] = state
    if options.only is None:
        output = options.output or options.recipe.parent.parent / "packs" / recipe.id
        manifest = build_pack(recipe, anchors, validation, output)
        print(f"{output}: {len(anchors)} anchors, halo {manifest.halo} pixels")
    return 0


def _measure(options: argparse.Namespace) -> int:
    keep_freed_blocks()
    runner = PackRunner(_find_pack(options.pack), find_device("auto"))
    paths = find_photos(options.data)
    if not paths:
        raise BadInput(f"No photos in {options.data}.")
    photos = [load_photo(path) for path in paths]
    total = len(photos) * len(options.levels)
    with tqdm(total=total, unit="picture", disable=None) as bar:
        results = measure(runner, photos, options.levels, progress=bar.update)
    print(f"{runner.pack.manifest.id} on {len(photos)} photos, in {runner.choice.format}")
    print(f"{'level':>6} {'input':>7} {'best':>7} {'at':>5}")
    for result in results:
        position, best = result.best
        print(f"{result.level:6g} {result.input_psnr:7.2f} {best:7.2f} {position:5.2f}")
    if options.json:
        write_atomically(options.json, json.dumps([asdict(r) for r in results]).encode())
    return 0


def _find_pack(name: str) -> Pack:
    """A folder when there is one of that name, else an installed pack."""
    folder = Path(name)
    if (folder / "manifest.json").is_file():
        return open_pack(folder)
    return PackStore(default_folders()).get(name)


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
