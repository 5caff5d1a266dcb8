"""`dni-pack report`: what a pack does, on one page that needs nothing else."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from dnid.engine.device import find_device
from dnid.engine.memory import keep_freed_blocks
from dnid.engine.runner import PackRunner
from dnipack.build import write_atomically
from dnipack.commands.parts import (
    add_features,
    add_kind,
    add_pack,
    check_output,
    distance_in,
    find_pack,
    numbers,
)
from dnipack.levels import kind_for
from dnipack.measure import metrics_for
from dnipack.report.contents import gather, spread, work
from dnipack.report.page import render
from dnipack.samples import load_samples

if TYPE_CHECKING:
    from dnipack.commands import Commands

LEVELS = 3
"""Unless others are named."""
SHOWN = ("psnr", "features")
"""Metrics that the page has curves for."""


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "report",
        help="show what a pack does on one HTML page",
        description="Pictures along the slider, quality level by level, blending against mixing "
        "pictures, correlation of the filters, lineage and licence, on one self-contained page.",
    )
    add_pack(parser)
    parser.add_argument("-o", "--output", type=Path, default=Path("report.html"), metavar="FILE")
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER",
        help="clean photos to degrade (default: four that come with dni-pack)",
    )  # fmt: skip
    parser.add_argument(
        "--levels", type=numbers, metavar="L,L…",
        help="σ of noise or camera, quality of jpeg (default: three over the slider's range)",
    )  # fmt: skip
    add_kind(parser)
    add_features(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    check_output(options.output)
    keep_freed_blocks()
    photos = load_samples(options.data)
    runner = PackRunner(find_pack(options.pack), find_device("auto"))
    manifest = runner.pack.manifest
    kind = kind_for(manifest, options.kind)
    levels = options.levels or spread(kind.measured, LEVELS) or [manifest.scale]
    every = metrics_for(manifest.scale, distance_in(options.features))
    metrics = {name: metric for name, metric in every.items() if name in SHOWN}
    with tqdm(total=work(len(photos), len(levels)), unit="picture", disable=None) as bar:
        contents = gather(runner, photos, kind, levels, metrics, bar.update)
    source = f"photos of {options.data.name}" if options.data else "dni-pack’s sample photos"
    page = render(runner.pack, contents, source, runner.choice.format).encode("utf-8", "replace")
    write_atomically(options.output, page)
    print(f"{options.output}: {len(page) / 1e6:.1f} MB; open it in a browser")
    return 0
