"""The live preview: from the sliders to what the view shows, without ever waiting."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import GLib  # noqa: E402

from .line import Line  # noqa: E402
from .link import NO_SUBJECT, LinkError, Message, error_of  # noqa: E402
from .maps import StrengthMap  # noqa: E402
from .original import Original  # noqa: E402
from .parcel import Gatherer, Target  # noqa: E402
from .preview import Album, Latest, Mix, View, Wish  # noqa: E402
from .recipes import (  # noqa: E402
    Refused,
    Table,
    changes_nothing,
    ends_of,
    halo_of,
    has_shares,
    place_of,
    scale_of,
    without,
)
from .results import to_pixbuf  # noqa: E402
from .session import describe, result_of  # noqa: E402
from .view import PictureView, Shot  # noqa: E402
from .words import _  # noqa: E402

REST = 400  # ms without a new wish, until results to come are prepared


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
        self.packs: Sequence[Mapping[str, Any]] | None = None
        """None until the daemon has told: they say how much must be read around what is seen."""
        self._recipe: Table = {"stages": []}
        self._map: StrengthMap | None = None
        self._album: Album[Shot] = Album()
        self._latest = Latest(self._start, line.cancel)
        self._gatherer = Gatherer(target)
        self._original = Original(target.layer)
        self._resting = 0  # a GLib source
        self._last: Shot | None = None
        self._left: list[bytes] | None = None
        self._changes = 0  # of the pixels, while the dialog was open
        self._took = ""
        self._broken = False
        self.worked: Callable[[], None] = lambda: None
        """Called when a result has come."""
        self._wished = self._recipe
        """All that is set; `_recipe` is what can be shown of it."""
        self._no_subject = False
        self.left_out: Callable[[], None] = lambda: None
        """Called when it turns out that nothing can be blurred."""

    def show(self, recipe: Table, strength_map: StrengthMap | None) -> None:
        """Show what this recipe makes of the picture."""
        self._wished, self._map, self._broken = recipe, strength_map, False
        self._leave_out()
        self.view.view = self._scaled_view()
        self.refresh()

    @property
    def leaves_out(self) -> bool:
        """Whether the blur is wished and not shown: there is no map, and no subject either."""
        return self._recipe != self._wished

    def lack_subject(self) -> None:
        """The photo has no subject: from now on show the other effects alone."""
        self._no_subject, self._latest.waiting = True, None
        self._leave_out()
        self.refresh()
        self.left_out()

    def _leave_out(self) -> None:
        blurs_nothing = self._no_subject and self._map is None
        self._recipe = without("dof", self._wished) if blurs_nothing else self._wished

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
        before = self._original.shot(self.view.view)
        if changes_nothing(self._recipe, masked=self._map is not None):
            self._latest.want(None)
            self.view.draw(before, None)
            self._tell(
                _("The picture as it is: there is no subject to blur the background of")
                if self.leaves_out
                else _("The picture as it is: nothing is switched on, or all of it is at 0")
            )
            return
        exact = self._album.get(wish.kind, wish.place)
        if exact is not None:
            self._show_exact(before, exact)
            return
        self.view.draw(before, self._nearest(wish, before))
        if self._broken:  # until the user does something: a window may be resized for long
            self._tell(_("No preview"))
            return
        self._tell(_("Computing…"))
        if self.packs is not None:
            self._ask(wish)

    def _show_exact(self, before: Shot, exact: Shot) -> None:
        self._last = exact
        self.view.draw(before, Mix(exact, exact, 0.0))
        lacks = " · " + _("without the blur") if self.leaves_out else ""
        self._tell(_("Exact preview") + lacks + self._took)
        self._resting = GLib.timeout_add(REST, self._prepare)

    def _nearest(self, wish: Wish, before: Shot) -> Mix[Shot] | None:
        """Return what comes closest to this wish; the layer itself is the result of strength 0.

        Where there is none of its kind or part, what was seen last stays until there is.
        """
        if self._album.knows(wish.kind):
            known = {}
            if wish.scale == 1 and not has_shares(self._recipe):
                known[(0.0,) * len(wish.place)] = before
            return self._album.between(wish.kind, wish.place, known)
        if self._last is None or self._broken:  # then nothing is to come that it stands for
            return None
        return Mix(self._last, self._last, 0.0)

    def _wish(self, recipe: Table) -> Wish:
        view, size = self.view.view, self.target.size
        box = view.box()
        kind, place = place_of(recipe, masked=self._map is not None)
        map_key = None if self._map is None else self._map.key
        crop = box.grown(halo_of(recipe, self.packs or ()), size)
        density = min(1.0, view.zoom)
        whole_kind = (kind, map_key, box, density, self._changes)
        return Wish(whole_kind, place, json.dumps(recipe), box, crop, view.scale)

    def _ask(self, wish: Wish) -> None:
        if not self._gatherer.has(wish, self._map):
            self._latest.want(None)  # of what is no longer seen nothing more is computed
        self._gatherer.gather(wish, self._map, lambda: self._want(wish))

    def _want(self, wish: Wish) -> None:
        try:
            self._latest.want(wish)
        except (LinkError, Refused) as error:
            self._fail(LinkError("daemon-unavailable", str(error)))

    def _start(self, wish: Wish) -> str:
        if (parcel := self._gatherer.parcel) is None:
            raise LinkError("bad-message", "There are no pixels to send.")
        body = {"recipe": json.loads(wish.recipe), **parcel.body}
        return self._line.post("restore", body, parcel.frames, self._answered)

    def _answered(self, message: Message) -> None:
        if message.kind == "progress":
            news = describe(message.body)
            if news is not None and self._is_looked_at(message.id):
                self._tell(news[0])
            return
        wish = self._latest.ended(message.id)
        if wish is None:
            return
        if message.kind == "result":
            self._keep(wish, message)
        elif (error := error_of(message)).code == NO_SUBJECT:
            self.lack_subject()
            return
        elif error.code != "cancelled":
            self._latest.waiting = None
            self._fail(error)
            return
        self._go_on()

    def _is_looked_at(self, request: str) -> bool:
        """Return whether this is what the view waits for: not given up, nor computed ahead."""
        running = self._latest.running
        if running is None or running[0] != request:
            return False
        wanted = self._wish(self._recipe)
        return (running[1].kind, running[1].place) == (wanted.kind, wanted.place)

    def _go_on(self) -> None:
        try:
            self._latest.go_on()
        except LinkError as error:
            self._fail(error)

    def _keep(self, wish: Wish, message: Message) -> None:
        """Put a result into the album, and show it if it is of use."""
        try:
            result = result_of(message)
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
        crop, box = (each.times(wish.scale) for each in (wish.crop, wish.box))
        pixbuf = to_pixbuf(part, result.pixels, (crop.left, crop.top), box, density)
        self._took = f" · {_device(message.body)} · {message.body.get('seconds', 0.0):.2f} s"
        self._album.add(wish.kind, wish.place, Shot(wish.box, density * wish.scale, pixbuf))
        wanted = self._wish(self._recipe)
        if wanted.kind == wish.kind and self._latest.waiting is None:
            self.refresh()
        elif wanted.kind == wish.kind:
            before = self._original.shot(self.view.view)
            self.view.draw(before, self._nearest(wanted, before))

    def _prepare(self) -> bool:
        """Compute, while nothing else is to be done, what a slider may soon come to."""
        self._resting = 0
        for recipe in ends_of(self._recipe, masked=self._map is not None):
            wish = self._wish(recipe)
            if self._album.get(wish.kind, wish.place) is None:
                self._ask(wish)
                return False
        return False

    def look_away(self) -> None:
        """The user turns to GIMP's own windows, and may paint there."""
        self._left = self._pixels()

    def look_again(self) -> bool:
        """Begin anew if the layer or the map looks otherwise now, and return whether it does."""
        left, self._left = self._left, None
        if left is None or not self.target.layer.is_valid():
            return False
        self._original.renew()
        if changed := self._pixels() != left:
            self._changes += 1  # what is still being computed is of pixels that are gone
            self._album, self._last = Album(), None
            self._no_subject = False
            self._leave_out()
            self._gatherer.forget()
            self.refresh()
        return changed

    def _pixels(self) -> list[bytes]:
        """Return what is seen of the layer and its map."""
        view = self.view.view
        shot = self._original.shot(view)
        pixels = [bytes(shot.pixbuf.get_pixels())]
        if self._map is not None:
            small = shot.box.shrunk(shot.density)
            pixels += self._map.read(self.target.image, small, shot.density).strips
        return pixels

    def failed(self) -> None:
        """Something went wrong: what was asked is lost."""
        self._broken = True
        self._gatherer.stop()
        self._stop_resting()
        self._latest.forget()
        self._latest.waiting = None
        self.refresh()

    def retry(self) -> None:
        """Ask again."""
        self._broken = False
        self.refresh()

    def stop(self) -> None:
        """Cancel all that runs."""
        self._gatherer.stop()
        self._stop_resting()
        self._latest.want(None)

    def _stop_resting(self) -> None:
        if self._resting:
            GLib.source_remove(self._resting)
            self._resting = 0


def _device(body: Mapping[str, Any]) -> str:
    device = str(body.get("device", ""))
    return "CPU" if device in ("", "cpu") else device.upper().replace(":", " ")
