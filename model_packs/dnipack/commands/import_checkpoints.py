"""`dni-pack import`: make a pack of checkpoints that were trained elsewhere."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from dnid.recipe import EFFECTS
from dnipack.importer import BEST, Description, Source, import_pack, read_source
from dnipack.normalise import WAYS
from dnipack.samples import load_samples

if TYPE_CHECKING:
    from dnipack.commands import Commands

PROBES = 2
"""Photos on which the halo is measured; more only cost time."""


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "import",
        help="make a pack of checkpoints that were trained elsewhere",
        description="Read checkpoints without running anything in them, find their architecture "
        "and write a pack whose slider travels through them in the order given. Whether they can "
        "be blended is another question: `dni-pack check` answers it.",
    )
    parser.add_argument(
        "checkpoints", nargs="+", type=Path, metavar="CHECKPOINT",
        help=".pth, .pt or .safetensors, from the weakest effect to the strongest",
    )  # fmt: skip
    parser.add_argument("--id", required=True, help="small letters, digits and dashes")
    parser.add_argument("--effect", required=True, choices=EFFECTS)
    parser.add_argument(
        "--licence", required=True, metavar="SPDX",
        help="SPDX expression that holds for the checkpoints and their blends, "
        "e.g. BSD-3-Clause, or LicenseRef-research-only",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", type=Path, metavar="PACK",
        help="the pack's folder, named like the id (default: here)",
    )  # fmt: skip
    parser.add_argument("--name", default="", help="the name for people (default: the id)")
    parser.add_argument("--version", default=Description.version, help="(default: 1.0.0)")
    parser.add_argument(
        "--trained-on", default=Description.trained_on, metavar="TEXT",
        help="the data they were trained on, with its licences",
    )  # fmt: skip
    parser.add_argument(
        "--scale", type=int, metavar="N", help="refuse a network that does not enlarge N times"
    )
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER",
        help="photos on which the halo is measured (default: the tool's own samples)",
    )  # fmt: skip
    parser.add_argument(
        "--normalisation", choices=(BEST, *WAYS), default=BEST,
        help="for BatchNorm: blend all of its values as the paper does, or fold it into the "
        "convolutions first (default: what restores the photos better)",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    description = Description(
        id=options.id, effect=options.effect, licence=options.licence, name=options.name,
        version=options.version, trained_on=options.trained_on, scale=options.scale,
    )  # fmt: skip
    sources = []
    for path in options.checkpoints:
        sources.append(read_source(path))
        print(_told(sources[-1]))
    output = options.output or Path(options.id)
    photos = list(load_samples(options.data).values())[:PROBES]
    manifest = import_pack(sources, description, photos, output, options.normalisation)
    if manifest.normalisation:
        print(f"normalisation: {manifest.normalisation}")
    print(f"{output}: {len(manifest.anchors)} anchors, halo {manifest.halo} pixels")
    print(f"Whether they can be blended: dni-pack check {output}")
    return 0


def _told(source: Source) -> str:
    parameters = sum(v.numel() for v in source.state.values() if v.is_floating_point())
    options = ", ".join(f"{key} {value}" for key, value in source.options.items())
    where = f" (from {source.taken_from})" if source.taken_from else ""
    return f"{source.path}{where}: {source.architecture}, {options}; {parameters:,} parameters"
