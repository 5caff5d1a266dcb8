"""`dni-pack train`: train a pack from a recipe."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from tqdm import tqdm

from dnid.engine.memory import keep_freed_blocks
from dnid.errors import BadInput
from dnipack.build import build_pack
from dnipack.features import load_features
from dnipack.logs import EventLog
from dnipack.photos import Photo, load_pool
from dnipack.recipe import TrainingRecipe, load_recipe
from dnipack.scenes import Scenes, load_scenes
from dnipack.stock import needed, take_anchor
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
    parser.add_argument(
        "--logs", type=Path, metavar="DIR", help="write event files that TensorBoard shows"
    )
    parser.add_argument("--only", metavar="ANCHOR", help="train this anchor and write no pack")
    parser.add_argument(
        "--have", type=Path, action="append", default=[], metavar="FILE",
        help="an anchor of a pack (.safetensors) that was trained by the recipe's plan of its "
        "name, and is not trained again; may be given more than once",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    keep_freed_blocks()
    recipe = load_recipe(options.recipe)
    training, validation = _photos(recipe, options.data)
    if options.only is not None and options.only not in (plan.name for plan in recipe.anchors):
        raise BadInput(f"The recipe has no anchor {options.only}.")
    anchors = _train(recipe, options, training, validation)
    if options.only is None:
        output = options.output or options.recipe.parent.parent / "packs" / recipe.id
        manifest = build_pack(recipe, anchors, validation, output)
        print(f"{output}: {len(anchors)} anchors, halo {manifest.halo} pixels")
    return 0


def _photos(recipe: TrainingRecipe, data: Path) -> tuple[Sequence[Photo] | Scenes, list[Photo]]:
    """To train on, and kept aside."""
    if not recipe.scenes:
        return load_pool(data, recipe.validation)
    scenes = load_scenes(data, recipe.scenes, recipe.working_side)
    return scenes, scenes.kept_back


def _train(
    recipe: TrainingRecipe,
    options: argparse.Namespace,
    training: Sequence[Photo] | Scenes,
    validation: Sequence[Photo],
) -> dict[str, State]:
    """The anchors that are part of the pack, or the only one that is asked for."""
    work = options.work or platformdirs.user_cache_path("dnid") / "train"
    work.mkdir(parents=True, exist_ok=True)
    for file in options.have:
        take_anchor(recipe, file, work)
    wanted = {options.only} if options.only else needed(recipe, work)
    features = load_features(options.features) if options.features else None
    anchors: dict[str, State] = {}
    with _event_log(options.logs) as log:
        for plan in recipe.anchors:
            if plan.name not in wanted:
                continue
            with _ProgressBar(recipe, plan.name, log) as bar:
                state = train_anchor(recipe, plan, training, validation, work, bar.show, features)
            if plan in recipe.shipped:
                anchors[plan.name] = state
    return anchors


def _event_log(folder: Path | None) -> contextlib.AbstractContextManager[EventLog | None]:
    return contextlib.nullcontext() if folder is None else contextlib.closing(EventLog(folder))


class _ProgressBar:
    def __init__(self, recipe: TrainingRecipe, anchor: str, log: EventLog | None) -> None:
        self.log = log
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
        if self.log is not None:
            self.log.show(moment)

    def __enter__(self) -> _ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()
