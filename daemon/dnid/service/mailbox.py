"""Hands things from other threads to the one that polls."""

from __future__ import annotations

import contextlib
import queue
import select
import socket
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Any thread puts; one thread polls `fileno()` and collects."""

    def __init__(self) -> None:
        self._items: queue.SimpleQueue[T] = queue.SimpleQueue()
        self._reader, self._writer = socket.socketpair()  # Windows polls sockets only
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def fileno(self) -> int:
        return self._reader.fileno()

    @property
    def wakeup_fd(self) -> int:
        """For `signal.set_wakeup_fd`: a signal wakes the polling thread as well."""
        return self._writer.fileno()

    def put(self, item: T) -> None:
        self._items.put(item)
        with contextlib.suppress(OSError):  # full: it wakes as it is; closed: nobody listens
            self._writer.send(b"\0")

    def wait(self, timeout: float) -> None:
        """At most `timeout` seconds, until something has been put."""
        select.select([self._reader], [], [], max(0.0, timeout))

    def collect(self) -> list[T]:
        """What has been put since the last time; never waits."""
        with contextlib.suppress(BlockingIOError):
            while self._reader.recv(4096):
                pass
        items = []
        with contextlib.suppress(queue.Empty):
            while True:
                items.append(self._items.get_nowait())
        return items

    def close(self) -> None:
        self._reader.close()
        self._writer.close()
