#!/usr/bin/env python3
"""Restore with DNI: the procedures and menu entries; GIMP starts this file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp, GLib  # noqa: E402

from dni_gimp import canvas  # noqa: E402
from dni_gimp.arguments import (  # noqa: E402
    FLAGS,
    add_blend_arguments,
    add_restore_arguments,
    values_of,
)
from dni_gimp.link import Link, LinkError, read_command  # noqa: E402
from dni_gimp.recipes import Refused  # noqa: E402
from dni_gimp.words import _  # noqa: E402
from dni_gimp.work import blend_task, perform, restore_task, success  # noqa: E402

RESTORE = "plug-in-dni-restore"
BLEND = "plug-in-dni-blend"
DAEMON = Path(__file__).resolve().with_name("daemon.json")

BLURB = _("Remove JPEG traces and noise, and upscale, with networks blended for each strength")
HELP = _(
    "Sends the layer to the DNI daemon on this computer and puts the restored pixels in a new "
    "layer above it, or in its place. Strengths are 0 to 100. With a strength map every pixel "
    "gets its own: the effect's strength where the map is white, its -outside strength where it "
    "is black. A new layer always holds the whole restored layer; pixels are replaced only "
    "inside the selection, unless the selection is the strength map. Upscaling makes a new "
    "picture, or scales this one. Returns the layer with the result."
)


BLEND_BLURB = _("Blend the networks of any installed pack by hand, one share for each")
BLEND_HELP = _(
    "Restores the layer with the mean of a pack's anchors, weighted by their shares, which are "
    "made to sum to 1. Returns the layer with the result."
)


class Dni(Gimp.PlugIn):  # type: ignore[misc]  # gi has no type stubs
    """GIMP's door to the plug-in."""

    def do_set_i18n(self, procname: str) -> tuple[bool, str | None, str | None]:
        """Tell GIMP that the words are translated here, by Python's gettext."""
        return False, None, None

    def do_query_procedures(self) -> list[str]:
        """Name the procedures."""
        return [RESTORE, BLEND]

    def do_create_procedure(self, name: str) -> Gimp.Procedure:
        """Describe a procedure and its arguments."""
        Gegl.init(None)
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, run, None)
        procedure.set_image_types("RGB*, GRAY*")
        procedure.set_sensitivity_mask(Gimp.ProcedureSensitivityMask.DRAWABLE)
        if name == BLEND:
            procedure.set_documentation(BLEND_BLURB, BLEND_HELP, None)
            procedure.set_menu_label(_("_Blend a model pack…"))
            add_blend_arguments(procedure)
        else:
            procedure.set_documentation(BLURB, HELP, None)
            procedure.set_menu_label(_("Res_tore with DNI…"))
            add_restore_arguments(procedure)
        procedure.add_menu_path("<Image>/Filters/Enhance")
        procedure.set_attribution("the dnid authors", "the dnid authors", "2026")
        blurb = _("The layer with the restored pixels")
        procedure.add_layer_return_value("result", _("Result"), blurb, True, FLAGS)
        return procedure


def open_link(wake: Callable[[], None] = lambda: None) -> Link:
    """Start the bridge that the installer has named."""
    return Link(read_command(DAEMON), wake)


def run(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    image: Gimp.Image,
    drawables: list[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
    data: object,
) -> Gimp.ValueArray:
    """Answer a call of a procedure; every error that is known becomes one plain sentence."""
    blend = procedure.get_name() == BLEND
    try:
        layer = canvas.layer_of(drawables)
        if run_mode == Gimp.RunMode.INTERACTIVE:
            from dni_gimp import interactive  # GTK is loaded only for a call that shows a window

            return interactive.run(procedure, config, image, layer, open_link, blend=blend)
        canvas.check_content(layer)
        with open_link() as link:
            prepare = blend_task if blend else restore_task
            result = perform(link, prepare(link, image, layer, values_of(config)))
    except (Refused, LinkError) as refusal:
        status = Gimp.PDBStatusType.EXECUTION_ERROR
        return procedure.new_return_values(status, GLib.Error(str(refusal)))
    Gimp.displays_flush()
    return success(procedure, result)


if __name__ == "__main__":
    Gimp.main(Dni.__gtype__, sys.argv)
