"""`dnid subject`: the mask with which `--dof` keeps the subject sharp, to look at and correct."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dnid.commands import files
from dnid.commands.parts import make_engine
from dnid.errors import BadImage

if TYPE_CHECKING:
    from dnid.commands import Commands

DESCRIPTION = """Find what a photo is of, and write it as a mask for `dnid apply --dof S --mask
MASK`: black where the photo stays sharp, white where it becomes soft. Correct it with a brush
where it is wrong."""


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "subject", help="find what a photo is of, as a mask", description=DESCRIPTION
    )
    parser.add_argument("input", type=Path, metavar="IN", help="JPEG, PNG, TIFF, WebP …")
    parser.add_argument("-o", "--output", required=True, metavar="MASK", help="a picture file")
    parser.add_argument("--invert", action="store_true", help="white where the subject is")
    parser.add_argument("--dof-pack", metavar="ID", help="another pack than the default")
    parser.add_argument("-q", "--quiet", action="store_true", help="no summary")
    parser.add_argument(
        "--in-process", action="store_true", help="compute here, without the daemon"
    )
    parser.set_defaults(run=_subject)


def _subject(options: argparse.Namespace) -> int:
    from dnid import picture

    (target,) = files.plan([options.input], options.output, None, None)
    try:
        photo = picture.read(target.source)
    except BadImage as error:
        raise BadImage(f"{target.source}: {error}") from error
    if options.in_process:
        subject = make_engine().subject(photo.pixels, options.dof_pack)
    else:
        from dnid.service.client import Client

        with Client.connect(starting=lambda: print("Starting the daemon …", file=sys.stderr)) as it:
            subject = it.subject(photo.pixels, options.dof_pack)
    mask = subject.pixels if options.invert else 255 - subject.pixels
    picture.write(photo.with_pixels(mask), target.path, target.kind)
    if not options.quiet:
        share = float((subject.pixels > 127).mean())
        print(f"{target.path}  ({subject.seconds:.2f} s, the subject takes {share:.0%})")
    return 0
