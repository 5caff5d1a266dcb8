"""Read files that a stranger may have put there: plain ones only, bounded, without waiting."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from dnid.errors import PackDamaged

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # a named pipe would wait for a writer for ever
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


@contextlib.contextmanager
def open_file(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """The file and its size in bytes. Raises PackDamaged for a link, a folder, a device, a pipe."""
    try:
        mode = path.lstat().st_mode
        if not stat.S_ISREG(mode):
            raise PackDamaged(f"{path} is {_kind(mode)}, and a pack holds plain files.")
        file = os.fdopen(os.open(path, _FLAGS), "rb")
    except OSError as error:
        raise PackDamaged(f"Cannot read {path}: {error.strerror}.") from error
    with file:
        yield file, os.fstat(file.fileno()).st_size


def read_file(path: Path, limit: int) -> bytes:
    """Its bytes. Raises PackDamaged for more than `limit` of them, before one is read."""
    with open_file(path) as (file, size):
        if size > limit:
            raise PackDamaged(f"{path} has {size} bytes, and at most {limit} fit there.")
        try:
            data = file.read(size + 1)
        except OSError as error:
            raise PackDamaged(f"Cannot read {path}: {error.strerror}.") from error
    if len(data) != size:
        raise PackDamaged(f"{path} changed while it was read.")
    return data


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFLNK: "a link", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
    }  # fmt: skip
    return kinds.get(stat.S_IFMT(mode), "a device")
