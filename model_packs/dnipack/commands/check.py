"""`dni-pack check`: whether the anchors of a pack can be blended."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from dnid.dni.blend import State
from dnid.errors import BadInput
from dnid.packs.store import Pack, open_pack
from dnipack.align import CHAINS, align
from dnipack.build import write_atomically, write_pack
from dnipack.gate import PLACES, Verdict, check
from dnipack.photos import Photo
from dnipack.samples import load_samples

if TYPE_CHECKING:
    from dnipack.commands import Commands

PHOTOS = 2
"""Of the tool's own samples; more only cost time."""


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "check",
        help="whether the anchors of a pack can be blended",
        description="Run blends between each two neighbours of the path, compare them with their "
        "ends, and store the verdict in the pack. Exit status: 0 for yes and with care, 1 for no.",
    )
    parser.add_argument("pack", type=Path, help="a pack folder")
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER",
        help="photos to measure on (default: the tool's own samples)",
    )  # fmt: skip
    parser.add_argument(
        "--aligned", type=Path, metavar="PACK",
        help="where to write the pack with its filters aligned, if that saves a refused one",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    pack = open_pack(options.pack)
    stack = pack.anchors()
    anchors = {name: stack.state(stack.matrix[i]) for i, name in enumerate(stack.names)}
    photos = list(load_samples(options.data).values())
    photos = photos if options.data else photos[:PHOTOS]
    found = check(pack.manifest, pack.network(), anchors, photos)
    _tell(found)
    manifest = replace(pack.manifest, check=found.to_table())
    write_atomically(options.pack / "manifest.json", manifest.to_json().encode())
    if found.verdict == "no":
        _try_alignment(pack, anchors, photos, options.aligned)
    return int(found.verdict == "no")


def _tell(found: Verdict) -> None:
    for pair in found.pairs:
        print(f"{' → '.join(pair.anchors)}: correlation {pair.correlation:.2f}")
        places = "".join(f"{place:8.2f}" for place in PLACES)
        print(f"  {'blend':>10}{places}")
        for level, row in pair.psnr.items():
            print(f"  {level:>7} dB" + "".join(f"{value:8.2f}" for value in row))
        print("    contrast" + "".join(f"{value:8.3f}" for value in pair.contrast))
    print(f"{found.verdict}: {found.reason}")


def _try_alignment(
    pack: Pack, anchors: Mapping[str, State], photos: list[Photo], output: Path | None
) -> None:
    if pack.manifest.architecture not in CHAINS:
        print("Aligning filters is known for plain chains of convolutions only.")
        return
    aligned = dict(anchors)
    for before, name in pairwise(pack.manifest.path):
        aligned[name] = align(aligned[before], aligned[name])
    found = check(pack.manifest, pack.network(), aligned, photos)
    if found.verdict == "no":
        print(f"With the filters aligned (Git Re-Basin) it is refused too: {found.reason}")
        return
    print(f"With the filters aligned (Git Re-Basin): {found.verdict}. {found.reason}")
    if output is None:
        print("Write that pack with --aligned PACK.")
        return
    _write_aligned(pack, aligned, found, photos, output)


def _write_aligned(
    pack: Pack, aligned: Mapping[str, State], found: Verdict, photos: list[Photo], output: Path
) -> None:
    if output.exists():
        raise BadInput(f"{output} is there already; remove it or give another place.")
    old = pack.manifest
    write_pack(
        lambda hashes, halo, approximate: replace(
            old,
            id=output.absolute().name,
            anchors=tuple(replace(anchor, sha256=hashes[anchor.name]) for anchor in old.anchors),
            halo=halo,
            approximate=approximate,
            check=found.to_table(),
        ),
        pack.network(), {name: dict(state) for name, state in aligned.items()}, photos, output,
    )  # fmt: skip
    print(f"{output}: written")
