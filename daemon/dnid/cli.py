"""`dnid`: restore photos with blended networks; the one place that wires the parts together."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from dnid import __version__
from dnid.commands import apply, bench, daemon, packs, subject
from dnid.ending import ended

COMMANDS = (apply, subject, packs, daemon, bench)
"""In the order of the help text."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    return ended(lambda: int(options.run(options)), "dnid")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dnid",
        description="Restore photos with networks whose weights are blended for each strength.",
        epilog=apply.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"dnid {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
