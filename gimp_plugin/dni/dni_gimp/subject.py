"""What the daemon found as the subject becomes a layer mask, white where the photo softens."""

from __future__ import annotations

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp  # noqa: E402

from .canvas import Encoding  # noqa: E402
from .link import LinkError, Message  # noqa: E402
from .results import undo_step, write  # noqa: E402
from .session import Layout, result_of  # noqa: E402
from .words import _  # noqa: E402

_NEGATIVE = bytes(range(255, -1, -1))


def put_mask(image: Gimp.Image, layer: Gimp.Layer, answer: Message) -> Gimp.Drawable:
    """Return the new mask of the layer; a layer that has one gets a channel instead.

    Raises LinkError for pixels that do not fit the layer.
    """
    found = result_of(answer)
    if found.layout != Layout(layer.get_height(), layer.get_width(), 1, "u8"):
        raise LinkError("bad-image", _("The daemon's result has another size."))
    soft = bytes(found.pixels).translate(_NEGATIVE)
    with undo_step(image):
        mask, at = _make(image, layer)
        write(mask.get_buffer(), Encoding(found.layout, "Y u8"), soft, *at)
        mask.update(0, 0, mask.get_width(), mask.get_height())
    return mask


def take_away(image: Gimp.Image, layer: Gimp.Layer, made: list[Gimp.Drawable]) -> None:
    """Remove what `put_mask` made, as far as it is still there."""
    made = [drawable for drawable in made if drawable.is_valid()]
    if not made:
        return
    with undo_step(image):
        for drawable in made:
            if drawable == layer.get_mask():
                layer.remove_mask(Gimp.MaskApplyMode.DISCARD)
            elif isinstance(drawable, Gimp.Channel) and not isinstance(drawable, Gimp.LayerMask):
                image.remove_channel(drawable)
    Gimp.displays_flush()


def _make(image: Gimp.Image, layer: Gimp.Layer) -> tuple[Gimp.Drawable, tuple[int, int]]:
    """Return an empty mask or channel, and where the layer's corner lies in it."""
    if layer.get_mask() is None:
        mask = layer.create_mask(Gimp.AddMaskType.BLACK)
        layer.add_mask(mask)
        layer.set_show_mask(False)
        layer.set_apply_mask(False)  # it says where, and hides nothing
        return mask, (0, 0)
    size = image.get_width(), image.get_height()
    channel = Gimp.Channel.new(image, _("Background"), *size, 50.0, Gegl.Color.new("black"))
    channel.set_visible(False)
    image.insert_channel(channel, None, 0)
    return channel, tuple(layer.get_offsets()[1:])
