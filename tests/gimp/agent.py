"""Runs inside GIMP and does what the tests say, over a Unix socket, one JSON line a request.

A request is {"code", "values"}; the code finds the values and the functions below by name and
leaves its answer in `answer`. Bytes travel as {"base64": …}.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import traceback

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gegl, Gimp, Gio  # noqa: E402


def serve() -> None:
    """Answer one client until it goes."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.environ["DNID_TEST_SOCKET"])
        server.listen()
        stream = server.accept()[0].makefile("rw", encoding="utf-8")
    for line in stream:
        request = json.loads(line, object_hook=unpack)
        names = {**globals(), **request["values"]}
        try:
            exec(request["code"], names)
            reply = {"answer": names.get("answer")}
        except Exception:  # noqa: BLE001  every failure is the test's to see
            reply = {"error": traceback.format_exc()}
        stream.write(json.dumps(reply, default=pack) + "\n")
        stream.flush()


def pack(value: object) -> object:
    """Turn bytes, and GIMP's images and items, into JSON."""
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    return value.get_id()  # type: ignore[attr-defined]


def unpack(value: dict[str, object]) -> object:
    """Turn JSON back into bytes."""
    return base64.b64decode(value["base64"]) if "base64" in value else value


def image(number: int) -> Gimp.Image:
    """Return an image by its id."""
    return Gimp.Image.get_by_id(number)


def item(number: int) -> Gimp.Item:
    """Return a layer, mask or channel by its id."""
    return Gimp.Item.get_by_id(number)


def new_image(
    width: int,
    height: int,
    kind: str = "RGB",
    precision: str = "u8-non-linear",
    profile: str | None = None,
) -> Gimp.Image:
    """Make an image; kind RGB or GRAY; profile None, a file, or "linear"."""
    base = getattr(Gimp.ImageBaseType, kind)
    level = getattr(Gimp.Precision, precision.upper().replace("-", "_"))
    made = Gimp.Image.new_with_precision(width, height, base, level)
    if profile == "linear":
        made.set_color_profile(Gimp.ColorProfile.new_rgb_srgb_linear())
    elif profile:
        made.set_color_profile(Gimp.ColorProfile.new_from_file(Gio.File.new_for_path(profile)))
    return made


def new_layer(
    on: Gimp.Image,
    pixels: bytes,
    model: str,
    width: int,
    height: int,
    alpha: bool = False,
    name: str = "photo",
    offset: tuple[int, int] = (0, 0),
) -> Gimp.Layer:
    """Put a layer with these pixels (in the picture's own space) on top of an image."""
    kind = "GRAY" if on.get_base_type() == Gimp.ImageBaseType.GRAY else "RGB"
    kind = getattr(Gimp.ImageType, kind + ("A" if alpha else "") + "_IMAGE")
    layer = Gimp.Layer.new(on, name, width, height, kind, 100, Gimp.LayerMode.NORMAL)
    on.insert_layer(layer, None, 0)
    layer.set_offsets(*offset)
    set_pixels(layer, pixels, model)
    return layer


def add_mask(layer: Gimp.Layer, pixels: bytes) -> Gimp.LayerMask:
    """Give the layer a mask with these 8-bit values."""
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(mask)
    set_pixels(mask, pixels, "Y u8")
    return mask


def in_space(drawable: Gimp.Drawable, model: str) -> str:
    """Return babl's name of a pixel format in the drawable's own space."""
    if model.startswith("Y u"):
        return model
    space = Babl.format_get_space(drawable.get_format())
    return Babl.get_name(Babl.format_with_space(model, space))


def set_pixels(drawable: Gimp.Drawable, pixels: bytes, model: str) -> None:
    """Write a whole drawable."""
    where = Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())
    buffer = drawable.get_buffer()
    buffer.set(where, in_space(drawable, model), pixels)
    buffer.flush()
    drawable.update(0, 0, drawable.get_width(), drawable.get_height())


def get_pixels(drawable: Gimp.Drawable, model: str) -> bytes:
    """Read a whole drawable."""
    where = Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())
    return drawable.get_buffer().get(where, 1.0, in_space(drawable, model), Gegl.AbyssPolicy.NONE)


def raw_pixels(drawable: Gimp.Drawable) -> bytes:
    """Read a whole drawable in its own format: what is really stored."""
    where = Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())
    name = Babl.get_name(drawable.get_format())
    return drawable.get_buffer().get(where, 1.0, name, Gegl.AbyssPolicy.NONE)


def restore(
    on: Gimp.Image,
    drawables: list[Gimp.Drawable],
    mode: str = "NONINTERACTIVE",
    procedure: str = "restore",
    **arguments: object,
) -> dict[str, str]:
    """Call the plug-in; return its status and error text."""
    called = Gimp.get_pdb().lookup_procedure(f"plug-in-dni-{procedure}")
    config = called.create_config()
    config.set_property("run-mode", getattr(Gimp.RunMode, mode))
    config.set_property("image", on)
    config.set_core_object_array("drawables", drawables)
    for name, value in arguments.items():
        config.set_property(name.replace("_", "-"), value)
    result = called.run(config)
    status = result.index(0).value_nick
    return {"status": status, "error": "" if status == "success" else last_error()}


def last_error() -> str:
    """Return the sentence of the last call that failed."""
    return Gimp.get_pdb().get_last_error()


def describe(on: Gimp.Image) -> list[dict[str, object]]:
    """Return what the Layers dialog shows, top to bottom, groups opened."""
    return [line for layer in on.get_layers() for line in describe_layer(layer)]


def describe_layer(layer: Gimp.Layer) -> list[dict[str, object]]:
    """Return one layer's line, and those of its children."""
    line = {
        "id": layer.get_id(),
        "name": layer.get_name(),
        "offset": list(layer.get_offsets())[1:],
        "size": [layer.get_width(), layer.get_height()],
        "mode": layer.get_mode().value_nick,
        "opacity": layer.get_opacity(),
        "mask": layer.get_mask() is not None,
        "filters": len(layer.get_filters()),
        "visible": layer.get_visible(),
    }
    children = layer.get_children() if layer.is_group() else []
    return [line] + [inner for child in children for inner in describe_layer(child)]


serve()
