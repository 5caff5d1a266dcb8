"""A link for a main loop that must never wait: posting returns at once, answers are called back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any

from .link import Frame, Link, LinkError, Message

Answered = Callable[[Message], None]
"""Called with each `progress` and the last answer of one request."""


class Line:
    """Opens its link when there is something to say, and again after it has ended.

    `open_link` takes what a link calls, from a thread of its own, after each message: `wake`,
    which is to have `pump` called in the main loop. `heard` gets what belongs to no request: the
    bridge's state, or the error of a link that has ended, with all its requests.
    """

    def __init__(
        self,
        open_link: Callable[[Callable[[], None]], Link],
        wake: Callable[[], None],
        heard: Callable[[Message | LinkError], None],
    ) -> None:
        self._open, self._wake, self._heard = open_link, wake, heard
        self._link: Link | None = None
        self._answered: dict[str, Answered] = {}
        self._writer = ThreadPoolExecutor(1)
        self._failed: SimpleQueue[LinkError] = SimpleQueue()

    def link(self) -> Link:
        """Return the link, opened. Raises LinkError when the bridge cannot be started."""
        if self._link is None:
            self._link = self._open(self._wake)
        return self._link

    def post(
        self,
        kind: str,
        body: Mapping[str, Any],
        frames: Sequence[bytes] = (),
        answered: Answered = lambda _: None,
    ) -> str:
        """Send a request, from another thread, and return its id. Raises LinkError like `link`."""
        link = self.link()
        request = link.new_id()
        self._answered[request] = answered
        pieces = [Frame(len(frame), [frame]) for frame in frames]
        sent = self._writer.submit(link.send, kind, body, pieces, request=request)
        sent.add_done_callback(self._note_failure)
        return request

    def cancel(self, job: str) -> None:
        """Ask for the end of the `restore` with this id."""
        self.post("cancel", {"job": job})

    def pump(self) -> None:
        """Hand out what has arrived."""
        try:
            while self._link and (message := self._link.receive(timeout=0)) is not None:
                self._hand_out(message)
            raise self._failed.get_nowait()
        except Empty:
            pass
        except LinkError as error:
            self._drop()
            self._heard(error)

    def _hand_out(self, message: Message) -> None:
        answered = self._answered.get(message.id, self._heard if message.id == "" else None)
        if message.kind != "progress":
            self._answered.pop(message.id, None)
        if answered:
            answered(message)

    def settle(self) -> Link:
        """Return the link for use without this line: nothing is on its way out any more."""
        self._writer.shutdown()
        self._writer = ThreadPoolExecutor(1)
        return self.link()

    def close(self) -> None:
        """End the bridge, which cancels what it has not finished."""
        self._drop()
        self._writer.shutdown()

    def _drop(self) -> None:
        link, self._link = self._link, None
        self._answered.clear()
        if link is not None:
            self._writer.submit(link.close)

    def _note_failure(self, sent: Future[str]) -> None:
        error = sent.exception()
        if isinstance(error, LinkError):
            self._failed.put(error)
            self._wake()
