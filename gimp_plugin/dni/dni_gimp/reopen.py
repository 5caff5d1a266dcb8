"""Starting again from the recipe that an earlier result carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, GimpUi, Gtk  # noqa: E402

from .recipes import has_shares, settings_of  # noqa: E402
from .results import read_note  # noqa: E402
from .words import _  # noqa: E402

AGAIN, ONCE_MORE = 1, 2  # responses


@dataclass(frozen=True)
class Earlier:
    """How a layer was made, and of what."""

    original: Gimp.Layer
    settings: Mapping[str, Any]
    """The arguments to start from."""


def earlier_of(image: Gimp.Image, layer: Gimp.Layer, *, blend: bool) -> Earlier | None:
    """Return how `layer` was made, if it can be made again by this procedure."""
    note = read_note(layer)
    try:
        if note is None or has_shares(note["recipe"]) is not blend:
            return None
        original = image.get_layer_by_tattoo(int(note["original"]))
        settings = _blend_settings(note) if blend else _restore_settings(image, note)
    except (KeyError, TypeError, ValueError, IndexError):  # written by another version, or damaged
        return None
    if original is None or original == layer or _size(original) != _size(layer):
        return None
    return Earlier(original, settings)


def _restore_settings(image: Gimp.Image, note: Mapping[str, Any]) -> dict[str, Any]:
    inverted = bool(note["invert"]) and note["mask"] != "none"
    settings = settings_of(note["recipe"], invert=inverted)
    drawable = None
    if (tattoo := note["mask-drawable"]) is not None:
        drawable = image.get_layer_by_tattoo(tattoo) or image.get_channel_by_tattoo(tattoo)
    return {**settings, "mask": str(note["mask"]), "mask-drawable": drawable}


def _blend_settings(note: Mapping[str, Any]) -> dict[str, Any]:
    (stage,) = note["recipe"]["stages"]
    return {"pack": str(stage["pack"]), "shares": str(note["shares"])}


def offer(earlier: Earlier) -> int:
    """Ask whether to start again; return AGAIN, ONCE_MORE or another response for neither."""
    GimpUi.init("dni")
    question = _("This layer was made from “{name}”.").format(name=earlier.original.get_name())
    window = Gtk.MessageDialog(message_type=Gtk.MessageType.QUESTION, text=question, title="DNI")
    window.format_secondary_text(
        _("Change its settings, starting again from that layer, or restore this result once more?")
    )
    window.add_button(_("_Cancel"), Gtk.ResponseType.CANCEL)
    window.add_button(_("_Restore once more"), ONCE_MORE)
    window.add_button(_("Change _settings"), AGAIN)
    window.set_default_response(AGAIN)
    response = window.run()
    window.destroy()
    return int(response)


def apply_settings(config: Gimp.ProcedureConfig, earlier: Earlier) -> None:
    """Set the arguments as they were."""
    for name, value in earlier.settings.items():
        config.set_property(name, value)


def _size(layer: Gimp.Layer) -> tuple[int, int]:
    return layer.get_width(), layer.get_height()
