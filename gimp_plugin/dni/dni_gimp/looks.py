"""What the theme does not settle: names over the picture, small numbers, columns that align."""

from __future__ import annotations

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GLib, Gtk  # noqa: E402

# A light theme writes in black, also on the dark ground that names over the picture need.
OVER_PICTURE = """
label { color: #fff; background-color: rgba(0, 0, 0, 0.6); border-radius: 3px; padding: 1px 6px; }
"""
SMALL_NUMBER = """
spinbutton button { min-width: 12px; padding: 0 3px; }
spinbutton entry { min-width: 24px; }
"""
LEAST = 1180, 680  # pixels of the dialog; fits a laptop of 1366 × 768
SHARE = 0.8  # of a larger screen


def style(widget: Gtk.Widget, css: str) -> None:
    """Give one widget, and nothing inside of it, these looks."""
    provider = Gtk.CssProvider()
    provider.load_from_data(css.encode())
    widget.get_style_context().add_provider(provider, Gtk.STYLE_PROVIDER_PRIORITY_APPLICATION)


def align(names: Gtk.SizeGroup, grid: Gtk.Grid) -> None:
    """Let the first column of this grid be as wide as those of other grids of the group."""
    for child in grid.get_children():
        column, width = (grid.child_get_property(child, what) for what in ("left-attach", "width"))
        if (column, width) == (0, 1):
            names.add_widget(child)
            if isinstance(child, Gtk.Label):
                child.set_xalign(0)


def reserve(name: Gtk.Widget, lodger: Gtk.Widget) -> None:
    """Make a name as wide as it or another one that may come below it will ever be.

    GIMP's theme writes what is switched on in bold. A column that grew would move the picture.
    """
    for widget in (name, lodger):
        widget.show_all()  # only what is shown has a size
    label = name.get_child()
    layout = label.create_pango_layout("")
    layout.set_markup(f"<b>{GLib.markup_escape_text(label.get_text())}</b>", -1)
    more = layout.get_pixel_size()[0] - label.get_layout().get_pixel_size()[0]
    widths = name.get_preferred_width()[1] + max(0, more), lodger.get_preferred_width()[1]
    name.set_size_request(max(widths), -1)


def dialog_size() -> tuple[int, int]:
    """Return how large the dialog begins: the picture gets what a large screen offers."""
    display = Gdk.Display.get_default()
    monitor = display.get_primary_monitor() or display.get_monitor(0)
    room = monitor.get_workarea()
    wide, high = (round(SHARE * side) for side in (room.width, room.height))
    return max(LEAST[0], wide), max(LEAST[1], high)
