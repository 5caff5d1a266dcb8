"""The procedures' arguments: what the PDB shows, with ranges, defaults and their help."""

from __future__ import annotations

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GObject  # noqa: E402

from .recipes import EFFECTS, Effect  # noqa: E402
from .words import _  # noqa: E402

FLAGS = GObject.ParamFlags.READWRITE
PERCENT = 0.0, 100.0
STRENGTH = 50.0  # percent, until the user says otherwise

NAMES = {
    "dejpeg": _("Remove _JPEG traces"),
    "denoise": _("Remove _noise"),
    "dof": _("Blur the bac_kground"),
    "sharpness": _("Shar_pness"),
}
BLURBS = {
    "dejpeg": _("How strongly blocks and ringing of JPEG compression are removed"),
    "denoise": _("How much noise to remove: 100 is for the noisiest photos"),
    "dof": _("How shallow the depth of field becomes"),
    "sharpness": _("0: faithful and soft, 100: crisp, with texture that the network invents"),
}
_GIMPS_OWN = ("procedure", "run-mode", "image", "drawables")
BLACK = _("… where black")


def add_restore_arguments(procedure: Gimp.Procedure) -> None:
    """Give `plug-in-dni-restore` its arguments."""
    for effect in EFFECTS:
        if effect.on is None:
            _add_scale(procedure)
        _add_effect(procedure, effect)
    add_map_arguments(procedure)
    add_output_arguments(procedure)


def _add_effect(procedure: Gimp.Procedure, effect: Effect) -> None:
    name, blurb = NAMES[effect.strength], BLURBS[effect.strength]
    if effect.on:
        procedure.add_boolean_argument(effect.on, name, name, effect.on == "denoise-on", FLAGS)
    procedure.add_double_argument(effect.strength, name, blurb, *PERCENT, STRENGTH, FLAGS)
    black = _("The same where the strength map is black")
    procedure.add_double_argument(effect.outside, BLACK, black, *PERCENT, 0.0, FLAGS)
    if effect.auto:
        auto = _("Let the network look at the picture and choose the strength")
        procedure.add_boolean_argument(effect.auto, _("Auto"), auto, False, FLAGS)


def _add_scale(procedure: Gimp.Procedure) -> None:
    choice = choice_of(("x1", "×1", ""), ("x2", "×2", ""), ("x4", "×4", ""))
    blurb = _("How many times wider and higher the result is")
    procedure.add_choice_argument("scale", _("_Upscale"), blurb, choice, "x1", FLAGS)


def add_blend_arguments(procedure: Gimp.Procedure) -> None:
    """Give `plug-in-dni-blend` its arguments."""
    blurb = _("The pack's id, as in “dnid packs”; nothing: the first one")
    procedure.add_string_argument("pack", _("_Pack"), blurb, "", FLAGS)
    blurb = _("Anchors and their shares, as in “n20=0.25 n40=0.75”; nothing: all the same")
    procedure.add_string_argument("shares", _("Shares"), blurb, "", FLAGS)
    add_output_arguments(procedure)


def add_map_arguments(procedure: Gimp.Procedure) -> None:
    """Let the procedure take a strength map."""
    choice = choice_of(
        ("none", _("None: the same everywhere"), ""),
        ("layer-mask", _("Layer mask"), _("The layer's own mask")),
        ("selection", _("Selection"), _("What is selected is white")),
        ("drawable", _("Another channel or layer"), _("The one in mask-drawable")),
    )
    blurb = _("Gives each pixel its own strength, from black to white")
    procedure.add_choice_argument("mask", _("Strength _map"), blurb, choice, "none", FLAGS)
    blurb = _("A channel, or a layer of the same size, for the strength map 'drawable'")
    procedure.add_drawable_argument("mask-drawable", _("Map"), blurb, True, FLAGS)
    blurb = _("Exchange black and white in the strength map")
    procedure.add_boolean_argument("invert", _("In_vert"), blurb, False, FLAGS)


def add_output_arguments(procedure: Gimp.Procedure) -> None:
    """Let the procedure put its result where the user wants it."""
    choice = choice_of(
        ("new-layer", _("New layer above"), _("The layer stays as it is")),
        ("replace", _("Replace this layer's pixels"), _("Only inside the selection, if any")),
    )
    blurb = _("Where the restored picture goes")
    procedure.add_choice_argument("output", _("Resul_t"), blurb, choice, "new-layer", FLAGS)
    choice = choice_of(
        ("new-image", _("New picture"), _("This picture stays as it is")),
        ("this-image", _("Scale this picture"), _("With all its layers, guides and paths")),
    )
    blurb = _("Where an upscaled picture goes")
    procedure.add_choice_argument("enlarge", _("Resul_t"), blurb, choice, "new-image", FLAGS)


def choice_of(*options: tuple[str, str, str]) -> Gimp.Choice:
    """Return a choice between (nick, label, help), numbered from 0."""
    choice = Gimp.Choice.new()
    for number, (nick, label, help_text) in enumerate(options):
        choice.add(nick, number, label, help_text)
    return choice


def values_of(config: Gimp.ProcedureConfig) -> dict[str, object]:
    """Return the values of all arguments of `config`, by name."""
    names = [spec.name for spec in config.list_properties()]
    values = {name: config.get_property(name) for name in names if name not in _GIMPS_OWN}
    return {"mask": "none", "mask-drawable": None, "invert": False, **values}
