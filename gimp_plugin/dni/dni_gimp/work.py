"""From the arguments of a call to the restored layer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GLib, GObject  # noqa: E402

from . import canvas, maps, results  # noqa: E402
from .blend import anchors_of, blend_recipe, find_pack, read_shares  # noqa: E402
from .canvas import Encoding  # noqa: E402
from .link import Link  # noqa: E402
from .preview import Box  # noqa: E402
from .recipes import (  # noqa: E402
    Refused,
    Table,
    auto_recipe_of,
    recipe_of,
    scale_of,
    with_proposals,
)
from .session import Result, list_packs, propose, restore  # noqa: E402
from .words import _  # noqa: E402

BREATH = 0.1  # seconds; GIMP drops news of the progress that come faster


@dataclass(frozen=True)
class Task:
    """One restoration."""

    image: Gimp.Image
    layer: Gimp.Layer
    recipe: Table
    settings: Mapping[str, Any]
    """The arguments `mask`, `mask-drawable`, `invert`, `output` and `enlarge`."""
    earlier: Gimp.Layer | None = field(default=None)
    """An earlier result, which this one is to take the place of."""

    @property
    def replaces(self) -> bool:
        """Whether pixels of a layer that is there are replaced."""
        return self.scale == 1 and (self.settings["output"] == "replace" or bool(self.earlier))

    @property
    def scale(self) -> int:
        """How many times larger the result is, a side."""
        return scale_of(self.recipe)


def restore_task(
    link: Link, image: Gimp.Image, layer: Gimp.Layer, settings: Mapping[str, Any]
) -> Task:
    """Return what a call of `plug-in-dni-restore` means; where Auto is on, the daemon is asked."""
    if (asked := auto_recipe_of(settings))["stages"]:
        encoding = canvas.encoding_of(image, layer)
        sample = canvas.read(layer, encoding, canvas.sample_box(encoding))
        settings = with_proposals(settings, propose(link, asked, sample, lambda *_: None))
    return Task(image, layer, recipe_of(settings), settings)


def blend_task(
    link: Link, image: Gimp.Image, layer: Gimp.Layer, settings: Mapping[str, Any]
) -> Task:
    """Return what a call of `plug-in-dni-blend` means."""
    pack = find_pack(list_packs(link, lambda *_: None), settings["pack"])
    shares = read_shares(settings["shares"], anchors_of(pack))
    return Task(image, layer, blend_recipe(pack, shares), settings)


def perform(link: Link, task: Task) -> Gimp.Layer:
    """Restore the layer and return the one that holds the result.

    A cancel needs no code: GIMP kills this process, the bridge sees its input end and cancels
    the job; up to the last lines nothing has been written. Raises Refused and LinkError.
    """
    if not task.recipe["stages"]:
        raise Refused(_("Nothing is switched on: please choose an effect."))
    canvas.check_target(task.image, task.earlier or task.layer, replace=task.replaces)
    source = maps.find_map(
        task.image, task.layer, task.settings["mask"], task.settings["mask-drawable"]
    )
    encoding = canvas.encoding_of(task.image, task.layer)
    whole = Box(0, 0, encoding.layout.width, encoding.layout.height)
    mask = None if source is None else source.read(task.image, whole)
    Gimp.progress_init(_("Restoring with DNI"))
    pixels = canvas.read(task.layer, encoding)
    result = restore(link, task.recipe, pixels, mask, _Progress().show)
    made = _put(task, encoding.sized(result.layout.width, result.layout.height), result)
    Gimp.progress_end()
    return made


def _put(task: Task, encoding: Encoding, result: Result) -> Gimp.Layer:
    image, layer, note = task.image, task.layer, _note(task, result)
    if task.scale > 1:
        into_new = task.settings["enlarge"] == "new-image"
        put = results.new_picture if into_new else results.scale_picture
        return put(image, layer, encoding, result.pixels, note)
    if task.earlier is not None:
        with results.undo_step(image):
            results.replace_pixels(image, task.earlier, encoding, result.pixels, whole=True)
            results.attach_note(task.earlier, note)
        return task.earlier
    if task.replaces:
        whole = task.settings["mask"] == "selection"
        results.replace_pixels(image, layer, encoding, result.pixels, whole=whole)
        return layer
    return results.add_layer(image, layer, encoding, result.pixels, note)


def _note(task: Task, result: Result) -> str:
    """Return what the result layer remembers.

    Tattoos name layers for as long as a picture lives, also in its file.
    """
    drawable = task.settings["mask-drawable"]
    return json.dumps(
        {
            "recipe": task.recipe,
            "packs": result.packs,
            # What was enlarged is another picture's, or of another size: it cannot be made again.
            "original": task.layer.get_tattoo() if task.scale == 1 else None,
            "mask": task.settings["mask"],
            "mask-drawable": None if drawable is None else drawable.get_tattoo(),
            "invert": task.settings["invert"],
            "shares": task.settings.get("shares"),
        }
    )


def success(procedure: Gimp.Procedure, result: Gimp.Layer) -> Gimp.ValueArray:
    """Return the answer of a call that made this layer."""
    values = procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())
    values.remove(1)
    values.insert(1, GObject.Value(Gimp.Layer, result))
    return values


class _Progress:
    """Shows in GIMP's progress bar what is being done."""

    def __init__(self) -> None:
        self._shown = 0.0

    def show(self, text: str, fraction: float | None) -> None:
        """Show this, unless it comes too fast; the last news is told again soon."""
        if monotonic() - self._shown < BREATH:
            return
        self._shown = monotonic()
        Gimp.progress_set_text(text)
        if fraction is None:
            Gimp.progress_pulse()
        else:
            Gimp.progress_update(fraction)
