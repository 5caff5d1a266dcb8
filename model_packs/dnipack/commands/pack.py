"""`dni-pack pack`: put a pack into one file, to share it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from dnid.packs.archive import SUFFIX
from dnid.packs.store import telling
from dnipack.archive import write_archive
from dnipack.commands.parts import add_pack, find_pack
from dnipack.signing import signer

if TYPE_CHECKING:
    from dnipack.commands import Commands


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "pack",
        help="put a pack into one file, to share it",
        description="Verify a pack and write it into one .dnipack file, which `dnid packs add` "
        "installs. The same pack gives the same bytes each time.",
    )
    add_pack(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help=f"(default: ID{SUFFIX})")
    parser.add_argument(
        "--sign", type=Path, metavar="KEY",
        help="a secret key of minisign; needs the extra dnid[sign]",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    pack = find_pack(options.pack)
    output = options.output or Path(f"{pack.manifest.id}{SUFFIX}")
    sign = signer(options.sign) if options.sign else None
    with telling(str(pack.folder), "mend it and pack it again"):
        packed = write_archive(pack.folder, output, sign)
    size = output.stat().st_size / 1e6
    signed = "signed" if packed.signed else "not signed"
    print(f"{output}: {len(packed.files)} files, {size:.1f} MB, {signed}")
    if packed.left_out:
        print(f"left out, for they are no part of a pack: {', '.join(packed.left_out)}")
    return 0
