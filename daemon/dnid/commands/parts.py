"""What several commands are put together from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dnid.engine.engine import Engine
    from dnid.packs.store import PackStore


def make_engine() -> Engine:
    """The engine over the installed packs."""
    from dnid.engine.engine import Engine
    from dnid.engine.memory import keep_freed_blocks

    keep_freed_blocks()
    return Engine(installed_packs())


def installed_packs() -> PackStore:
    from dnid.packs.store import PackStore, default_folders

    return PackStore(default_folders())
