"""The daemon's services as calls; for the command line and whoever writes Python."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from dnid.engine.result import PackUsed, Progress, Restored
from dnid.errors import DaemonDied, DaemonUnavailable
from dnid.recipe import Execution, Recipe
from dnid.service import connection, frames
from dnid.service.channel import DAEMON_COMMAND, Channel, Message, ask, checked, open_channel
from dnid.service.messages import Header, Picture, answer

POLL_SECONDS = 0.05
"""How often `cancelled` is asked."""
STOP_SECONDS = 30.0
DEFAULT = Execution()


class Client:
    """A connection to the user's daemon, to be used by one thread and closed (or `with`)."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._ids = (str(number) for number in itertools.count(1))

    @classmethod
    def connect(
        cls,
        *,
        start: bool = True,
        command: Sequence[str] = DAEMON_COMMAND,
        starting: Callable[[], None] = lambda: None,
    ) -> Client:
        """To the daemon that runs, or else to one started with `command`.

        Raises DaemonUnavailable and BadVersion.
        """
        return cls(open_channel(start=start, command=command, starting=starting))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._channel.close()

    def packs(self) -> list[dict[str, Any]]:
        packs: list[dict[str, Any]] = ask(self._channel, "packs")["packs"]
        return packs

    def status(self) -> Header:
        """The keys of PROTOCOL.md."""
        header = ask(self._channel, "status")
        return {key: value for key, value in header.items() if key not in ("v", "kind", "id")}

    def shutdown(self) -> None:
        """Ask the daemon to end, and wait until it has."""
        ask(self._channel, "shutdown")
        deadline = time.monotonic() + STOP_SECONDS
        while connection.is_running():
            if time.monotonic() > deadline:
                pid = self._channel.connection.pid
                raise DaemonUnavailable(f"The daemon does not end; end process {pid} yourself.")
            time.sleep(0.02)

    def restore(
        self,
        image: np.ndarray,
        recipe: Recipe,
        mask: np.ndarray | None = None,
        *,
        how: Execution = DEFAULT,
        progress: Callable[[Progress], None] = lambda _: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Restored:
        """The picture after the recipe.

        `image` is H×W×C, `mask` H×W; uint8 (0..255), uint16 (0..65535) or float32 (0..1).
        The result lies over the memory of the message.
        Raises what the engine raises, Cancelled, Busy, DaemonDied and BadMessage.
        """
        job = next(self._ids)
        self._send_restore(job, image, recipe, mask, how)
        asked = False
        while True:
            message = self._channel.receive(POLL_SECONDS)
            if not asked and cancelled():
                asked = True
                self._channel.send(answer("cancel", f"cancel {job}", job=job))
            if message is None or message[0].get("id") != job:
                continue
            if restored := _read(message, progress):
                return restored

    def _send_restore(
        self, job: str, image: np.ndarray, recipe: Recipe, mask: np.ndarray | None, how: Execution
    ) -> None:
        header = answer(
            "restore",
            job,
            recipe=recipe.to_dict(),
            image=frames.describe(image).to_dict(),
            mask=None if mask is None else frames.describe(mask).to_dict(),
            **asdict(how),
        )
        pictures = [image] if mask is None else [image, mask]
        self._channel.send(header, [frames.to_frame(picture) for picture in pictures])


def stop_daemon() -> bool:
    """End the user's daemon and wait until it has ended; False when none runs.

    Works with a daemon of any version. Raises DaemonUnavailable when it does not end.
    """
    if (found := connection.find()) is None:
        return False
    with Client(Channel(found)) as client, contextlib.suppress(DaemonDied):
        client.shutdown()
    return True


def daemon_status() -> Header | None:
    """What `status` answers; None when no daemon runs (none is started)."""
    if connection.find() is None:
        return None
    with Client.connect(start=False) as client:
        return client.status()


def _read(message: Message, progress: Callable[[Progress], None]) -> Restored | None:
    """The result, or None after telling the progress. Raises the error that is answered."""
    header, payload = message
    if checked(header, "progress", "result")["kind"] == "progress":
        numbers = (header.get(key, 0) for key in ("done", "total", "ahead"))
        progress(Progress(str(header.get("state")), *numbers))
        return None
    pixels, _ = frames.unpack(Picture.from_dict(header.get("image")), None, payload)
    packs = tuple(PackUsed(pack["id"], pack["sha256"]) for pack in header["packs"])
    return Restored(pixels, header["device"], header["format"], header["seconds"], packs)
