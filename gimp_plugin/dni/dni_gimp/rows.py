"""The dialog's controls, bound to the procedure's arguments: moving one sets the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gimp", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gimp, GObject, Gtk  # noqa: E402

from .arguments import BLACK, BLURBS, NAMES  # noqa: E402
from .looks import SMALL_NUMBER, reserve, style  # noqa: E402
from .recipes import SCALES, Effect, is_on  # noqa: E402
from .words import _  # noqa: E402

SCALE_WIDTH = 190  # pixels: long enough to set single percents by hand
BOTH_WAYS = GObject.BindingFlags.BIDIRECTIONAL | GObject.BindingFlags.SYNC_CREATE


class Slider:
    """A scale with a number entry, 0..`upper`, for one adjustment."""

    def __init__(self, grid: Gtk.Grid, row: int, help_text: str, upper: float = 100.0) -> None:
        digits = 0 if upper > 1 else 2
        self.adjustment = Gtk.Adjustment(
            lower=0, upper=upper, step_increment=upper / 100, page_increment=upper / 10
        )
        self.scale = Gtk.Scale(adjustment=self.adjustment, digits=digits, draw_value=False)
        self.scale.set_size_request(SCALE_WIDTH, -1)
        self.scale.set_hexpand(True)
        self.entry = Gtk.SpinButton(adjustment=self.adjustment, digits=digits, width_chars=3)
        style(self.entry, SMALL_NUMBER)
        for column, widget in enumerate((self.scale, self.entry), start=1):
            widget.set_tooltip_text(help_text)
            widget.set_valign(Gtk.Align.CENTER)
            grid.attach(widget, column, row, 1, 1)

    def bind(self, config: Gimp.ProcedureConfig, name: str, label: Gtk.Widget) -> None:
        """Let it set this argument; a double click on its label brings the default back."""
        config.bind_property(name, self.adjustment, "value", BOTH_WAYS)
        default = config.find_property(name).get_default_value()
        hint = _("Double click: {value:.0f} again").format(value=default)
        about = label.get_tooltip_text()
        label.set_tooltip_text(f"{about}\n{hint}" if about else hint)
        label.connect("button-press-event", self._on_press, default)

    def _on_press(self, _: Gtk.Widget, event: Gdk.EventButton, default: float) -> bool:
        twice = event.type == Gdk.EventType.DOUBLE_BUTTON_PRESS
        if twice:
            self.adjustment.set_value(default)
        return bool(twice)

    def set_sensitive(self, sensitive: bool) -> None:
        """Let it be moved or not."""
        self.scale.set_sensitive(sensitive)
        self.entry.set_sensitive(sensitive)

    def set_visible(self, visible: bool) -> None:
        """Show it or not."""
        for widget in (self.scale, self.entry):
            widget.set_no_show_all(not visible)
            widget.set_visible(visible)


class EffectRow:
    """One effect: its switch, its slider, Auto, and a second slider where the map is black."""

    HEIGHT = 3  # rows of the grid

    def __init__(
        self, config: Gimp.ProcedureConfig, effect: Effect, grid: Gtk.Grid, row: int
    ) -> None:
        self._config, self._effect = config, effect
        self.missing: set[int] = set()
        """The scales (1: no upscaling) for which no pack is installed."""
        self._ask_daemon: Callable[[Effect], None] | None = None
        self._proposing = False
        blurb = BLURBS[effect.strength]
        self._switch = self._make_switch(grid, row)
        row = row if effect.on else row + 1
        self._slider = Slider(grid, row, blurb)
        name: Gtk.Widget = (
            self._switch if effect.on else _name(grid, row, NAMES[effect.strength], blurb)
        )
        if not effect.on:
            name.get_child().set_mnemonic_widget(self._slider.scale)
        self._slider.bind(config, effect.strength, name)
        self._slider.scale.get_accessible().set_name(NAMES[effect.strength].replace("_", ""))
        self.auto = self._make_auto(grid, row)
        black = _("The same where the strength map is black")
        self._outside = Slider(grid, row + 1, black)
        self._black = _name(grid, row + 1, BLACK, black)
        self._black.set_margin_start(24)
        self._outside.bind(config, effect.outside, self._black)
        self._outside.scale.get_accessible().set_name(BLACK)
        reserve(name, self._black)
        self._lack = Gtk.Label(halign=Gtk.Align.START, xalign=0, ellipsize=3)
        self._lack.set_no_show_all(True)
        self._lack.get_style_context().add_class("dim-label")
        grid.attach(self._lack, 0, row + 2, 4, 1)

    def _make_switch(self, grid: Gtk.Grid, row: int) -> Any:
        if self._effect.on:
            switch = Gtk.CheckButton.new_with_mnemonic(NAMES[self._effect.strength])
            switch.set_tooltip_text(BLURBS[self._effect.strength])
            self._config.bind_property(self._effect.on, switch, "active", BOTH_WAYS)
            grid.attach(switch, 0, row, 1, 1)
            return switch
        scales = ScaleButtons(self._config)
        scales.label.set_halign(Gtk.Align.START)
        grid.attach(scales.label, 0, row, 1, 1)
        grid.attach(scales.widget, 1, row, 2, 1)
        return scales

    def _make_auto(self, grid: Gtk.Grid, row: int) -> Any:
        if not self._effect.auto:
            return None
        auto = Gtk.ToggleButton(label=_("Auto"), opacity=0)  # it keeps its place
        auto.set_tooltip_text(_("Let the network look at the picture and choose the strength"))
        self._config.bind_property(self._effect.auto, auto, "active", BOTH_WAYS)
        auto.connect("toggled", lambda _: self._ask())
        self._slider.adjustment.connect("value-changed", self._on_moved)
        grid.attach(auto, 3, row, 1, 1)
        return auto

    def ask_for(self, ask: Callable[[Effect], None]) -> None:
        """Let Auto be used: `ask` asks for a proposal, which goes to `propose`."""
        self._ask_daemon = ask
        if self.auto:
            self.auto.set_opacity(1)
            self._ask()

    def _ask(self) -> None:
        if self._ask_daemon and self.auto.get_active():
            self._ask_daemon(self._effect)

    def propose(self, strength: float) -> None:
        """Set the slider to what the daemon proposes (0..1)."""
        self._proposing = True
        self._config.set_property(self._effect.strength, round(100 * strength, 1))
        self._proposing = False

    def _on_moved(self, _: object) -> None:
        if not self._proposing:  # a hand on the slider takes over
            self.auto.set_active(False)

    def update(self, settings: dict[str, Any]) -> None:
        """Show what can be set under these settings."""
        on, lacks = is_on(self._effect, settings), self._lacks()
        masked = settings["mask"] != "none"
        self._slider.set_sensitive(on and not lacks)
        for part in (self._black, self._outside):
            part.set_visible(masked and on and not lacks)
        self._lack.set_visible(bool(self.missing))
        self._switch.set_sensitive(not lacks)
        if isinstance(self._switch, ScaleButtons):
            self._switch.lack(self.missing)
        if self.auto:
            self.auto.set_sensitive(on and not lacks and self._ask_daemon is not None)
        if self.missing:
            self._lack.set_text(_lack_text(self.missing))

    def _lacks(self) -> bool:
        return self.missing >= ({1} if self._effect.on else {2, 4})


def _name(grid: Gtk.Grid, row: int, text: str, about: str) -> Gtk.EventBox:
    """Put a slider's name before it, in a box, since a label alone hears no mouse."""
    label = Gtk.Label.new_with_mnemonic(text)
    label.set_halign(Gtk.Align.START)
    box = Gtk.EventBox(visible_window=False, tooltip_text=about)
    box.add(label)
    grid.attach(box, 0, row, 1, 1)
    return box


def _lack_text(missing: set[int]) -> str:
    if missing & {2, 4} and not missing >= {2, 4}:
        scale = next(iter(missing))
        text = _("×{scale} is not installed; to get it: dnid packs add FILE")
        return str(text.format(scale=scale))
    return str(_("Not installed; to get it: dnid packs add FILE"))


class ScaleButtons:
    """×1, ×2, ×4: one of them is down."""

    def __init__(self, config: Gimp.ProcedureConfig) -> None:
        self._config = config
        self.label = Gtk.Label.new_with_mnemonic(_("_Upscale"))
        self.widget = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL)
        self.widget.get_style_context().add_class("linked")
        self._buttons: dict[str, Gtk.RadioButton] = {}
        first = None
        for nick, times in SCALES.items():
            first = button = Gtk.RadioButton.new_with_label_from_widget(first, f"×{times}")
            button.set_mode(False)
            button.connect("toggled", self._on_toggled, nick)
            self.widget.pack_start(button, False, False, 0)
            self._buttons[nick] = button
        self.label.set_mnemonic_widget(self._buttons["x1"])
        config.connect("notify::scale", lambda *_: self._follow())
        self._follow()

    def _on_toggled(self, button: Gtk.RadioButton, nick: str) -> None:
        if button.get_active() and self._config.get_property("scale") != nick:
            self._config.set_property("scale", nick)

    def _follow(self) -> None:
        self._buttons[self._config.get_property("scale")].set_active(True)

    def set_sensitive(self, sensitive: bool) -> None:
        """×1 can always be chosen."""

    def lack(self, missing: set[int]) -> None:
        """Let only what is there be chosen."""
        for nick, button in self._buttons.items():
            button.set_sensitive(SCALES[nick] not in missing)


def choice_combo(
    config: Gimp.ProcedureConfig, name: str, options: tuple[tuple[str, str], ...]
) -> Gtk.ComboBoxText:
    """Return a combo box for a choice between (nick, label)."""
    combo = Gtk.ComboBoxText()
    for nick, label in options:
        combo.append(nick, label)
    config.bind_property(name, combo, "active-id", BOTH_WAYS)
    return combo


def labelled(grid: Gtk.Grid, row: int, text: str, widget: Gtk.Widget) -> Gtk.Label:
    """Put a widget into the grid with its name, which has a mnemonic, before it."""
    label = Gtk.Label.new_with_mnemonic(text)
    label.set_halign(Gtk.Align.START)
    label.set_mnemonic_widget(widget)
    grid.attach(label, 0, row, 1, 1)
    grid.attach(widget, 1, row, 3, 1)
    return label
