"""A call with a window: ask, restore, and tell what went wrong, with a way to the log."""

from __future__ import annotations

from contextlib import suppress

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GLib  # noqa: E402

from . import canvas, reopen  # noqa: E402
from .arguments import values_of  # noqa: E402
from .blend_dialog import BlendDialog  # noqa: E402
from .dialog import OpenLink, Studio  # noqa: E402
from .link import LinkError  # noqa: E402
from .notices import tell_error  # noqa: E402
from .parcel import Target  # noqa: E402
from .restore_dialog import RestoreDialog  # noqa: E402
from .work import Task, perform, success  # noqa: E402


def run(
    procedure: Gimp.Procedure,
    config: Gimp.ProcedureConfig,
    image: Gimp.Image,
    layer: Gimp.Layer,
    open_link: OpenLink,
    *,
    blend: bool,
) -> Gimp.ValueArray:
    """Ask for the strengths, or the shares, and restore the layer."""
    result = None
    earlier = None
    again = reopen.earlier_of(image, layer, blend=blend)
    if again is not None:
        response = reopen.offer(again)
        if response == reopen.AGAIN:
            reopen.apply_settings(config, again)
            layer, earlier = again.original, layer
        elif response != reopen.ONCE_MORE:
            return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error())
    canvas.check_content(layer)
    target = Target(image, layer, canvas.encoding_of(image, layer))
    dialog = (BlendDialog if blend else RestoreDialog)(procedure, config, target, open_link)
    dialog.studio.updates = earlier is not None
    try:
        if dialog.studio.run():
            task = Task(image, layer, dialog.recipe(), values_of(config), earlier)
            result = _perform(dialog.studio, task)
    finally:
        dialog.studio.line.close()
    if result is None:  # and the user knows why
        return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error())
    return success(procedure, result)


def _perform(studio: Studio, task: Task) -> Gimp.Layer | None:
    try:
        result = perform(studio.line.settle(), task)
    except LinkError as error:
        tell_error(str(error), studio.log())
        return None
    if result.get_image() != task.image:
        with suppress(TypeError):  # where GIMP itself has no windows
            Gimp.Display.new(result.get_image())
    Gimp.displays_flush()
    return result
