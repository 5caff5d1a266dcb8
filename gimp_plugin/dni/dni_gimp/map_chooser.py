"""The controls of the strength map."""

from __future__ import annotations

from collections.abc import Callable

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, Gtk  # noqa: E402

from . import maps  # noqa: E402
from .recipes import Refused  # noqa: E402
from .rows import BOTH_WAYS, labelled  # noqa: E402
from .words import _  # noqa: E402

THUMBNAIL = 64  # pixels


class MapChooser:
    """Which drawable is the strength map, whether it is inverted, and what it looks like."""

    def __init__(self, config: Gimp.ProcedureConfig, image: Gimp.Image, layer: Gimp.Layer) -> None:
        self._config, self._image, self._layer = config, image, layer
        self._drawables = maps.drawables(image, layer)
        self.combo = Gtk.ComboBoxText()
        self.combo.append("none", _("None: the same everywhere"))
        if layer.get_mask() is not None:
            self.combo.append("layer-mask", _("Layer mask"))
        if not Gimp.Selection.is_empty(image):
            self.combo.append("selection", _("Selection"))
        for name, drawable in self._drawables:
            self.combo.append(str(drawable.get_id()), name)
        self.combo.set_tooltip_text(_("Gives each pixel its own strength, from black to white"))
        for cell in self.combo.get_cells():
            cell.set_property("ellipsize", 3)  # Pango.EllipsizeMode.END
        self.invert = Gtk.CheckButton.new_with_mnemonic(_("In_vert"))
        self.invert.set_tooltip_text(_("Exchange black and white in the strength map"))
        config.bind_property("invert", self.invert, "active", BOTH_WAYS)
        self.find = Gtk.Button.new_with_mnemonic(_("Fin_d subject"))
        self.find.set_tooltip_text(
            _("Make a layer mask that is black where the subject is: it stays sharp")
        )
        self.find.set_no_show_all(True)
        self.thumbnail = Gtk.Image(no_show_all=True)
        self.thumbnail.set_tooltip_text(_("The strength map: white has the full strength"))
        self.combo.connect("changed", lambda *_: self._choose())
        self.follow()

    def attach(self, grid: Gtk.Grid) -> None:
        """Take two rows of the grid."""
        self.combo.set_hexpand(True)
        labelled(grid, 0, _("Strength _map"), self.combo)
        row = Gtk.Box(spacing=8)
        self.find.set_valign(Gtk.Align.CENTER)  # the thumbnail is higher
        row.pack_start(self.invert, False, False, 0)
        row.pack_start(self.find, False, False, 0)
        row.pack_end(self.thumbnail, False, False, 0)
        grid.attach(row, 1, 1, 3, 1)

    def offer(self, find: Callable[[], None]) -> None:
        """Let the subject be found."""
        self.find.connect("clicked", lambda _: find())
        self.find.show()

    def choose(self, made: Gimp.Drawable) -> None:
        """Take a mask or channel that was just made."""
        if isinstance(made, Gimp.LayerMask):
            self.combo.insert(1, "layer-mask", _("Layer mask"))
            self.combo.set_active_id("layer-mask")
            return
        self._drawables = maps.drawables(self._image, self._layer)
        name = next(name for name, drawable in self._drawables if drawable == made)
        self.combo.append(str(made.get_id()), name)
        self.combo.set_active_id(str(made.get_id()))

    def follow(self) -> None:
        """Show what the arguments say; a map that this picture does not have becomes none."""
        choice = self._config.get_property("mask")
        drawable = self._config.get_property("mask-drawable")
        if choice == "drawable":
            choice = "none" if drawable is None else str(drawable.get_id())
        if not self.combo.set_active_id(choice):
            choice = "none"
            self.combo.set_active_id(choice)
        if choice == "none" and self._config.get_property("mask") != "none":
            # The list says nothing where it has shown "none" before, so it is told here.
            self._config.set_property("mask", "none")
        self.invert.set_sensitive(choice != "none")

    def _choose(self) -> None:
        choice = self.combo.get_active_id()
        chosen = {str(drawable.get_id()): drawable for _name, drawable in self._drawables}
        if choice in chosen:
            self._config.set_property("mask-drawable", chosen[choice])
            self._config.set_property("mask", "drawable")
        elif choice:
            self._config.set_property("mask", choice)
        self._show_thumbnail()

    def found(self) -> maps.StrengthMap | None:
        """Return the map that is chosen."""
        get = self._config.get_property
        return maps.find_map(self._image, self._layer, get("mask"), get("mask-drawable"))

    def _show_thumbnail(self) -> None:
        try:
            found = self.found()
        except Refused:  # the preview asks for it too, and says why
            found = None
        self.thumbnail.set_visible(found is not None)
        if found is not None:
            size = self._layer.get_width(), self._layer.get_height()
            invert = self._config.get_property("invert")
            self.thumbnail.set_from_pixbuf(found.thumbnail(size, THUMBNAIL, invert=invert))

    def update(self) -> None:
        """Follow a change of the arguments."""
        self.follow()
        self._show_thumbnail()
