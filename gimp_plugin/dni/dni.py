#!/usr/bin/env python3
"""Restore with DNI: the procedures and menu entries; GIMP starts this file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp, GLib, GObject  # noqa: E402

from dni_gimp import canvas  # noqa: E402
from dni_gimp.link import Link, LinkError, read_command  # noqa: E402
from dni_gimp.session import denoise_recipe, restore  # noqa: E402

RESTORE = "plug-in-dni-restore"
DAEMON = Path(__file__).resolve().with_name("daemon.json")

BLURB = "Remove noise with a network whose weights are blended for the chosen strength"
HELP = (
    "Sends the layer to the DNI daemon on this computer and puts the restored pixels in a new "
    "layer above it, or in its place. With a strength map every pixel gets its own strength: "
    "'denoise' where the map is white, 'outside' where it is black. A new layer always holds the "
    "whole restored layer; pixels are replaced only inside the selection, unless the selection "
    "is the strength map."
)


class Dni(Gimp.PlugIn):  # type: ignore[misc]  # gi has no type stubs
    """GIMP's door to the plug-in."""

    def do_set_i18n(self, procname: str) -> tuple[bool, str | None, str | None]:
        """Tell GIMP that there are no translations yet."""
        return False, None, None

    def do_query_procedures(self) -> list[str]:
        """Name the procedures."""
        return [RESTORE]

    def do_create_procedure(self, name: str) -> Gimp.Procedure:
        """Describe a procedure and its arguments."""
        Gegl.init(None)
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, run, None)
        procedure.set_image_types("RGB*, GRAY*")
        procedure.set_sensitivity_mask(Gimp.ProcedureSensitivityMask.DRAWABLE)
        procedure.set_documentation(BLURB, HELP, None)
        procedure.set_menu_label("Res_tore with DNI…")
        procedure.add_menu_path("<Image>/Filters/Enhance")
        procedure.set_attribution("the dnid authors", "the dnid authors", "2026")
        _add_arguments(procedure)
        return procedure


def _add_arguments(procedure: Gimp.Procedure) -> None:
    flags = GObject.ParamFlags.READWRITE
    procedure.add_double_argument(
        "denoise",
        "Re_move noise",
        "How much noise to remove: 0 leaves the picture as it is, 100 is for the noisiest photos",
        0.0,
        100.0,
        50.0,
        flags,
    )
    procedure.add_choice_argument(
        "mask",
        "Strength ma_p",
        "Gives each pixel its own strength, from black to white",
        _choice(
            ("none", "None: the same everywhere", ""),
            ("layer-mask", "Layer mask", "The layer's own mask"),
            ("selection", "Selection", "What is selected is white"),
        ),
        "none",
        flags,
    )
    procedure.add_double_argument(
        "outside",
        "Where the map is _black",
        "How much noise to remove where the strength map is black",
        0.0,
        100.0,
        0.0,
        flags,
    )
    procedure.add_choice_argument(
        "output",
        "Resul_t",
        "Where the restored picture goes",
        _choice(
            ("new-layer", "New layer above", "The layer stays as it is"),
            ("replace", "Replace this layer's pixels", "Only inside the selection, if any"),
        ),
        "new-layer",
        flags,
    )


def _choice(*options: tuple[str, str, str]) -> Gimp.Choice:
    choice = Gimp.Choice.new()
    for number, (nick, label, help_text) in enumerate(options):
        choice.add(nick, number, label, help_text)
    return choice


def run(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    image: Gimp.Image,
    drawables: list[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
    data: object,
) -> Gimp.ValueArray:
    """Answer a call of the procedure; every error that is known becomes one plain sentence."""
    status, error = Gimp.PDBStatusType.SUCCESS, GLib.Error()
    try:
        layer = canvas.layer_of(drawables)
        with Link(read_command(DAEMON)) as link:  # a daemon that must start does so meanwhile
            if run_mode == Gimp.RunMode.INTERACTIVE and not _ask(procedure, config, image, layer):
                status = Gimp.PDBStatusType.CANCEL
            else:
                restore_layer(link, image, layer, config)
    except (canvas.Refused, LinkError) as refusal:
        status = Gimp.PDBStatusType.EXECUTION_ERROR
        error = GLib.Error(str(refusal))
    return procedure.new_return_values(status, error)


def _ask(
    procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, image: Gimp.Image, layer: Gimp.Layer
) -> bool:
    from dni_gimp import dialog  # GTK is loaded only for a call that may show a window

    return dialog.ask(
        procedure,
        config,
        has_mask=layer.get_mask() is not None,
        has_selection=not Gimp.Selection.is_empty(image),
    )


def restore_layer(
    link: Link, image: Gimp.Image, layer: Gimp.Layer, config: Gimp.ProcedureConfig
) -> None:
    """Restore `layer` as `config` says.

    A cancel needs no code: GIMP kills this process, the bridge sees its input end and cancels
    the job; up to the last lines nothing has been written.
    """
    replace = config.get_property("output") == "replace"
    choice = config.get_property("mask")
    recipe = denoise_recipe(config.get_property("denoise"), config.get_property("outside"))
    canvas.check_target(image, layer, replace=replace)
    mask = canvas.strength_map(image, layer, choice)
    encoding = canvas.encoding_of(image, layer)
    Gimp.progress_init("Restoring with DNI")
    result = restore(link, recipe, canvas.read(layer, encoding), mask, _show_progress)
    if result.layout != encoding.layout:
        raise LinkError("bad-image", "The daemon's result has another size; nothing was changed.")
    if replace:
        whole = choice == "selection"
        canvas.replace_pixels(image, layer, encoding, result.pixels, whole=whole)
    else:
        note = json.dumps({"recipe": recipe, "mask": choice, "packs": result.packs})
        canvas.add_layer(image, layer, encoding, result.pixels, note)
    Gimp.progress_end()
    Gimp.displays_flush()


def _show_progress(text: str, fraction: float | None) -> None:
    Gimp.progress_set_text(text)
    if fraction is None:
        Gimp.progress_pulse()
    else:
        Gimp.progress_update(fraction)


if __name__ == "__main__":
    Gimp.main(Dni.__gtype__, sys.argv)
