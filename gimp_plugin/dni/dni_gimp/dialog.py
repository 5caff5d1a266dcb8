"""The dialog of "Restore with DNI…"."""

from __future__ import annotations

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
from gi.repository import Gimp, GimpUi, GObject  # noqa: E402

WIDTH = 520  # pixels; a slider that is long enough to set single percents by hand


def ask(
    procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, *, has_mask: bool, has_selection: bool
) -> bool:
    """Show the dialog and return whether the user chose to restore; `config` holds the answers.

    A strength map that the picture does not have cannot be chosen.
    """
    GimpUi.init("dni")
    _offer_maps(procedure, config, {"layer-mask": has_mask, "selection": has_selection})
    dialog = GimpUi.ProcedureDialog.new(procedure, config, "Restore with DNI")
    dialog.set_ok_label("Rest_ore")
    dialog.set_default_size(WIDTH, -1)
    dialog.get_scale_entry("denoise", 1.0)
    dialog.get_scale_entry("outside", 1.0)
    dialog.set_sensitive_if_in("outside", None, "mask", _values("none"), False)
    dialog.fill(["denoise", "mask", "outside", "output"])
    try:
        return bool(dialog.run())
    finally:
        dialog.destroy()


def _offer_maps(
    procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, available: dict[str, bool]
) -> None:
    choice = Gimp.param_spec_choice_get_choice(procedure.find_argument("mask"))
    for nick, is_available in available.items():
        choice.set_sensitive(nick, is_available)
    if not available.get(config.get_property("mask"), True):  # a last value of another picture
        config.set_property("mask", "none")


def _values(*nicks: str) -> Gimp.ValueArray:
    values = Gimp.ValueArray.new(len(nicks))
    for nick in nicks:
        values.append(GObject.Value(GObject.TYPE_STRING, nick))
    return values
