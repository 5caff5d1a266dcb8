"""`dni-pack calibrate`: make half of the slider half of the effect."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from dnid.engine.device import find_device
from dnid.engine.memory import keep_freed_blocks
from dnid.engine.runner import PackRunner
from dnid.packs.store import open_pack
from dnipack.calibrate import calibrate, write_curve
from dnipack.commands.parts import add_kind, kept_scenes, photos_in
from dnipack.levels import Kind, kind_for
from dnipack.photos import Photo, load_photo, load_pool, middle
from dnipack.recipe import load_recipe

if TYPE_CHECKING:
    from dnipack.commands import Commands


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "calibrate",
        help="make a pack's slider linear in the level of degradation",
        description="Find the place on the path that restores each level best, and write the "
        "curve into the pack's manifest. Use photos that the pack was not trained on.",
    )
    parser.add_argument("pack", type=Path, help="a pack folder")
    parser.add_argument("--data", type=Path, required=True, help="folder of clean photos")
    parser.add_argument(
        "--recipe", type=Path, help="use only the photos that this recipe kept aside"
    )
    parser.add_argument(
        "--side", type=int, default=256, help="of the middle that is used of a photo (default 256)"
    )
    add_kind(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    keep_freed_blocks()
    pack = open_pack(options.pack)
    kind = kind_for(pack.manifest, options.kind)
    photos = [middle(photo, options.side) for photo in _photos(options, kind)]
    runner = PackRunner(pack, find_device("auto"))
    with tqdm(total=len(kind.calibrated), unit="level", disable=None) as bar:
        curve = calibrate(runner, photos, kind, bar.update)
    write_curve(options.pack, pack.manifest, curve)
    print(
        f"{kind.about}; {len(photos)} photos. Strength → place on {' → '.join(pack.manifest.path)}"
    )
    for strength, place in curve:
        print(f"{strength:8.3f} {place:7.3f}")
    return 0


def _photos(options: argparse.Namespace, kind: Kind) -> list[Photo]:
    if kind.renders:
        return kept_scenes(options)
    if options.recipe is None:
        return [load_photo(path) for path in photos_in(options.data)]
    return load_pool(options.data, load_recipe(options.recipe).validation)[1]
