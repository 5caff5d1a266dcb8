"""The pixels that go to the daemon for a preview, gathered strip by strip: the window goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GLib  # noqa: E402

from .canvas import Encoding, read, read_small  # noqa: E402
from .maps import StrengthMap  # noqa: E402
from .preview import Box, Wish  # noqa: E402
from .recipes import Table, looks_at_all  # noqa: E402
from .session import Source  # noqa: E402

WHOLE = 1024  # pixels of the long side; depth of field works at half of it


@dataclass(frozen=True)
class Target:
    """The layer that is previewed, and how its pixels travel."""

    image: Gimp.Image
    layer: Gimp.Layer
    encoding: Encoding

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the layer."""
        return self.encoding.layout.width, self.encoding.layout.height


@dataclass(frozen=True)
class Parcel:
    """What a `restore` takes along with its recipe."""

    key: object
    """Wishes with the same key take the same pixels."""
    body: Table
    frames: list[bytes]


class Gatherer:
    """Gathers one parcel at a time, and keeps the last one."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.parcel: Parcel | None = None
        self._running = 0  # a GLib source

    def gather(
        self, wish: Wish, strength_map: StrengthMap | None, gathered: Callable[[], None]
    ) -> None:
        """Gather what this wish takes, instead of what is being gathered; then call."""
        self.stop()
        if self.has(wish, strength_map):
            gathered()
            return
        steps = self._steps(wish, strength_map, gathered)
        self._running = GLib.idle_add(lambda: next(steps, False))

    def has(self, wish: Wish, strength_map: StrengthMap | None) -> bool:
        """Return whether the parcel that is here is the one for this wish."""
        return self.parcel is not None and self.parcel.key == self._key(wish, strength_map)

    def _key(self, wish: Wish, strength_map: StrengthMap | None) -> object:
        masked = None if strength_map is None else strength_map.key
        return wish.crop, masked, self._needs_whole(wish)

    def forget(self) -> None:
        """The pixels are others now."""
        self.stop()
        self.parcel = None

    def stop(self) -> None:
        """Gather no more."""
        if self._running:
            GLib.source_remove(self._running)
            self._running = 0

    def _steps(
        self, wish: Wish, strength_map: StrengthMap | None, gathered: Callable[[], None]
    ) -> Iterator[bool]:
        sources = self._sources(wish.crop, strength_map)
        masks = len(sources) - 1
        if self._needs_whole(wish):
            sources += self._whole(strength_map)
        frames, headers = [], []
        for source in sources:
            strips = []
            for strip in source.strips:
                strips.append(strip)
                yield True
            frames.append(b"".join(strips))
            headers.append(source.layout.header())
        key = self._key(wish, strength_map)
        self.parcel = Parcel(key, self._body(wish.crop, headers, 1 + masks), frames)
        self._running = 0
        gathered()
        yield False

    def _needs_whole(self, wish: Wish) -> bool:
        part = (wish.crop.width, wish.crop.height) != self._target.size
        return part and looks_at_all(json.loads(wish.recipe))

    def _sources(self, crop: Box, strength_map: StrengthMap | None) -> list[Source]:
        target = self._target
        sources = [read(target.layer, target.encoding, crop)]
        if strength_map is not None:
            sources.append(strength_map.read(target.image, crop))
        return sources

    def _whole(self, strength_map: StrengthMap | None) -> list[Source]:
        """Return the whole picture, small, and its map."""
        target = self._target
        scale = min(1.0, WHOLE / max(target.size))
        sources = [read_small(target.layer, target.encoding, scale)]
        if strength_map is not None:
            layout = sources[0].layout
            small = Box(0, 0, layout.width, layout.height)
            sources.append(strength_map.read(target.image, small, scale))
        return sources

    def _body(self, crop: Box, headers: Sequence[Mapping[str, Any]], of_crop: int) -> Table:
        body = _forms(headers[:of_crop])
        if whole := headers[of_crop:]:
            width, height = self._target.size
            place = {"width": width, "height": height, "left": crop.left, "top": crop.top}
            body["whole"] = place | _forms(whole)
        return body


def _forms(headers: Sequence[Mapping[str, Any]]) -> Table:
    return {"image": headers[0], "mask": headers[1] if len(headers) > 1 else None}
