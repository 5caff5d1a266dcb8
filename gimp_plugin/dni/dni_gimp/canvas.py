"""GIMP's layers as bytes, and bytes as GIMP's layers.

Everything that GIMP may refuse is asked for by `check_target` and `strength_map` before a pixel
travels, and nothing is written before the whole result is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gegl, Gimp  # noqa: E402

from .session import Layout, Source  # noqa: E402

STRIP = 256  # rows; the fastest height for Gegl.Buffer.get and .set
RECIPE_PARASITE = "dni-recipe"

# What GIMP draws by itself from something other than pixels; LinkLayer and VectorLayer are 3.2's.
_DRAWN = tuple(
    getattr(Gimp, name) for name in ("TextLayer", "LinkLayer", "VectorLayer") if hasattr(Gimp, name)
)


class Refused(Exception):
    """The picture is not one that can be worked on; `str()` says in one sentence what to do."""


@dataclass(frozen=True)
class Encoding:
    """How the pixels of one drawable travel."""

    layout: Layout
    format: str
    """babl's name for it, colour space included."""


def layer_of(drawables: list[Gimp.Drawable]) -> Gimp.Layer:
    """Return the one layer that is meant; a layer mask stands for its layer."""
    if len(drawables) != 1:
        raise Refused("Please select exactly one layer and try again.")
    drawable = drawables[0]
    if isinstance(drawable, Gimp.LayerMask):
        drawable = Gimp.Layer.from_mask(drawable)
    if not isinstance(drawable, Gimp.Layer):
        raise Refused("This is a channel: please select a layer in the Layers dialog.")
    if drawable.is_group():
        raise Refused("This is a layer group: please select a single layer inside it.")
    if drawable.is_indexed():
        raise Refused(
            "This picture has indexed colours: please convert it with Image > Mode > RGB."
        )
    return drawable


def check_target(image: Gimp.Image, layer: Gimp.Layer, *, replace: bool) -> None:
    """Refuse a layer whose pixels cannot be replaced, or above which no layer can be put."""
    if replace:
        _check_replace(image, layer)
    elif image.get_floating_sel() is not None:
        raise Refused("There is a floating selection: please anchor it first (Layer menu).")
    elif isinstance(layer, _DRAWN) and layer.get_filters():
        raise Refused("This layer has effects on drawn content: please merge the effects first.")
    elif _is_locked(layer.get_parent()):
        raise Refused("The layer group is locked: please unlock it in the Layers dialog.")


def _check_replace(image: Gimp.Image, layer: Gimp.Layer) -> None:
    if isinstance(layer, _DRAWN):
        raise Refused(
            "Text, link and vector layers have no pixels of their own to replace: "
            "please choose the result as a new layer."
        )
    if _is_locked(layer):
        raise Refused(
            "The pixels of this layer are locked: please unlock them in the Layers dialog, "
            "or choose the result as a new layer."
        )
    if not layer.mask_intersect()[0]:
        raise Refused("The selection does not touch this layer: please change or remove it.")


def _is_locked(item: Gimp.Item | None) -> bool:
    while item is not None:
        if item.get_lock_content():
            return True
        item = item.get_parent()
    return False


def strength_map(image: Gimp.Image, layer: Gimp.Layer, choice: str) -> Source | None:
    """Return the strength map named by `choice` (none, layer-mask, selection), as large as `layer`.

    Values are linear: white is the full strength.
    """
    if choice == "none":
        return None
    if choice == "layer-mask":
        mask, offset = layer.get_mask(), (0, 0)
        if mask is None:
            raise Refused(
                "This layer has no layer mask: please add one (Layer > Mask > Add Layer Masks), "
                "or choose another strength map."
            )
    else:
        mask, offset = image.get_selection(), layer.get_offsets()[1:]
        if Gimp.Selection.is_empty(image):
            raise Refused(
                "Nothing is selected: please select an area, or choose another strength map."
            )
    dtype, depth = {"u8": ("u8", "u8"), "u16": ("u16", "u16")}.get(_depth(image), ("f32", "float"))
    layout = Layout(layer.get_height(), layer.get_width(), 1, dtype)
    # A layer begins at its offset in the picture, where the selection begins at 0, 0.
    return Source(layout, _strips(mask.get_buffer(), Encoding(layout, f"Y {depth}"), *offset))


def encoding_of(image: Gimp.Image, layer: Gimp.Layer) -> Encoding:
    """Return how the layer's pixels travel: perceptual values in the layer's own colour space.

    8 and 16 bits that are perceptual already travel as they are, everything else as float.
    Where the space itself is linear, perceptual means sRGB's curve (babl's "~" for "'").
    """
    nick = image.get_precision().value_nick
    linear_space = image.get_effective_color_profile().is_linear()
    tilde = linear_space or nick.endswith("perceptual")
    mark = "~" if tilde else "'"
    as_it_is = nick.endswith("perceptual" if tilde else "non-linear")
    dtype = _depth(image) if as_it_is and _depth(image) in ("u8", "u16") else "f32"
    model = f"Y{mark}" if layer.is_gray() else f"R{mark}G{mark}B{mark}"
    alpha = "A" if layer.has_alpha() else ""
    name = f"{model}{alpha} {'float' if dtype == 'f32' else dtype}"
    space = Babl.format_get_space(layer.get_format())
    channels = (1 if layer.is_gray() else 3) + len(alpha)
    layout = Layout(layer.get_height(), layer.get_width(), channels, dtype)
    return Encoding(layout, Babl.get_name(Babl.format_with_space(name, space)))


def _depth(image: Gimp.Image) -> str:
    return str(image.get_precision().value_nick).split("-")[0]


def read(layer: Gimp.Layer, encoding: Encoding) -> Source:
    """Return the layer's pixels; its effects (filters) are not in them."""
    return Source(encoding.layout, _strips(layer.get_buffer(), encoding))


def _strips(buffer: Gegl.Buffer, encoding: Encoding, x: int = 0, y: int = 0) -> Iterator[bytes]:
    layout = encoding.layout
    for top in range(0, layout.height, STRIP):
        rows = min(STRIP, layout.height - top)
        where = Gegl.Rectangle.new(x, y + top, layout.width, rows)
        yield buffer.get(where, 1.0, encoding.format, Gegl.AbyssPolicy.NONE)


def _write(buffer: Gegl.Buffer, encoding: Encoding, pixels: bytes) -> None:
    layout = encoding.layout
    if len(pixels) != layout.nbytes:  # Gegl.Buffer.set would do nothing, silently
        raise ValueError(f"{len(pixels)} bytes for a picture of {layout.nbytes}")
    view = memoryview(pixels)
    for top in range(0, layout.height, STRIP):
        rows = min(STRIP, layout.height - top)
        start = top * layout.row_bytes
        strip = bytes(view[start : start + rows * layout.row_bytes])
        where = Gegl.Rectangle.new(0, top, layout.width, rows)
        buffer.set(where, encoding.format, strip)
    buffer.flush()


def add_layer(
    image: Gimp.Image, layer: Gimp.Layer, encoding: Encoding, pixels: bytes, recipe: str
) -> Gimp.Layer:
    """Put the pixels in a new layer directly above `layer` and return it, as one undo step."""
    result = _new_layer(image, layer)
    _write(result.get_buffer(), encoding, pixels)
    result.attach_parasite(
        Gimp.Parasite.new(
            RECIPE_PARASITE, Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE, recipe.encode()
        )
    )
    image.undo_group_start()
    try:
        place = image.get_item_position(layer)
        if not image.insert_layer(result, layer.get_parent(), place):
            raise Refused(f"GIMP did not accept the new layer: {Gimp.get_pdb().get_last_error()}")
        if result.get_mask() is not None:  # a mask can be removed only from a layer in a picture
            result.remove_mask(Gimp.MaskApplyMode.DISCARD)
    finally:
        image.undo_group_end()
    return result


def _new_layer(image: Gimp.Image, layer: Gimp.Layer) -> Gimp.Layer:
    """Return a layer like `layer`, with its effects but with mode normal.

    A copy, which alone has the effects, may still have the mask.
    """
    name = f"{layer.get_name()} (restored)"
    if not layer.get_filters():
        size = layer.get_width(), layer.get_height()
        result = Gimp.Layer.new(image, name, *size, layer.type(), 100.0, Gimp.LayerMode.NORMAL)
        result.set_offsets(*layer.get_offsets()[1:])
        return result
    result = layer.copy()
    result.set_name(name)
    result.set_opacity(100.0)
    result.set_mode(Gimp.LayerMode.NORMAL)
    result.set_lock_content(False)
    result.set_visible(True)
    return result


def replace_pixels(
    image: Gimp.Image, layer: Gimp.Layer, encoding: Encoding, pixels: bytes, *, whole: bool
) -> None:
    """Put the pixels in place of the layer's own, as one undo step.

    Only inside the selection, as GIMP's filters do, unless `whole`.
    """
    _write(layer.get_shadow_buffer(), encoding, pixels)
    image.undo_group_start()
    try:
        if whole and not Gimp.Selection.is_empty(image):
            merged = _merge_everywhere(image, layer)
        else:
            merged = layer.merge_shadow(True)
        if not merged:
            raise Refused(f"GIMP did not accept the pixels: {Gimp.get_pdb().get_last_error()}")
        layer.update(0, 0, layer.get_width(), layer.get_height())
    finally:
        image.undo_group_end()


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
