"""Strength maps: what a picture has to offer as one, and their pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import GdkPixbuf, Gegl, Gimp, GLib  # noqa: E402

from .canvas import Encoding, depth_of, strips  # noqa: E402
from .preview import Box  # noqa: E402
from .recipes import Refused  # noqa: E402
from .session import Layout, Source  # noqa: E402
from .words import _  # noqa: E402

_NEGATIVE = bytes(range(255, -1, -1))


@dataclass(frozen=True)
class StrengthMap:
    """A drawable whose brightness is a strength: white is the full one."""

    drawable: Gimp.Drawable
    offset: tuple[int, int]
    """Where the restored layer's corner lies in it."""

    @property
    def key(self) -> object:
        """Return what tells it from other maps."""
        return self.drawable.get_id(), self.offset

    def read(self, image: Gimp.Image, box: Box, scale: float = 1.0) -> Source:
        """Return the strengths for this part of the restored layer; beyond its edge they are 0.

        With another `scale` the layer is that much smaller, and the box is one of it.
        """
        depth = depth_of(image)
        dtype, suffix = {"u8": ("u8", "u8"), "u16": ("u16", "u16")}.get(depth, ("f32", "float"))
        layout = Layout(box.height, box.width, 1, dtype)
        x, y = (round(offset * scale) for offset in self.offset)
        return Source(layout, self._strips(layout, suffix, (x + box.left, y + box.top), scale))

    def thumbnail(self, size: tuple[int, int], limit: int, *, invert: bool) -> GdkPixbuf.Pixbuf:
        """Return a small picture of it over a layer of this size, `limit` pixels at most a side."""
        scale = min(1.0, limit / max(size))
        width, height = (max(1, round(side * scale)) for side in size)
        x, y = (round(offset * scale) for offset in self.offset)
        where = Gegl.Rectangle.new(x, y, width, height)
        model, samples = self._model()
        data = self.drawable.get_buffer().get(
            where, scale, f"{model} u8", Gegl.AbyssPolicy.NONE
        )[::samples]  # fmt: skip
        if invert:
            data = data.translate(_NEGATIVE)
        rgb = bytearray(3 * len(data))
        rgb[0::3] = rgb[1::3] = rgb[2::3] = data
        return GdkPixbuf.Pixbuf.new_from_bytes(
            GLib.Bytes.new(bytes(rgb)), GdkPixbuf.Colorspace.RGB, False, 8, width, height, 3 * width
        )

    def _model(self) -> tuple[str, int]:
        """Return babl's colour model and its samples a pixel, of which the first is the strength.

        Masks, channels and the selection are plain numbers. A layer is a picture of them: its
        middle gray is half the strength, and where nothing is painted it is black.
        """
        if isinstance(self.drawable, Gimp.Channel):
            return "Y", 1
        return ("Y'aA", 2) if self.drawable.has_alpha() else ("Y'", 1)

    def _strips(
        self, layout: Layout, suffix: str, at: tuple[int, int], scale: float
    ) -> Iterator[bytes]:
        model, samples = self._model()
        wide = Layout(layout.height, layout.width, samples, layout.dtype)
        encoding = Encoding(wide, f"{model} {suffix}")
        for strip in strips(self.drawable.get_buffer(), encoding, *at, scale):
            yield strip if samples == 1 else _every(strip, samples, layout.dtype)


def _every(strip: bytes, samples: int, dtype: str) -> bytes:
    """Return the first sample of each pixel."""
    view = memoryview(strip)
    if dtype == "u8":
        return view[::samples].tobytes()
    typed = view.cast("H") if dtype == "u16" else view.cast("f")
    return typed[::samples].tobytes()


def find_map(
    image: Gimp.Image, layer: Gimp.Layer, choice: str, drawable: Gimp.Drawable | None
) -> StrengthMap | None:
    """Return the map that `choice` (none, layer-mask, selection, drawable) means for `layer`."""
    match choice:
        case "none":
            return None
        case "layer-mask":
            return StrengthMap(_layer_mask(layer), (0, 0))
        case "selection":
            if Gimp.Selection.is_empty(image):
                raise Refused(
                    _("Nothing is selected: please select an area, or choose another strength map.")
                )
            return StrengthMap(image.get_selection(), layer.get_offsets()[1:])
    return _of_drawable(image, layer, drawable)


def _layer_mask(layer: Gimp.Layer) -> Gimp.LayerMask:
    mask = layer.get_mask()
    if mask is None:
        raise Refused(
            _(
                "This layer has no layer mask: please add one (Layer > Mask > Add Layer Masks), "
                "or choose another strength map."
            )
        )
    return mask


def _of_drawable(
    image: Gimp.Image, layer: Gimp.Layer, drawable: Gimp.Drawable | None
) -> StrengthMap:
    if drawable is None or drawable.get_image() != image:
        raise Refused(_("Please choose a channel or a layer of this picture as strength map."))
    if isinstance(drawable, Gimp.LayerMask):
        return StrengthMap(drawable, (0, 0))
    x, y = layer.get_offsets()[1:]
    if isinstance(drawable, Gimp.Channel):
        return StrengthMap(drawable, (x, y))
    if _size(drawable) != _size(layer):
        raise Refused(_("The strength map has another size: please choose one of the same size."))
    left, top = drawable.get_offsets()[1:]
    return StrengthMap(drawable, (x - left, y - top))


def drawables(image: Gimp.Image, layer: Gimp.Layer) -> list[tuple[str, Gimp.Drawable]]:
    """Return the channels and other layers that can be a map for `layer`, with their names."""
    found = [
        (_("Channel: {name}").format(name=channel.get_name()), channel)
        for channel in image.get_channels()
    ]
    return found + [
        (_("Layer: {name}").format(name=other.get_name()), other)
        for other in _all_layers(image.get_layers())
        if other != layer and not other.is_group() and _size(other) == _size(layer)
    ]


def _all_layers(layers: list[Gimp.Layer]) -> Iterator[Gimp.Layer]:
    for layer in layers:
        yield layer
        if layer.is_group():
            yield from _all_layers(layer.get_children())


def _size(drawable: Gimp.Drawable) -> tuple[int, int]:
    return drawable.get_width(), drawable.get_height()
