"""The preview's window: a picture before and after, with zoom, drag and a line between them.

It draws with GdkPixbuf alone: GIMP brings gi, but not everywhere what gi needs for cairo.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import floor
from typing import Any

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GdkPixbuf, GLib, Gtk  # noqa: E402

from .looks import OVER_PICTURE, style  # noqa: E402
from .preview import Box, Mix, View  # noqa: E402
from .words import _  # noqa: E402

try:
    import cairo
except ImportError:  # pixels of a HiDPI screen are then shown as squares of four
    cairo = None

BACKGROUND = 0x505050FF
LINE, EDGE = 0xFFFFFFFF, 0x000000FF
GRIP = 8  # pixels beside the line where it can be taken
STEP = 48  # pixels that an arrow key moves the picture
SMOOTH_UNTIL = 2.0  # times; from there on single pixels are shown as such


@dataclass(eq=False)
class Shot:
    """A part of the picture, or of a result, ready to be drawn."""

    box: Box
    """Which part of the layer it shows."""
    density: float
    """Its pixels a pixel of the layer."""
    pixbuf: Any
    fitted: tuple[View, Any] | None = field(default=None, repr=False)
    """What was drawn of it last: for which view, and a picture as large as the window."""

    def fit(self, view: View, under: Any = None) -> Any:
        """Return a picture as large as the window, with this in its place over `under`."""
        if under is None and self.fitted and self.fitted[0] == view:
            return self.fitted[1]
        canvas = _canvas(view.window) if under is None else under.copy()
        self._draw(view, canvas)
        if under is None:
            self.fitted = view, canvas
        return canvas

    def _draw(self, view: View, canvas: Any) -> None:
        times = view.density / self.density
        small = self.box.shrunk(self.density)
        corner = small.left / self.density, small.top / self.density  # of its first pixel
        # Not round(), which goes up from 2.5 and down from 3.5: in a window of an odd width a moved
        # picture would tremble.
        x, y = (floor(value + 0.5 + 1e-6) for value in view.on_screen(*corner))
        left, top = max(0, x), max(0, y)
        right = min(view.window[0], round(x + self.pixbuf.get_width() * times))
        bottom = min(view.window[1], round(y + self.pixbuf.get_height() * times))
        if right > left and bottom > top:
            crisp = times == 1 or (times >= SMOOTH_UNTIL and view.scale == 1)
            how = GdkPixbuf.InterpType.NEAREST if crisp else GdkPixbuf.InterpType.BILINEAR
            place = left, top, right - left, bottom - top
            self.pixbuf.scale(canvas, *place, x, y, times, times, how)


def _canvas(size: tuple[int, int]) -> Any:
    canvas = GdkPixbuf.Pixbuf.new(GdkPixbuf.Colorspace.RGB, False, 8, *size)
    canvas.fill(BACKGROUND)
    return canvas


class PictureView:
    """A Gtk widget, `widget`, that shows what `draw` was last given.

    `moved` is called when another part of the picture comes to be seen.
    """

    def __init__(self, picture: tuple[int, int], moved: Callable[[], None]) -> None:
        self.view = View(picture, (1, 1), (picture[0] / 2, picture[1] / 2))
        self.split: float | None = 0.5
        """Where the line between before and after is, 0..1 of the width; None: no line."""
        self.holding_before = False
        self._moved = moved
        self._before: Shot | None = None
        self._after: Mix[Shot] | None = None
        self._turned = 0.0
        self._hand: tuple[str, float, float] | None = None
        self._image = Gtk.Image(halign=Gtk.Align.START, valign=Gtk.Align.START)
        self._layout = _layout(self._image)
        self.widget = Gtk.Overlay()
        self.widget.add(self._layout)
        self._labels = [
            _label(self.widget, text, side)
            for text, side in ((_("Before"), Gtk.Align.START), (_("After"), Gtk.Align.END))
        ]
        self._listen()

    def _listen(self) -> None:
        for signal, answer in (
            ("size-allocate", self._on_size),
            ("button-press-event", self._on_press),
            ("button-release-event", self._on_release),
            ("motion-notify-event", self._on_motion),
            ("scroll-event", self._on_scroll),
            ("key-press-event", self._on_key),
        ):
            self._layout.connect(signal, answer)

    def draw(self, before: Shot | None, after: Mix[Shot] | None) -> None:
        """Show these from now on."""
        self._before, self._after = before, after
        self.redraw()

    def redraw(self) -> None:
        """Draw again, at once."""
        if self._before is None:
            return
        before = self._before.fit(self.view)
        canvas = before
        if self._after is not None and not self.holding_before:
            canvas = self._mixed(self._after, before)
            if self.split is not None:
                canvas = canvas.copy()
                self._divide(canvas, before)
        self._show(canvas)
        self._show_labels()

    def _mixed(self, mix: Mix[Shot], before: Any) -> Any:
        # Where a result shows less than is seen (the picture was moved), the rest is as before.
        near = mix.near.fit(self.view, None if self._covers(mix.near) else before)
        if mix.share == 0 or mix.near is mix.far:
            return near
        far, mixed = mix.far.fit(self.view), near.copy()
        whole = 0, 0, *self.view.window
        nearest = GdkPixbuf.InterpType.NEAREST
        far.composite(mixed, *whole, 0, 0, 1, 1, nearest, round(255 * mix.share))
        return mixed

    def _covers(self, shot: Shot) -> bool:
        return shot.box == self.view.box()

    def _divide(self, canvas: Any, before: Any) -> None:
        height = self.view.window[1]
        x = self._line()
        if x > 0:
            before.copy_area(0, 0, x, height, canvas, 0, 0)
        one = self._factor()
        middle = height // 2
        _fill(canvas, x - one, 0, 3 * one, height, EDGE)
        _fill(canvas, x, 0, one, height, LINE)
        _fill(canvas, x - 4 * one, middle - 18 * one, 9 * one, 36 * one, EDGE)
        _fill(canvas, x - 3 * one, middle - 17 * one, 7 * one, 34 * one, LINE)

    def _line(self) -> int:
        width = self.view.window[0]
        return min(max(0, round((self.split or 0) * width)), width - 1)

    def _show(self, canvas: Any) -> None:
        factor = self._factor()
        if factor == 1:
            self._image.set_from_pixbuf(canvas)
        else:
            self._image.set_from_surface(Gdk.cairo_surface_create_from_pixbuf(canvas, factor, None))

    def _factor(self) -> int:
        return self._layout.get_scale_factor() if cairo else 1

    def _show_labels(self) -> None:
        split = self._after is not None and self.split is not None and not self.holding_before
        before, after = self._labels
        before.set_visible(split or self.holding_before)
        after.set_visible(split)

    def look(self, view: View) -> None:
        """Show another part of the picture."""
        if view != self.view:
            self.view = view
            self._moved()

    def _on_size(self, _: object, place: Any) -> None:
        factor = self._factor()
        size = place.width * factor, place.height * factor
        if size != self.view.window:
            # Later: a widget that changes its size while it is given one is drawn in its old place.
            GLib.idle_add(self._resize, size)

    def _resize(self, size: tuple[int, int]) -> bool:
        self.look(self.view.resized(size))
        return False

    def _point(self, event: Any) -> tuple[float, float]:
        return event.x * self._factor(), event.y * self._factor()

    def _on_press(self, widget: Any, event: Any) -> bool:
        widget.grab_focus()
        if event.button == 1:
            x, y = self._point(event)
            self._hand = ("line" if self._on_line(x) else "picture"), x, y
            if event.type == Gdk.EventType.DOUBLE_BUTTON_PRESS and not self._on_line(x):
                self._toggle_zoom(x, y)
        return True

    def _toggle_zoom(self, x: float, y: float) -> None:
        fit = self.view.fitting()
        self.look(fit if self.view.zoom > fit.zoom else self.view.zoomed(1.0, (x, y)))

    def _on_line(self, x: float) -> bool:
        return (
            self.split is not None
            and self._after is not None
            and abs(x - self._line()) <= GRIP * self._factor()
        )

    def _on_release(self, *_: object) -> bool:
        self._hand = None
        return True

    def _on_motion(self, widget: Any, event: Any) -> bool:
        x, y = self._point(event)
        if self._hand is None:
            self._set_cursor(widget, "col-resize" if self._on_line(x) else "grab")
            return True
        what, from_x, from_y = self._hand
        self._hand = what, x, y
        if what == "line":
            self.split = min(max(0.0, x / self.view.window[0]), 1.0)
            self.redraw()
        else:
            self.look(self.view.dragged(x - from_x, y - from_y))
        return True

    def _set_cursor(self, widget: Any, name: str) -> None:
        window = widget.get_window()
        window.set_cursor(Gdk.Cursor.new_from_name(window.get_display(), name))

    def _on_scroll(self, _: object, event: Any) -> bool:
        steps = {Gdk.ScrollDirection.UP: 1, Gdk.ScrollDirection.DOWN: -1}.get(event.direction, 0)
        if event.direction == Gdk.ScrollDirection.SMOOTH:
            self._turned -= event.delta_y  # a touchpad turns the wheel little by little
            steps = int(self._turned)
            self._turned -= steps
        self.look(self.view.step(steps, self._point(event)))
        return True

    def _on_key(self, _: object, event: Any) -> bool:
        key = Gdk.keyval_name(event.keyval) or ""
        moves = {"Left": (STEP, 0), "Right": (-STEP, 0), "Up": (0, STEP), "Down": (0, -STEP)}
        if key in moves and event.state & Gdk.ModifierType.SHIFT_MASK and self.split is not None:
            self.split = min(max(0.0, self.split - moves[key][0] / 1000), 1.0)
            self.redraw()
        elif key in moves:
            self.look(self.view.dragged(*moves[key]))
        elif key in ("plus", "equal", "KP_Add", "minus", "KP_Subtract"):
            self.look(self.view.step(-1 if key in ("minus", "KP_Subtract") else 1))
        else:
            return False
        return True


def _fill(canvas: Any, x: int, y: int, width: int, height: int, colour: int) -> None:
    left, top = max(0, x), max(0, y)
    right = min(canvas.get_width(), x + width)
    bottom = min(canvas.get_height(), y + height)
    if right > left and bottom > top:
        canvas.new_subpixbuf(left, top, right - left, bottom - top).fill(colour)


def _layout(image: Any) -> Any:
    # A Gtk.Layout takes the room that there is; the image alone would not let go of its own.
    layout = Gtk.Layout(can_focus=True)
    layout.put(image, 0, 0)
    mask = Gdk.EventMask
    layout.add_events(
        mask.BUTTON_PRESS_MASK
        | mask.BUTTON_RELEASE_MASK
        | mask.POINTER_MOTION_MASK
        | mask.SCROLL_MASK
        | mask.KEY_PRESS_MASK
    )
    layout.set_size_request(320, 240)
    layout.get_accessible().set_name(_("Preview"))
    return layout


def _label(overlay: Any, text: str, side: Any) -> Any:
    label = Gtk.Label(label=text, halign=side, valign=Gtk.Align.START, margin=6, no_show_all=True)
    style(label, OVER_PICTURE)
    overlay.add_overlay(label)
    overlay.set_overlay_pass_through(label, True)
    return label
