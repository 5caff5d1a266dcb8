"""Options, and what they name, that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

from torch import Tensor

from dnid.engine.engine import Engine
from dnid.errors import BadInput
from dnid.packs.store import Pack, PackStore, default_folders, open_pack
from dnipack.features import load_features
from dnipack.levels import KINDS, Kind
from dnipack.measure import POSITIONS, Case, Metric, degraded_photos, rendered_scenes
from dnipack.photos import find_photos
from dnipack.recipe import load_recipe
from dnipack.scenes import Scene, load_scenes


def add_pack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pack", help="a pack folder, or the id of an installed pack")


def add_kind(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--kind", choices=sorted(KINDS),
        help="what degrades the photos of packs for denoise (default: noise, which is white and "
        "Gaussian; the pack `denoise` is made for camera) and dejpeg (jpeg); sr and dof have one",
    )  # fmt: skip


def add_positions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--positions", type=strengths, metavar="S,S…", default=POSITIONS,
        help="strengths instead of the 21 from 0 to 1: quicker",
    )  # fmt: skip


def add_recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--recipe", type=Path,
        help="for dof: whose [[scenes]] that were kept back are rendered, below --data",
    )  # fmt: skip


def add_features(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--features", type=Path, metavar="FILE",
        help="a classifier (.safetensors and .layers.json): tell the distance of its features too",
    )  # fmt: skip


def numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


def strengths(text: str) -> tuple[float, ...]:
    """For `type=` of an option. Raises ArgumentTypeError for what is no place on the slider."""
    values = numbers(text)
    if not all(0 <= value <= 1 for value in values):
        raise argparse.ArgumentTypeError(f"strengths are numbers from 0 to 1, not {text}")
    return values


def check_output(path: Path | None, *originals: Path | None) -> None:
    """Before long work: that `path`, if any, can be written and is none of the originals.

    Raises BadInput.
    """
    if path is None:
        return
    if not path.absolute().parent.is_dir():
        raise BadInput(f"There is no folder {path.absolute().parent} to write into.")
    there = (each for each in originals if each is not None and each.exists())
    if path.exists() and any(path.samefile(each) for each in there):
        raise BadInput(f"{path} is the original; choose another name or folder.")


def find_pack(name: str) -> Pack:
    """A folder when there is one of that name, else an installed pack."""
    folder = Path(name)
    if (folder / "manifest.json").is_file():
        return open_pack(folder)
    return PackStore(default_folders()).get(name)


def engine_of(pack: Pack) -> Engine:
    """It finds this pack before an installed one of the same id."""
    return Engine(PackStore([pack.folder.parent]))


def photos_in(folder: Path) -> list[Path]:
    """Raises BadInput when there are none."""
    paths = find_photos(folder)
    if not paths:
        raise BadInput(f"No photos in {folder}.")
    return paths


def cases_at(
    options: argparse.Namespace, kind: Kind, scale: int
) -> tuple[int, Callable[[float], Iterator[Case]]]:
    """How many pictures `--data` gives, and level → what they are at it. Raises BadInput."""
    if not kind.renders:
        paths = photos_in(options.data)
        return len(paths), lambda level: degraded_photos(paths, kind.degradation(level), scale)
    scenes = kept_scenes(options)
    return len(scenes), lambda level: rendered_scenes(scenes, kind.degradation(level))


def kept_scenes(options: argparse.Namespace) -> list[Scene]:
    """Those that `--recipe` keeps back, below `--data`. Raises BadInput without a recipe."""
    if options.recipe is None:
        raise BadInput("Depth of field needs subjects: give the --recipe with the [[scenes]].")
    recipe = load_recipe(options.recipe)
    return load_scenes(options.data, recipe.scenes, recipe.working_side).kept_back


def distance_in(path: Path | None) -> Metric | None:
    if path is None:
        return None
    features = load_features(path)

    def distance(picture: Tensor, truth: Tensor) -> float:
        return float(features.distance(picture.clamp(0, 1), truth))

    return distance
