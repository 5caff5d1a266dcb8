"""`dnid packs`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dnid.commands import install
from dnid.commands.parts import installed_packs
from dnid.errors import PackError

if TYPE_CHECKING:
    from dnid.commands import Commands
    from dnid.packs.store import PackStore


def add_parser(commands: Commands) -> None:
    packs = commands.add_parser(
        "packs",
        help="list the installed model packs, add and remove them",
        description="List the installed packs: id, effect, the path of the slider, licence. The "
        "default is used where no pack is named; auto: it can propose a strength.",
    )
    packs.add_argument("--json", action="store_true", help="print all that is known, as JSON")
    packs.add_argument(
        "--verify", action="store_true", help="read every file of every pack and check its hash"
    )
    packs.set_defaults(run=_packs)
    install.add_parsers(packs.add_subparsers(metavar="COMMAND"))


def _packs(options: argparse.Namespace) -> int:
    store = installed_packs()
    packs = store.describe()
    if options.verify:
        packs = [_verified(store, pack) for pack in packs]
    if options.json:
        print(json.dumps(packs, indent=2, ensure_ascii=False))
    else:
        print("\n".join(_as_line(pack, options.verify) for pack in packs))
    return 1 if options.verify and any("error" in pack for pack in packs) else 0


def _verified(store: PackStore, pack: dict[str, Any]) -> dict[str, Any]:
    """The pack's table, with the fault in `error` where one of its files is damaged."""
    from dnid.packs.store import REMEDY, telling

    if "error" in pack:
        return pack
    try:
        with telling(f"Pack {pack['id']!r}", REMEDY):
            store.get(pack["id"]).verify()
    except PackError as error:
        return {**pack, "error": str(error)}
    return pack


def _as_line(pack: Mapping[str, Any], verified: bool) -> str:
    hides = "in place of dnid's own" if pack["hides"] else ""
    if "error" in pack:
        return f"{pack['id']:16} cannot be used{f' ({hides})' if hides else ''}: {pack['error']}"
    effect = pack["effect"] + (f" ×{pack['scale']}" if pack["scale"] > 1 else "")
    default = "default" if pack["default"] else ""
    notes = (
        pack["licence"],
        "auto" if pack["auto"] else "",
        hides,
        "verified" if verified else "",
    )
    path = " → ".join(pack["path"])
    return f"{pack['id']:16} {effect:8} {default:8} {path}  ({', '.join(filter(None, notes))})"
