"""Add packs to the user's own, and remove them: whole or not at all.

packs/
  ID/                    an installed pack
  .work/lock             held by whoever adds or removes
  .work/new/ID           being written
  .work/old/ID           just replaced; comes back if its successor never arrived
  .work/gone/ID          being deleted
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from dnid.errors import BadInput, PackNotFound
from dnid.lock import try_lock
from dnid.packs.archive import unpack
from dnid.packs.store import PackStore, telling
from dnid.packs.verify import Verified, verify

WORK = ".work"
PARTS = ("new", "old", "gone")

_REMEDY = "nothing was installed; get a sound copy from its author"


def add(
    archive: Path, own: Path, shipped: PackStore, *, key: str | None = None, replace: bool = False
) -> Verified:
    """Verify the archive and install it into the folder `own`.

    Raises PackDamaged for an archive that is not sound or, with a `key`, not signed by it,
    and BadInput where there is no such file, or a pack of its id is there already and not to be
    replaced.
    """
    if not archive.exists():
        raise BadInput(f"There is no file {archive}.")
    with _changing(own) as work:
        with telling(str(archive), _REMEDY):
            found = verify(unpack(archive, work / "new"), key)
        place = own / found.pack.manifest.id
        if not replace:
            _check_is_new(found, place, shipped)
        if os.path.lexists(place):
            place.rename(work / "old" / place.name)
        found.pack.folder.rename(place)
    return found


def remove(pack_id: str, own: Path, shipped: PackStore) -> None:
    """Remove a pack of the user's own, sound or not. Raises PackNotFound."""
    with _changing(own) as work:
        if pack_id not in PackStore([own]).ids():
            if pack_id in shipped.ids():
                raise PackNotFound(f"The pack {pack_id!r} is part of dnid; it stays.")
            raise PackNotFound(f"There is no pack {pack_id[:80]!r}; `dnid packs` lists them.")
        (own / pack_id).rename(work / "gone" / pack_id)


def _check_is_new(found: Verified, place: Path, shipped: PackStore) -> None:
    told = f"{place.name!r} (this one is version {found.pack.manifest.version[:40]!r})"
    if os.path.lexists(place):
        raise BadInput(f"There is a pack {told} already; --replace puts this one in its place.")
    if place.name in shipped.ids():
        raise BadInput(f"This would stand in for dnid's own pack {told}; --replace allows it.")


@contextlib.contextmanager
def _changing(own: Path) -> Iterator[Path]:
    """The working folder, for one process at a time; swept before and after."""
    work = own / WORK
    try:
        for part in PARTS:
            (work / part).mkdir(parents=True, exist_ok=True)
        with _locked(work / "lock"):
            _sweep(own, work)
            try:
                yield work
            finally:
                _sweep(own, work)
    except OSError as error:
        raise BadInput(f"Cannot change the packs in {own}: {error.strerror}.") from error


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while not try_lock(lock):
            time.sleep(0.05)
        yield
    finally:
        os.close(lock)


def _sweep(own: Path, work: Path) -> None:
    """A pack that was taken away for one that never arrived comes back; the rest goes."""
    for old in (work / "old").iterdir():
        if not os.path.lexists(own / old.name):
            old.rename(own / old.name)
    for part in PARTS:
        for rest in (work / part).iterdir():
            if rest.is_dir() and not rest.is_symlink():
                shutil.rmtree(rest)
            else:
                rest.unlink()
