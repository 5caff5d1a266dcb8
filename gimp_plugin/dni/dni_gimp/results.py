"""Bytes as GIMP's layers: nothing is written before the whole result is there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import GdkPixbuf, Gegl, Gimp, GLib  # noqa: E402

from .canvas import STRIP, Encoding  # noqa: E402
from .preview import Box  # noqa: E402
from .recipes import Refused  # noqa: E402
from .words import _  # noqa: E402

RECIPE_PARASITE = "dni-recipe"
CHECKS = 8, 0x999999, 0x666666  # pixels and the two grays that stand for transparency


def write(buffer: Gegl.Buffer, encoding: Encoding, pixels: bytes, x: int = 0, y: int = 0) -> None:
    """Write a whole picture into a buffer, its corner at `x`, `y`."""
    layout = encoding.layout
    if len(pixels) != layout.nbytes:  # Gegl.Buffer.set would do nothing, silently
        raise ValueError(f"{len(pixels)} bytes for a picture of {layout.nbytes}")
    view = memoryview(pixels)
    for top in range(0, layout.height, STRIP):
        rows = min(STRIP, layout.height - top)
        start = top * layout.row_bytes
        strip = bytes(view[start : start + rows * layout.row_bytes])
        where = Gegl.Rectangle.new(x, y + top, layout.width, rows)
        buffer.set(where, encoding.format, strip)
    buffer.flush()


def to_pixbuf(
    encoding: Encoding, pixels: bytes, corner: tuple[int, int], part: Box, density: float
) -> GdkPixbuf.Pixbuf:
    """Return pixels as the screen shows them: sRGB, 8 bits, over checks where transparent.

    Their left upper one lies at `corner` of a larger picture, and `part` is a part of that, made
    `density` (0..1) times as large: on the same grid as any other part, so that all of them fit.
    """
    layout = encoding.layout
    buffer = Gegl.Buffer.new(encoding.format, *corner, layout.width, layout.height)
    write(buffer, encoding, pixels, *corner)
    return shown(buffer, part, density, has_alpha=layout.channels in (2, 4))


def shown(buffer: Gegl.Buffer, part: Box, density: float, *, has_alpha: bool) -> GdkPixbuf.Pixbuf:
    """Return a part of a buffer as the screen shows it, see `to_pixbuf`.

    Not by Gimp.Drawable.get_sub_thumbnail: GIMP 3.0.4 frees its pixels wrongly.
    """
    small = part.shrunk(density)
    model, samples = ("R'G'B'A u8", 4) if has_alpha else ("R'G'B' u8", 3)
    there = Gegl.Rectangle.new(small.left, small.top, small.width, small.height)
    data = GLib.Bytes.new(buffer.get(there, density, model, Gegl.AbyssPolicy.CLAMP))
    pixbuf = GdkPixbuf.Pixbuf.new_from_bytes(
        data, GdkPixbuf.Colorspace.RGB, has_alpha, 8, small.width, small.height,
        samples * small.width,
    )  # fmt: skip
    if has_alpha:
        nearest = GdkPixbuf.InterpType.NEAREST
        pixbuf = pixbuf.composite_color_simple(small.width, small.height, nearest, 255, *CHECKS)
    return pixbuf


def add_layer(
    image: Gimp.Image, layer: Gimp.Layer, encoding: Encoding, pixels: bytes, note: str
) -> Gimp.Layer:
    """Put the pixels in a new layer directly above `layer` and return it, as one undo step."""
    result = _new_layer(image, layer)
    write(result.get_buffer(), encoding, pixels)
    attach_note(result, note)
    with undo_step(image):
        _insert(image, result, layer)
        if result.get_mask() is not None:  # a mask can be removed only from a layer in a picture
            result.remove_mask(Gimp.MaskApplyMode.DISCARD)
    return result


def _insert(image: Gimp.Image, result: Gimp.Layer, layer: Gimp.Layer) -> None:
    if not image.insert_layer(result, layer.get_parent(), image.get_item_position(layer)):
        raise _not_accepted()


def _not_accepted() -> Refused:
    because = Gimp.get_pdb().get_last_error()
    return Refused(_("GIMP did not accept the result: {because}").format(because=because))


@contextmanager
def undo_step(image: Gimp.Image) -> Iterator[None]:
    """Make one undo step of all that happens inside."""
    image.undo_group_start()
    try:
        yield
    finally:
        image.undo_group_end()


def _name(layer: Gimp.Layer) -> str:
    return str(_("{name} (restored)").format(name=layer.get_name()))


def _new_layer(image: Gimp.Image, layer: Gimp.Layer) -> Gimp.Layer:
    """Return a layer like `layer`, with its effects but with mode normal.

    A copy, which alone has the effects, may still have the mask.
    """
    if not layer.get_filters():
        result = _empty_layer(image, layer, layer.get_width(), layer.get_height())
        result.set_offsets(*layer.get_offsets()[1:])
        return result
    result = layer.copy()
    result.set_name(_name(layer))
    result.set_opacity(100.0)
    result.set_mode(Gimp.LayerMode.NORMAL)
    result.set_lock_content(False)
    result.set_visible(True)
    return result


def _empty_layer(image: Gimp.Image, like: Gimp.Layer, width: int, height: int) -> Gimp.Layer:
    normal = Gimp.LayerMode.NORMAL
    return Gimp.Layer.new(image, _name(like), width, height, like.type(), 100.0, normal)


def replace_pixels(
    image: Gimp.Image, layer: Gimp.Layer, encoding: Encoding, pixels: bytes, *, whole: bool
) -> None:
    """Put the pixels in place of the layer's own, as one undo step.

    Only inside the selection, as GIMP's filters do, unless `whole`.
    """
    write(layer.get_shadow_buffer(), encoding, pixels)
    with undo_step(image):
        if whole and not Gimp.Selection.is_empty(image):
            merged = _merge_everywhere(image, layer)
        else:
            merged = layer.merge_shadow(True)
        if not merged:
            raise _not_accepted()
        layer.update(0, 0, layer.get_width(), layer.get_height())


def _merge_everywhere(image: Gimp.Image, layer: Gimp.Layer) -> bool:
    """Merge the shadow with the selection set aside, and bring the selection back."""
    selected = image.get_selected_drawables()
    aside = Gimp.Selection.save(image)
    Gimp.Selection.none(image)
    merged = layer.merge_shadow(True)
    image.select_item(Gimp.ChannelOps.REPLACE, aside)
    image.remove_channel(aside)
    if selected and all(isinstance(drawable, Gimp.Layer) for drawable in selected):
        image.set_selected_layers(selected)
    return bool(merged)


def new_picture(
    image: Gimp.Image, layer: Gimp.Layer, encoding: Encoding, pixels: bytes, note: str
) -> Gimp.Layer:
    """Put the pixels, which are larger than `layer`, in a picture of their own, unsaved.

    It has the other one's precision, colour profile, resolution and metadata.
    """
    width, height = encoding.layout.width, encoding.layout.height
    base, precision = image.get_base_type(), image.get_precision()
    picture = Gimp.Image.new_with_precision(width, height, base, precision)
    picture.undo_disable()
    if (profile := image.get_color_profile()) is not None:
        picture.set_color_profile(profile)
    picture.set_resolution(*image.get_resolution()[1:])
    if (metadata := image.get_metadata()) is not None:
        picture.set_metadata(metadata)
    result = _empty_layer(picture, layer, width, height)
    write(result.get_buffer(), encoding, pixels)
    attach_note(result, note)
    picture.insert_layer(result, None, 0)
    picture.undo_enable()
    return result


def scale_picture(
    image: Gimp.Image, layer: Gimp.Layer, encoding: Encoding, pixels: bytes, note: str
) -> Gimp.Layer:
    """Scale the whole picture as GIMP does, and put the pixels in a layer above `layer`."""
    scale = encoding.layout.width // layer.get_width()
    x, y = (offset * scale for offset in layer.get_offsets()[1:])
    result = _empty_layer(image, layer, encoding.layout.width, encoding.layout.height)
    write(result.get_buffer(), encoding, pixels)
    attach_note(result, note)
    with undo_step(image):
        if not image.scale(image.get_width() * scale, image.get_height() * scale):
            raise _not_accepted()
        result.set_offsets(x, y)
        _insert(image, result, layer)
    return result


def attach_note(layer: Gimp.Layer, note: str) -> None:
    """Let the layer carry how it was made, in the saved picture too."""
    flags = Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE
    layer.attach_parasite(Gimp.Parasite.new(RECIPE_PARASITE, flags, note.encode()))


def read_note(layer: Gimp.Layer) -> Mapping[str, Any] | None:
    """Return how the layer was made; None where it does not say so in a way that is understood."""
    parasite = layer.get_parasite(RECIPE_PARASITE)
    if parasite is None:
        return None
    try:
        note = json.loads(bytes(parasite.get_data()))
    except ValueError:
        return None
    return note if isinstance(note, dict) else None
