"""`dni-pack`: make and judge model packs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from dnid.ending import ended
from dnipack.commands import (
    auto,
    calibrate,
    check,
    compare,
    fullsize,
    import_checkpoints,
    measure,
    pack,
    report,
    strip,
    subject,
    train,
    verify,
)

COMMANDS = (
    train,
    import_checkpoints,
    check,
    calibrate,
    auto,
    subject,
    measure,
    compare,
    fullsize,
    report,
    strip,
    pack,
    verify,
)
"""In the order of the help text."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    return ended(
        lambda: int(options.run(options)),
        "dni-pack",
        "stopped; the same command goes on from here.",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dni-pack", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(commands)
    return parser
