"""The live preview: from the sliders to what the view shows, without ever waiting."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GLib  # noqa: E402

from .canvas import Encoding, read, read_small  # noqa: E402
from .line import Line  # noqa: E402
from .link import LinkError, Message, error_of  # noqa: E402
from .maps import StrengthMap  # noqa: E402
from .preview import Album, Box, Latest, Mix, View, Wish  # noqa: E402
from .recipes import (  # noqa: E402
    Refused,
    Table,
    changes_nothing,
    ends_of,
    halo_of,
    has_shares,
    looks_at_all,
    place_of,
    scale_of,
)
from .results import shown, to_pixbuf  # noqa: E402
from .session import Layout, Source, describe, result_of  # noqa: E402
from .view import PictureView, Shot  # noqa: E402
from .words import _  # noqa: E402

WHOLE = 1024  # pixels of the long side; depth of field works at half of it
REST = 400  # ms without a new wish, until results to come are prepared


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


class LivePreview:
    """Shows the layer as the wished recipe makes it.

    `tell` gets a short text about what is being done, `fail` an error.
    """

    def __init__(
        self,
        target: Target,
        line: Line,
        tell: Callable[[str], None],
        fail: Callable[[LinkError], None],
    ) -> None:
        self.target, self._line, self._tell, self._fail = target, line, tell, fail
        self.view = PictureView(target.size, self.refresh)
        self.packs: Sequence[Mapping[str, Any]] = ()
        self._recipe: Table = {"stages": []}
        self._map: StrengthMap | None = None
        self._album: Album[Shot] = Album()
        self._latest = Latest(self._start, line.cancel)
        self._gathered: tuple[object, list[bytes], list[Layout]] | None = None
        self._gathering = self._resting = 0  # GLib sources
        self._base: Shot | None = None
        self._last: Shot | None = None
        self._took = ""
        self._broken = False
        self.worked: Callable[[], None] = lambda: None
        """Called when a result has come."""

    def show(self, recipe: Table, strength_map: StrengthMap | None) -> None:
        """Show what this recipe makes of the picture."""
        self._recipe, self._map, self._broken = recipe, strength_map, False
        self.view.view = self._scaled_view()
        self.refresh()

    def _scaled_view(self) -> View:
        scale = scale_of(self._recipe)
        view = self.view.view
        return view if view.scale == scale else replace(view, scale=scale).kept()

    def refresh(self) -> None:
        """Draw the best that is known, and ask for the exact result if it is not."""
        if min(self.view.view.window) < 2:
            return
        self._stop_resting()
        wish = self._wish(self._recipe)
        before = self._before()
        if changes_nothing(self._recipe, masked=self._map is not None):
            self._latest.want(None)
            self.view.draw(before, None)
            self._tell(_("The picture as it is: nothing is switched on, or all of it is at 0"))
            return
        exact = self._album.get(wish.kind, wish.place)
        if exact is not None:
            self._show_exact(before, exact)
            return
        self.view.draw(before, self._album.between(wish.kind, wish.place) or self._previous())
        if self._broken:  # until the user does something: a window may be resized for long
            self._tell(_("No preview"))
            return
        self._tell(_("Computing…"))
        self._ask(wish)

    def _show_exact(self, before: Shot, exact: Shot) -> None:
        self._last = exact
        self.view.draw(before, Mix(exact, exact, 0.0))
        self._tell(_("Exact preview") + self._took)
        self._resting = GLib.timeout_add(REST, self._prepare)

    def _previous(self) -> Mix[Shot] | None:
        return None if self._last is None else Mix(self._last, self._last, 0.0)

    def _wish(self, recipe: Table) -> Wish:
        view, size = self.view.view, self.target.size
        box = view.box()
        kind, place = place_of(recipe, masked=self._map is not None)
        map_key = None if self._map is None else (self._map.drawable.get_id(), self._map.offset)
        crop = box.grown(halo_of(recipe, self.packs), size)
        density = min(1.0, view.zoom)
        whole_kind = (kind, map_key, box, density)
        return Wish(whole_kind, place, json.dumps(recipe), box, crop, view.scale)

    def _before(self) -> Shot:
        """Return the layer itself where it is seen."""
        view = self.view.view
        box, density = view.box(), min(1.0, view.density)
        if self._base is None or (self._base.box, self._base.density) != (box, density):
            self._base = Shot(box, density, self._read_base(box, density))
        if view.scale == 1 and not has_shares(self._recipe):
            wish = self._wish(self._recipe)
            self._album.add(wish.kind, (0.0,) * len(wish.place), self._base)
        return self._base

    def _read_base(self, box: Box, density: float) -> Any:
        layer = self.target.layer
        return shown(layer.get_buffer(), box, density, has_alpha=layer.has_alpha())

    def _ask(self, wish: Wish) -> None:
        """Gather the pixels strip by strip, while the window goes on, then ask for the result."""
        key = self._gather_key(wish)
        if self._gathered and self._gathered[0] == key:
            self._want(wish)
            return
        self._stop_gathering()
        steps = self._gather(wish, key)
        self._gathering = GLib.idle_add(lambda: next(steps, False))

    def _gather_key(self, wish: Wish) -> object:
        masked = None if self._map is None else (self._map.drawable.get_id(), self._map.offset)
        return wish.crop, masked, self._needs_whole(wish)

    def _needs_whole(self, wish: Wish) -> bool:
        part = (wish.crop.width, wish.crop.height) != self.target.size
        return part and looks_at_all(json.loads(wish.recipe))

    def _gather(self, wish: Wish, key: object) -> Iterator[bool]:
        target, frames, layouts = self.target, [], []
        sources = [read(target.layer, target.encoding, wish.crop)]
        if self._map is not None:
            sources.append(self._map.read(target.image, wish.crop))
        if self._needs_whole(wish):
            sources += self._whole()
        for source in sources:
            strips = []
            for strip in source.strips:
                strips.append(strip)
                yield True
            frames.append(b"".join(strips))
            layouts.append(source.layout)
        self._gathered = key, frames, layouts
        self._gathering = 0
        self._want(wish)
        yield False

    def _whole(self) -> list[Source]:
        """Return the whole picture, small, and its map."""
        target = self.target
        scale = min(1.0, WHOLE / max(target.size))
        sources = [read_small(target.layer, target.encoding, scale)]
        if self._map is not None:
            layout = sources[0].layout
            small = Box(0, 0, layout.width, layout.height)
            sources.append(self._map.read(target.image, small, scale))
        return sources

    def _want(self, wish: Wish) -> None:
        try:
            self._latest.want(wish)
        except (LinkError, Refused) as error:
            self._fail(LinkError("daemon-unavailable", str(error)))

    def _start(self, wish: Wish) -> str:
        if self._gathered is None:
            raise LinkError("bad-message", "There are no pixels to send.")
        _key, frames, layouts = self._gathered
        headers = [layout.header() for layout in layouts]
        masks = 1 if self._map is None else 2
        body = {"recipe": json.loads(wish.recipe), **_forms(headers[:masks])}
        if whole := headers[masks:]:
            width, height = self.target.size
            place = {"width": width, "height": height, "left": wish.crop.left, "top": wish.crop.top}
            body["whole"] = place | _forms(whole)
        return self._line.post("restore", body, frames, self._answered)

    def _answered(self, message: Message) -> None:
        if message.kind == "progress":
            if (news := describe(message.body)) is not None:
                self._tell(news[0])
            return
        wish = self._latest.ended(message.id)
        if wish is None:
            return
        if message.kind == "result":
            self._keep(wish, message)
        elif (error := error_of(message)).code != "cancelled":
            self._latest.waiting = None
            self._fail(error)
            return
        self._go_on()

    def _go_on(self) -> None:
        try:
            self._latest.go_on()
        except LinkError as error:
            self._fail(error)

    def _keep(self, wish: Wish, message: Message) -> None:
        """Put a result into the album, and show it if it is of use."""
        try:
            result = result_of(message)
            core = wish.box.inside(wish.crop).times(wish.scale)
            part = self.target.encoding.sized(result.layout.width, result.layout.height)
            fits = result.layout == part.layout
            fits = fits and result.layout.width == wish.crop.width * wish.scale
        except LinkError as error:
            self._fail(error)
            return
        if not fits:
            self._fail(LinkError("bad-image", _("The daemon's result has another size.")))
            return
        self.worked()
        density = wish.kind[3]  # type: ignore[index]
        pixbuf = to_pixbuf(part, result.pixels, core, density)
        self._took = f" · {_device(message.body)} · {message.body.get('seconds', 0.0):.2f} s"
        self._album.add(wish.kind, wish.place, Shot(wish.box, density * wish.scale, pixbuf))
        wanted = self._wish(self._recipe)
        if wanted.kind == wish.kind and self._latest.waiting is None:
            self.refresh()
        elif wanted.kind == wish.kind:
            mix = self._album.between(wanted.kind, wanted.place) or self._previous()
            self.view.draw(self._before(), mix)

    def _prepare(self) -> bool:
        """Compute, while nothing else is to be done, what a slider may soon come to."""
        self._resting = 0
        for recipe in ends_of(self._recipe, masked=self._map is not None):
            wish = self._wish(recipe)
            if self._album.get(wish.kind, wish.place) is None:
                self._ask(wish)
                return False
        return False

    def failed(self) -> None:
        """Something went wrong: what was asked is lost."""
        self._broken = True
        self._stop_gathering()
        self._stop_resting()
        self._latest.forget()
        self._latest.waiting = None

    def retry(self) -> None:
        """Ask again."""
        self._broken = False
        self.refresh()

    def stop(self) -> None:
        """Cancel all that runs."""
        self._stop_gathering()
        self._stop_resting()
        self._latest.want(None)

    def _stop_gathering(self) -> None:
        if self._gathering:
            GLib.source_remove(self._gathering)
            self._gathering = 0

    def _stop_resting(self) -> None:
        if self._resting:
            GLib.source_remove(self._resting)
            self._resting = 0


def _forms(headers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"image": headers[0], "mask": headers[1] if len(headers) > 1 else None}


def _device(body: Mapping[str, Any]) -> str:
    device = str(body.get("device", ""))
    return "CPU" if device in ("", "cpu") else device.upper().replace(":", " ")
