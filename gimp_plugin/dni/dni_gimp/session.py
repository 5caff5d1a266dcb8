"""From a request to a result: what is asked of the daemon, and what is told meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from .link import Frame, Link, LinkError, Message, error_of
from .recipes import Table, scale_of
from .words import _, ngettext

BYTES_A_SAMPLE = {"u8": 1, "u16": 2, "f32": 4}

Notify = Callable[[str, "float | None"], None]
"""Told what is being done, and how much of it (0..1; None: not known)."""


@dataclass(frozen=True)
class Layout:
    """The shape of pixels on the wire: rows top to bottom, channels interleaved, no padding."""

    height: int
    width: int
    channels: int
    """1 gray, 2 gray + alpha, 3 RGB, 4 RGB + alpha (not premultiplied)."""
    dtype: str
    """`u8`, `u16` or `f32`."""

    @property
    def row_bytes(self) -> int:
        """The length of one row in bytes."""
        return self.width * self.channels * BYTES_A_SAMPLE[self.dtype]

    @property
    def nbytes(self) -> int:
        """The length of the whole picture in bytes."""
        return self.height * self.row_bytes

    def header(self) -> dict[str, Any]:
        """Return this as PROTOCOL.md writes an `image` or a `mask`."""
        return {
            "height": self.height,
            "width": self.width,
            "channels": self.channels,
            "dtype": self.dtype,
        }


@dataclass(frozen=True)
class Source:
    """Pixels on their way to the daemon; the strips are read only while they are sent."""

    layout: Layout
    strips: Iterable[bytes]


@dataclass(frozen=True)
class Result:
    """The restored picture."""

    layout: Layout
    pixels: bytes
    packs: list[Mapping[str, Any]]
    """What made it: `id` and `sha256` of each pack."""


def restore(
    link: Link, recipe: Table, image: Source, mask: Source | None, notify: Notify
) -> Result:
    """Send the picture, follow the job to its end and return the result, which is checked."""
    sources = [image] if mask is None else [image, mask]
    notify(_("Sending the picture to the DNI daemon"), None)
    job = link.send(
        "restore",
        {
            "recipe": recipe,
            "image": image.layout.header(),
            "mask": None if mask is None else mask.layout.header(),
        },
        [Frame(source.layout.nbytes, source.strips) for source in sources],
    )
    result = result_of(follow(link, job, notify))
    scale = scale_of(recipe)
    height, width = image.layout.height * scale, image.layout.width * scale
    if result.layout != replace(image.layout, height=height, width=width):
        raise LinkError(
            "bad-image", _("The daemon's result has another size; nothing was changed.")
        )
    return result


def list_packs(link: Link, notify: Notify) -> list[Mapping[str, Any]]:
    """Return the descriptions of the installed packs."""
    return packs_of(follow(link, link.send("packs", {}), notify))


def packs_of(message: Message) -> list[Mapping[str, Any]]:
    """Return what a `packs` message tells, as far as it can be read."""
    packs = message.body.get("packs")
    return [pack for pack in packs if isinstance(pack, dict)] if isinstance(packs, list) else []


def propose(link: Link, recipe: Table, image: Source, notify: Notify) -> dict[str, float]:
    """Return the strengths, 0..1, that the packs of the recipe's effects propose for a picture."""
    frame = Frame(image.layout.nbytes, image.strips)
    job = link.send("auto", {"recipe": recipe, "image": image.layout.header()}, [frame])
    return proposals_of(follow(link, job, notify))


def proposals_of(message: Message) -> dict[str, float]:
    """Return what an `auto` message proposes."""
    try:
        return {str(k): min(max(float(v), 0.0), 1.0) for k, v in message.body["strengths"].items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise LinkError("bad-message", _("The daemon's proposal cannot be read.")) from None


def follow(link: Link, job: str, notify: Notify, patience: float = 0.25) -> Message:
    """Tell of a job's progress until its result is there, and return it.

    Every `patience` seconds without news, the last news is told again, as a sign of life. An
    error of the bridge's own (id "") is not the job's: the bridge tries again, or ends.
    """
    news: tuple[str, float | None] = (_("Restoring…"), None)
    clock = _Clock()
    while True:
        message = link.receive(timeout=patience)
        if message is not None and message.id in ("", job):
            if message.kind in ("result", "auto", "packs"):
                return message
            if message.kind == "error" and message.id == job:
                raise error_of(message)
            news = describe(message.body) or news
        notify(news[0] + clock.left(news[1]), news[1])


class _Clock:
    """Tells the time that is left, from how long the work so far took."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._began: tuple[float, float] | None = None

    def left(self, fraction: float | None) -> str:
        """Return ", … left" for work of which so much (0..1) is done; nothing before it is sure."""
        if fraction is None:
            return ""
        began, at = self._began = self._began or (self._now(), fraction)
        if fraction <= at or (taken := self._now() - began) < 2.0:
            return ""
        seconds = taken / (fraction - at) * (1 - fraction)
        if seconds < 60:
            return _(", {n} s left").format(n=max(1, round(seconds)))
        return _(", {n} min left").format(n=round(seconds / 60))


def describe(body: Mapping[str, Any]) -> tuple[str, float | None] | None:
    """Return what a `bridge` or `progress` message means to a photographer."""
    match body:
        case {"kind": "bridge", "state": "starting"}:
            return _("Starting the DNI daemon (the first time takes longer)"), None
        case {"kind": "progress", "state": "queued", "ahead": 1}:
            return _("Waiting for 1 other job"), None
        case {"kind": "progress", "state": "queued", "ahead": int(ahead)} if ahead > 1:
            return _("Waiting for {n} other jobs").format(n=ahead), None
        case {"kind": "progress", "state": "loading"}:
            return _("Loading the networks"), None
        case {"kind": "progress", "state": "running", "done": int(done), "total": int(total)}:
            return _told(done, total), done / max(total, 1)
    return None


def _told(done: int, total: int) -> str:
    if not done or total <= 1:  # a count says nothing before there is something to count
        return _("Restoring…")
    text = ngettext(
        "Restoring: {done} of {total} tile", "Restoring: {done} of {total} tiles", total
    )
    return text.format(done=done, total=total)


def result_of(message: Message) -> Result:
    """Return the picture that a `result` message brings. Raises LinkError if it does not fit."""
    try:
        image = message.body["image"]
        layout = Layout(image["height"], image["width"], image["channels"], image["dtype"])
        (pixels,) = message.frames
        fits = len(pixels) == layout.nbytes
    except (KeyError, TypeError, ValueError):
        fits = False
    if not fits:
        raise LinkError(
            "bad-message",
            _("The daemon's result does not fit its description; nothing was changed."),
        )
    return Result(layout, pixels, list(message.body.get("packs", [])))
