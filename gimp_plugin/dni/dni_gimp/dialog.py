"""The dialog of "Restore with DNI…"."""

from __future__ import annotations

from typing import Any

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
from gi.repository import Gimp, GimpUi, GObject  # noqa: E402


def ask(procedure: Any, config: Any) -> bool:
    """Show the dialog and return whether the user chose to restore; `config` holds the answers."""
    GimpUi.init("dni")
    dialog = GimpUi.ProcedureDialog.new(procedure, config, "Restore with DNI")
    dialog.set_ok_label("_Restore")
    dialog.get_scale_entry("denoise", 1.0)
    dialog.get_scale_entry("outside", 1.0)
    dialog.set_sensitive_if_in("outside", None, "mask", _values("none"), False)
    dialog.fill(["denoise", "mask", "outside", "output"])
    try:
        return bool(dialog.run())
    finally:
        dialog.destroy()


def _values(*nicks: str) -> Any:
    values = Gimp.ValueArray.new(len(nicks))
    for nick in nicks:
        values.append(GObject.Value(GObject.TYPE_STRING, nick))
    return values
