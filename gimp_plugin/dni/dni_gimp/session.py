"""From a request to a result: what is asked of the daemon, and what is told meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .link import Frame, Link, LinkError, Message, error_of

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


def denoise_recipe(denoise: float, outside: float) -> dict[str, Any]:
    """Return the recipe for two strengths in percent, inside and outside of the mask."""
    stage = {
        "effect": "denoise",
        "strength": denoise / 100,
        "outside": outside / 100,
        "pack": None,
    }
    return {"stages": [stage]}


def restore(
    link: Link, recipe: Mapping[str, Any], image: Source, mask: Source | None, notify: Notify
) -> Result:
    """Send the picture, follow the job to its end and return the result, which is checked."""
    sources = [image] if mask is None else [image, mask]
    notify("Sending the picture to the DNI daemon", None)
    job = link.send(
        "restore",
        {
            "recipe": recipe,
            "image": image.layout.header(),
            "mask": None if mask is None else mask.layout.header(),
        },
        [Frame(source.layout.nbytes, source.strips) for source in sources],
    )
    return _read_result(follow(link, job, notify))


def follow(link: Link, job: str, notify: Notify, patience: float = 0.25) -> Message:
    """Tell of a job's progress until its result is there, and return it.

    Every `patience` seconds without news, the last news is told again, as a sign of life. An
    error of the bridge's own (id "") is not the job's: the bridge tries again, or ends.
    """
    news: tuple[str, float | None] = ("Restoring", None)
    while True:
        message = link.receive(timeout=patience)
        if message is not None and message.id in ("", job):
            if message.kind == "result":
                return message
            if message.kind == "error" and message.id == job:
                raise error_of(message)
            news = describe(message.body) or news
        notify(*news)


def describe(body: Mapping[str, Any]) -> tuple[str, float | None] | None:
    """Return what a `bridge` or `progress` message means to a photographer."""
    match body:
        case {"kind": "bridge", "state": "starting"}:
            return "Starting the DNI daemon (the first time takes longer)", None
        case {"kind": "progress", "state": "queued", "ahead": int(ahead)} if ahead > 0:
            return f"Waiting for {ahead} other job{'s' if ahead > 1 else ''}", None
        case {"kind": "progress", "state": "loading"}:
            return "Loading the networks", None
        case {"kind": "progress", "state": "running", "done": int(done), "total": int(total)}:
            return f"Restoring: {done} of {total} tiles", done / max(total, 1)
    return None


def _read_result(message: Message) -> Result:
    try:
        image = message.body["image"]
        layout = Layout(image["height"], image["width"], image["channels"], image["dtype"])
        (pixels,) = message.frames
        fits = len(pixels) == layout.nbytes
    except (KeyError, TypeError, ValueError):
        fits = False
    if not fits:
        raise LinkError(
            "bad-message", "The daemon's result does not fit its description; nothing was changed."
        )
    return Result(layout, pixels, list(message.body.get("packs", [])))
