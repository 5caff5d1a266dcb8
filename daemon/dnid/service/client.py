"""The daemon's services as calls; for the command line and whoever writes Python."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from dnid.engine.result import PackUsed, Progress, Proposed, Restored, Subject
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
        form = None if mask is None else frames.describe(mask).to_dict()
        pictures = [image] if mask is None else [image, mask]
        job = self._send("restore", pictures, recipe=recipe.to_dict(), mask=form, **asdict(how))
        return _restored(self._follow(job, "result", progress, cancelled))

    def subject(self, image: np.ndarray, pack: str | None = None) -> Subject:
        """What the picture is of, by the dof pack. Raises NoSubject, and what `restore` raises."""
        job = self._send("subject", [image], pack=pack)
        header, payload = self._follow(job, "subject", lambda _: None, lambda: False)
        (pixels,) = frames.unpack([Picture.from_dict(header.get("image"))], payload)
        return Subject(pixels, header["seconds"], _packs_of(header))

    def propose(self, image: np.ndarray, recipe: Recipe) -> Proposed:
        """The strengths that the packs of the recipe's stages propose for the picture.

        The stages' own strengths do not matter. Raises BadRecipe for a pack that proposes
        none, and what `restore` raises.
        """
        job = self._send("auto", [image], recipe=recipe.to_dict())
        header, _ = self._follow(job, "auto", lambda _: None, lambda: False)
        return Proposed(header["strengths"], header["seconds"], _packs_of(header))

    def _send(self, kind: str, pictures: Sequence[np.ndarray], **more: object) -> str:
        """The id of the job that was asked for; `pictures` begin with the image."""
        job = next(self._ids)
        form = frames.describe(pictures[0]).to_dict()
        header = answer(kind, job, image=form, **more)
        self._channel.send(header, [frames.to_frame(picture) for picture in pictures])
        return job

    def _follow(
        self,
        job: str,
        end: str,
        progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
    ) -> Message:
        """Its answer of the kind `end`. Raises the error that is answered instead."""
        asked = False
        while True:
            message = self._channel.receive(POLL_SECONDS)
            if not asked and cancelled():
                asked = True
                self._channel.send(answer("cancel", f"cancel {job}", job=job))
            if message is None or message[0].get("id") != job:
                continue
            if checked(message[0], "progress", end)["kind"] == end:
                return message
            progress(_progress(message[0]))


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


def _progress(header: Header) -> Progress:
    numbers = (header.get(key, 0) for key in ("done", "total", "ahead"))
    return Progress(str(header.get("state")), *numbers)


def _restored(message: Message) -> Restored:
    header, payload = message
    (pixels,) = frames.unpack([Picture.from_dict(header.get("image"))], payload)
    how = header["device"], header["format"], header["seconds"]
    notes = header.get("approximate", False), header.get("spatial")
    return Restored(pixels, *how, _packs_of(header), *notes)


def _packs_of(header: Header) -> tuple[PackUsed, ...]:
    return tuple(PackUsed(pack["id"], pack["sha256"]) for pack in header["packs"])
