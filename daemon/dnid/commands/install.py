"""`dnid packs add` and `dnid packs remove`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dnid.commands import Commands
    from dnid.packs.verify import Verified


def add_parsers(commands: Commands) -> None:
    add = commands.add_parser(
        "add",
        help="install a pack from a .dnipack file",
        description="Verify a .dnipack file and install it for this user. A running daemon finds "
        "it at the next picture.",
    )
    add.add_argument("file", type=Path, metavar="FILE")
    add.add_argument(
        "--replace", action="store_true", help="also where a pack of its id is there already"
    )
    add.add_argument(
        "--key", metavar="PUB",
        help="only if it is signed with this public key of minisign, or the one in this file",
    )  # fmt: skip
    add.set_defaults(run=_add)
    remove = commands.add_parser("remove", help="remove a pack that was added")
    remove.add_argument("id", metavar="ID")
    remove.set_defaults(run=_remove)


def _add(options: argparse.Namespace) -> int:
    from dnid.packs import install
    from dnid.packs.store import PackStore, own_folder, shipped_folders

    found = install.add(
        options.file, own_folder(), PackStore(shipped_folders()),
        key=options.key, replace=options.replace,
    )  # fmt: skip
    manifest = found.pack.manifest
    print(f"Added {manifest.id} {manifest.version} ({manifest.licence}), {_signature(found)}.")
    return 0


def _signature(found: Verified) -> str:
    if found.signed_by_key is not None:
        return "signed with this key"
    return "not signed" if found.signature is None else "signed, which only --key verifies"


def _remove(options: argparse.Namespace) -> int:
    from dnid.packs import install
    from dnid.packs.store import PackStore, own_folder, shipped_folders

    shipped = PackStore(shipped_folders())
    install.remove(options.id, own_folder(), shipped)
    again = "; dnid's own is used again" if options.id in shipped.ids() else ""
    print(f"Removed {options.id}{again}.")
    return 0
