"""`dnid packs`."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from dnid.commands import install
from dnid.commands.parts import installed_packs

if TYPE_CHECKING:
    from dnid.commands import Commands


def add_parser(commands: Commands) -> None:
    packs = commands.add_parser("packs", help="list the installed model packs, add and remove them")
    packs.add_argument("--json", action="store_true", help="print all that is known, as JSON")
    packs.set_defaults(run=_packs)
    install.add_parsers(packs.add_subparsers(metavar="COMMAND"))


def _packs(options: argparse.Namespace) -> int:
    packs = installed_packs().describe()
    if options.json:
        print(json.dumps(packs, indent=2, ensure_ascii=False))
        return 0
    for pack in packs:
        if "error" in pack:
            print(f"{pack['id']:16} cannot be used: {pack['error']}")
        else:
            path = " → ".join(pack["path"])
            print(f"{pack['id']:16} {pack['effect']:8} {path}  ({pack['licence']})")
    return 0
