"""GIMP's layers as bytes.

Everything that GIMP may refuse is asked for by `check_target` before a pixel travels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gegl, Gimp  # noqa: E402

from .preview import Box  # noqa: E402
from .recipes import Refused  # noqa: E402
from .session import Layout, Source  # noqa: E402
from .words import _  # noqa: E402

SAMPLE = 2048  # pixels a side
STRIP = 256  # rows; the fastest height for Gegl.Buffer.get and .set

# What GIMP draws by itself from something other than pixels; LinkLayer and VectorLayer are 3.2's.
_DRAWN = tuple(
    getattr(Gimp, name) for name in ("TextLayer", "LinkLayer", "VectorLayer") if hasattr(Gimp, name)
)


@dataclass(frozen=True)
class Encoding:
    """How the pixels of one drawable travel."""

    layout: Layout
    format: str
    """babl's name for it, colour space included."""

    def sized(self, width: int, height: int) -> Encoding:
        """Return the same for another size."""
        return replace(self, layout=replace(self.layout, width=width, height=height))


def layer_of(drawables: list[Gimp.Drawable]) -> Gimp.Layer:
    """Return the one layer that is meant; a layer mask stands for its layer."""
    if len(drawables) != 1:
        raise Refused(_("Please select exactly one layer and try again."))
    drawable = drawables[0]
    if isinstance(drawable, Gimp.LayerMask):
        drawable = Gimp.Layer.from_mask(drawable)
    if not isinstance(drawable, Gimp.Layer):
        raise Refused(_("This is a channel: please select a layer in the Layers dialog."))
    if drawable.is_group():
        raise Refused(_("This is a layer group: please select a single layer inside it."))
    if drawable.is_indexed():
        raise Refused(
            _("This picture has indexed colours: please convert it with Image > Mode > RGB.")
        )
    return drawable


def check_target(image: Gimp.Image, layer: Gimp.Layer, *, replace: bool) -> None:
    """Refuse a layer whose pixels cannot be replaced, or above which no layer can be put."""
    if replace:
        _check_replace(image, layer)
    elif image.get_floating_sel() is not None:
        raise Refused(_("There is a floating selection: please anchor it first (Layer menu)."))
    elif isinstance(layer, _DRAWN) and layer.get_filters():
        raise Refused(_("This layer has effects on drawn content: please merge the effects first."))
    elif _is_locked(layer.get_parent()):
        raise Refused(_("The layer group is locked: please unlock it in the Layers dialog."))


def check_content(layer: Gimp.Layer) -> None:
    """Refuse a layer that is transparent everywhere: the networks would make up what is not there.

    It is read from the middle outwards up to the first strip with something in it: most pictures
    have it there, and a large one is not read whole.
    """
    if not layer.has_alpha():
        return
    name = "A u8" if depth_of(layer.get_image()) == "u8" else "A float"
    buffer, width, height = layer.get_buffer(), layer.get_width(), layer.get_height()
    for top in sorted(range(0, height, STRIP), key=lambda top: abs(top + STRIP / 2 - height / 2)):
        where = Gegl.Rectangle.new(0, top, width, min(STRIP, height - top))
        alpha = buffer.get(where, 1.0, name, Gegl.AbyssPolicy.NONE)
        if alpha != bytes(len(alpha)):
            return
    raise Refused(_("This layer is empty: please choose a layer with something to see in it."))


def _check_replace(image: Gimp.Image, layer: Gimp.Layer) -> None:
    if isinstance(layer, _DRAWN):
        raise Refused(
            _(
                "Text, link and vector layers have no pixels of their own to replace: "
                "please choose the result as a new layer."
            )
        )
    if _is_locked(layer):
        raise Refused(
            _(
                "The pixels of this layer are locked: please unlock them in the Layers dialog, "
                "or choose the result as a new layer."
            )
        )
    if not layer.mask_intersect()[0]:
        raise Refused(_("The selection does not touch this layer: please change or remove it."))


def _is_locked(item: Gimp.Item | None) -> bool:
    while item is not None:
        if item.get_lock_content():
            return True
        item = item.get_parent()
    return False


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
    dtype = depth_of(image) if as_it_is and depth_of(image) in ("u8", "u16") else "f32"
    model = f"Y{mark}" if layer.is_gray() else f"R{mark}G{mark}B{mark}"
    alpha = "A" if layer.has_alpha() else ""
    name = f"{model}{alpha} {'float' if dtype == 'f32' else dtype}"
    space = Babl.format_get_space(layer.get_format())
    channels = (1 if layer.is_gray() else 3) + len(alpha)
    layout = Layout(layer.get_height(), layer.get_width(), channels, dtype)
    return Encoding(layout, Babl.get_name(Babl.format_with_space(name, space)))


def depth_of(image: Gimp.Image) -> str:
    """Return u8, u16, u32, half, float or double."""
    return str(image.get_precision().value_nick).split("-")[0]


def read(layer: Gimp.Layer, encoding: Encoding, box: Box | None = None) -> Source:
    """Return the layer's pixels, or those in `box`; its effects (filters) are not in them."""
    box = box or Box(0, 0, encoding.layout.width, encoding.layout.height)
    part = encoding.sized(box.width, box.height)
    return Source(part.layout, strips(layer.get_buffer(), part, box.left, box.top))


def read_small(layer: Gimp.Layer, encoding: Encoding, scale: float) -> Source:
    """Return all of the layer, `scale` times (at most 1) as wide and high."""
    layout = encoding.layout
    small = encoding.sized(*(shrunk(side, scale) for side in (layout.width, layout.height)))
    return Source(small.layout, strips(layer.get_buffer(), small, scale=scale))


def shrunk(side: int, scale: float) -> int:
    """Return a length in pixels at this scale."""
    return max(1, round(side * scale))


def sample_box(encoding: Encoding) -> Box:
    """Return the middle of a layer, enough for the daemon to judge it by."""
    width, height = encoding.layout.width, encoding.layout.height
    across, down = min(width, SAMPLE), min(height, SAMPLE)
    return Box((width - across) // 2, (height - down) // 2, across, down)


def strips(
    buffer: Gegl.Buffer, encoding: Encoding, x: int = 0, y: int = 0, scale: float = 1.0
) -> Iterator[bytes]:
    """Return the pixels from `x`, `y` on, a few rows at a time; beyond the edge they are 0.

    All of it is counted in pixels of the `scale`.
    """
    layout = encoding.layout
    for top in range(0, layout.height, STRIP):
        rows = min(STRIP, layout.height - top)
        where = Gegl.Rectangle.new(x, y + top, layout.width, rows)
        yield buffer.get(where, scale, encoding.format, Gegl.AbyssPolicy.NONE)
