"""`dni-pack measure`: measure a pack on photos whose truth is known."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from dnid.engine.device import find_device
from dnid.engine.memory import keep_freed_blocks
from dnid.engine.runner import PackRunner
from dnid.errors import BadInput
from dnid.packs.store import Pack, PackStore, default_folders, open_pack
from dnipack.build import write_atomically
from dnipack.measure import measure
from dnipack.photos import find_photos, load_photo

if TYPE_CHECKING:
    from dnipack.commands import Commands


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "measure",
        help="measure a pack on photos whose truth is known",
        description="Degrade photos to each level, restore them at 21 slider positions, and print "
        "the mean RGB PSNR of the input and at the best position.",
    )
    parser.add_argument("pack", help="a pack folder, or the id of an installed pack")
    parser.add_argument("--data", type=Path, required=True, help="folder of clean photos")
    parser.add_argument(
        "--levels", type=_numbers, default=[20.0, 40.0, 60.0], metavar="L,L…",
        help="for denoise: σ on the 0–255 scale (default 20,40,60)",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.set_defaults(run=run)


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def run(options: argparse.Namespace) -> int:
    keep_freed_blocks()
    runner = PackRunner(find_pack(options.pack), find_device("auto"))
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


def find_pack(name: str) -> Pack:
    """A folder when there is one of that name, else an installed pack."""
    folder = Path(name)
    if (folder / "manifest.json").is_file():
        return open_pack(folder)
    return PackStore(default_folders()).get(name)
