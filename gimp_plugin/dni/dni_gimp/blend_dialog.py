"""The dialog of "Blend a model pack…": one slider an anchor over the studio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, Gtk  # noqa: E402

from .blend import (  # noqa: E402
    anchors_of,
    blend_recipe,
    blendable,
    find_pack,
    moved,
    read_shares,
    write_shares,
)
from .dialog import OpenLink, Studio  # noqa: E402
from .looks import align  # noqa: E402
from .parcel import Target  # noqa: E402
from .recipes import Refused, Table  # noqa: E402
from .rows import Slider, labelled  # noqa: E402
from .words import _  # noqa: E402


class BlendDialog:
    """Asks for a pack and the shares of its anchors; the config holds the answers."""

    def __init__(
        self,
        procedure: Gimp.Procedure,
        config: Gimp.ProcedureConfig,
        target: Target,
        open_link: OpenLink,
    ) -> None:
        self._config = config
        self._packs: list[Mapping[str, Any]] = []
        self._pack: Mapping[str, Any] | None = None
        self._shares: list[float] = []
        self._sliders: list[Slider] = []
        self._following = False
        self.studio = Studio(procedure, config, target, open_link, _("Blend a model pack"))
        self._combo = Gtk.ComboBoxText(hexpand=True)
        self._combo.connect("changed", self._on_pack)
        labelled(self.studio.grid, 0, _("_Pack"), self._combo)
        self.studio.recipe = self.recipe
        self.studio.arranged = self._follow
        self.studio.packs_known = self._know_packs

    def recipe(self) -> Table:
        """Return what is set, as soon as the packs are known."""
        return blend_recipe(self._pack, self._shares) if self._pack else {"stages": []}

    def _know_packs(self, packs: list[Mapping[str, Any]]) -> None:
        self._packs = blendable(packs)
        self._following = True
        self._combo.remove_all()
        for pack in self._packs:
            self._combo.append(pack["id"], f"{pack.get('name', pack['id'])} ({pack['id']})")
        self._following = False
        self._follow()

    def _on_pack(self, combo: Gtk.ComboBoxText) -> None:
        if not self._following and combo.get_active_id():
            self._config.set_property("shares", "")
            self._config.set_property("pack", combo.get_active_id())

    def _follow(self) -> None:
        """Show what the arguments say; a pack that is not installed becomes the first one."""
        if not self._packs:
            return
        try:
            pack = find_pack(self._packs, self._config.get_property("pack"))
        except Refused:
            pack = self._packs[0]
            self._config.set_property("pack", pack["id"])
        if pack is not self._pack:
            self._pack = pack
            self._build(pack)
        try:
            shares = read_shares(self._config.get_property("shares"), anchors_of(pack))
        except Refused:  # those of another pack
            self._config.set_property("shares", "")
            shares = read_shares("", anchors_of(pack))
        self._show(pack, shares)

    def _show(self, pack: Mapping[str, Any], shares: list[float]) -> None:
        self._shares, self._following = shares, True
        self._combo.set_active_id(pack["id"])
        for slider, share in zip(self._sliders, shares, strict=True):
            slider.adjustment.set_value(100 * share)
        self._following = False

    def _build(self, pack: Mapping[str, Any]) -> None:
        grid = self.studio.grid
        while self._sliders:
            self._sliders.pop()
            grid.remove_row(1)
        for row, anchor in enumerate(pack["anchors"]):
            name, about = str(anchor["name"]), str(anchor.get("about", ""))
            label = Gtk.Label(label=name, halign=Gtk.Align.START, tooltip_text=about)
            grid.attach(label, 0, 1 + row, 1, 1)
            slider = Slider(grid, 1 + row, about or name)
            slider.scale.get_accessible().set_name(name)
            slider.adjustment.connect("value-changed", self._on_moved, row)
            self._sliders.append(slider)
        align(self.studio.names, grid)
        grid.show_all()

    def _on_moved(self, adjustment: Gtk.Adjustment, row: int) -> None:
        if self._following or self._pack is None:
            return
        shares = moved(self._shares, row, adjustment.get_value() / 100)
        text = write_shares(anchors_of(self._pack), shares)
        self._config.set_property("pack", self._pack["id"])
        self._config.set_property("shares", text)
