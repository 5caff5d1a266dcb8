"""The plug-in's work on layers, in a real GIMP, with a bridge whose strength 1 is the negative."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.gimp.real_gimp import RealGimp

pytestmark = pytest.mark.gimp

HEIGHT, WIDTH = 300, 37  # more than one strip, and an odd width
MODELS = {
    ("RGB", False): "R{0}G{0}B{0}",
    ("RGB", True): "R{0}G{0}B{0}A",
    ("GRAY", False): "Y{0}",
    ("GRAY", True): "Y{0}A",
}
# What the precision itself can tell apart, as perceptual values in 0.1..0.9.
TOLERANCE = {
    "u8-non-linear": 1 / 255,
    "u8-perceptual": 1 / 255,
    "u8-linear": 3 / 255,
    "u16-non-linear": 2e-5,
    "u16-linear": 1e-4,
    "half-linear": 1e-3,
    "u32-non-linear": 1e-6,
    "float-non-linear": 1e-6,
    "float-linear": 1e-5,
    "double-perceptual": 1e-6,
}


def photo(channels: int, dtype: type = np.uint8, seed: int = 1) -> np.ndarray:
    """Return a random picture, H×W×C; floats lie in 0.1..0.9."""
    random = np.random.default_rng(seed)
    if dtype is np.float32:
        return random.uniform(0.1, 0.9, (HEIGHT, WIDTH, channels)).astype(np.float32)
    return random.integers(0, np.iinfo(dtype).max, (HEIGHT, WIDTH, channels), dtype, endpoint=True)


def open_photo(
    gimp: RealGimp, pixels: np.ndarray, model: str = "R'G'B' u8", **options: Any
) -> tuple[int, int]:
    """Show the pixels to GIMP as a picture with one layer; return both ids."""
    height, width, channels = pixels.shape
    layer_options = {"offset": options.pop("offset", (0, 0)), "alpha": channels in (2, 4)}
    code = """
made = new_image(width, height, **options)
answer = [made, new_layer(made, pixels, model, width, height, **layer_options)]
"""
    values = {"model": model, "options": options, "layer_options": layer_options}
    return tuple(gimp.do(code, pixels=pixels, width=width, height=height, **values))


def restore(gimp: RealGimp, image: int, layer: int, **arguments: Any) -> dict[str, str]:
    """Call the plug-in without a window."""
    code = "answer = restore(image(on), [item(layer)], **arguments)"
    return gimp.do(code, on=image, layer=layer, arguments=arguments)


def pixels_of(gimp: RealGimp, layer: int, like: np.ndarray, model: str = "R'G'B' u8") -> np.ndarray:
    """Return a layer's pixels in this model, shaped like a picture."""
    data = gimp.do("answer = get_pixels(item(layer), model)", layer=layer, model=model)
    return np.frombuffer(data, like.dtype).reshape(like.shape)


def layers_of(gimp: RealGimp, image: int) -> list[dict[str, Any]]:
    """Return what the Layers dialog shows."""
    return gimp.do("answer = describe(image(on))", on=image)


@pytest.mark.parametrize(
    ("kind", "alpha", "precision", "profile", "travels"),
    [
        ("RGB", False, "u8-non-linear", None, "u8"),
        ("RGB", True, "u8-non-linear", None, "u8"),
        ("GRAY", False, "u8-non-linear", None, "u8"),
        ("GRAY", True, "u8-non-linear", None, "u8"),
        ("RGB", True, "u8-non-linear", "linear", "f32"),
        ("RGB", False, "u8-linear", None, "f32"),
        ("GRAY", True, "u8-linear", None, "f32"),
        ("RGB", True, "u8-perceptual", None, "u8"),
        ("RGB", True, "u16-non-linear", None, "u16"),
        ("GRAY", False, "u16-non-linear", None, "u16"),
        ("RGB", False, "u16-linear", None, "f32"),
        ("RGB", True, "u32-non-linear", None, "f32"),
        ("RGB", False, "half-linear", None, "f32"),
        ("GRAY", False, "float-non-linear", None, "f32"),
        ("RGB", True, "float-non-linear", None, "f32"),
        ("RGB", True, "float-linear", None, "f32"),
        ("GRAY", True, "float-linear", None, "f32"),
        ("RGB", False, "double-perceptual", None, "f32"),
    ],
)
def test_every_precision(
    gimp: RealGimp, kind: str, alpha: bool, precision: str, profile: str | None, travels: str
) -> None:
    """The daemon sees perceptual values, and what it returns is what the new layer shows."""
    model = MODELS[kind, alpha].format("~" if profile else "'") + " float"
    pixels = photo({"RGB": 3, "GRAY": 1}[kind] + alpha, np.float32)
    image, layer = open_photo(gimp, pixels, model, kind=kind, precision=precision, profile=profile)
    before = pixels_of(gimp, layer, pixels, model)
    assert restore(gimp, image, layer, denoise=100.0) == {"status": "success", "error": ""}

    after = pixels_of(gimp, layers_of(gimp, image)[0]["id"], pixels, model)
    colours = pixels.shape[2] - alpha
    tolerance = TOLERANCE["u8-linear" if profile else precision]
    np.testing.assert_allclose(after[..., :colours], 1 - before[..., :colours], atol=tolerance)
    if alpha:
        np.testing.assert_array_equal(after[..., -1], before[..., -1])
    assert gimp.sent()[0]["image"] == {
        "height": HEIGHT,
        "width": WIDTH,
        "channels": pixels.shape[2],
        "dtype": travels,
    }


@pytest.mark.parametrize("output", ["new-layer", "replace"])
@pytest.mark.parametrize(
    "precision",
    ["u8-non-linear", "u8-linear", "u16-non-linear", "u16-linear", "half-linear", "float-linear"],
)
def test_strength_0_changes_no_bit(gimp: RealGimp, precision: str, output: str) -> None:
    """A picture that goes to the daemon and back is stored with the same bits."""
    image, layer = open_photo(gimp, photo(4, np.float32), "R'G'B'A float", precision=precision)
    before = gimp.do("answer = raw_pixels(item(layer))", layer=layer)
    assert restore(gimp, image, layer, denoise=0.0, output=output)["status"] == "success"
    top = layers_of(gimp, image)[0]["id"]
    after = gimp.do("answer = raw_pixels(item(layer))", layer=top)
    dtype = {"u8": np.uint8, "u16": np.uint16, "half": np.float16}.get(precision.split("-")[0])
    if dtype is None:
        np.testing.assert_allclose(
            np.frombuffer(after, np.float32), np.frombuffer(before, np.float32), atol=1e-6
        )
    else:
        assert np.array_equal(np.frombuffer(after, dtype), np.frombuffer(before, dtype))


def test_a_picture_keeps_its_colour_space(gimp: RealGimp) -> None:
    """The values of a picture with another RGB profile travel as they are stored."""
    pixels = photo(3)
    image, layer = open_photo(gimp, pixels)
    gimp.do("image(on).set_color_profile(Gimp.ColorProfile.new_rgb_adobe())", on=image)
    stored = gimp.do("answer = raw_pixels(item(layer))", layer=layer)
    assert stored == pixels.tobytes()
    restore(gimp, image, layer, denoise=100.0)
    top = layers_of(gimp, image)[0]["id"]
    after = gimp.do("answer = raw_pixels(item(layer))", layer=top)
    assert np.array_equal(np.frombuffer(after, np.uint8).reshape(pixels.shape), 255 - pixels)
    label = "answer = image(on).get_color_profile().get_label()"
    assert "RGB" in gimp.do(label, on=image)


def test_the_new_layer_lies_above_the_original(gimp: RealGimp) -> None:
    """It has the original's name and place, mode normal and no mask; the original is as before."""
    pixels, map_ = photo(4), photo(1, seed=2)
    image, layer = open_photo(gimp, pixels, "R'G'B'A u8", offset=(-5, 11))
    code = """
layer, on = item(layer), image(on)
add_mask(layer, map_)
layer.set_mode(Gimp.LayerMode.MULTIPLY)
layer.set_opacity(40)
new_layer(on, bytes(30), "R'G'B' u8", 5, 2, name="above")
"""
    gimp.do(code, layer=layer, on=image, map_=map_)
    assert restore(gimp, image, layer, mask="layer-mask")["status"] == "success"

    above, result, original = layers_of(gimp, image)
    assert above["name"] == "above"
    place = {"offset": [-5, 11], "size": [WIDTH, HEIGHT], "visible": True, "filters": 0}
    result.pop("id")
    assert result == {
        "name": "photo (restored)",
        "mode": "normal",
        "opacity": 100.0,
        "mask": False,
        **place,
    }
    assert original == {
        "id": layer,
        "name": "photo",
        "mode": "multiply",
        "opacity": 40.0,
        "mask": True,
        **place,
    }
    assert np.array_equal(pixels_of(gimp, layer, pixels, "R'G'B'A u8"), pixels)


def test_the_result_carries_its_recipe(gimp: RealGimp) -> None:
    """The new layer remembers how it was made, so that it can be made again."""
    image, layer = open_photo(gimp, photo(3))
    restore(gimp, image, layer, denoise=30.0, denoise_outside=10.0)
    top = layers_of(gimp, image)[0]["id"]
    code = "answer = json.loads(bytes(item(top).get_parasite('dni-recipe').get_data()))"
    stage = {"effect": "denoise", "strength": 0.3, "outside": 0.1, "pack": None}
    assert gimp.do(code, top=top) == {
        "recipe": {"stages": [stage]},
        "packs": [{"id": "fake", "sha256": "0" * 64}],
        "original": gimp.do("answer = item(layer).get_tattoo()", layer=layer),
        "mask": "none",
        "mask-drawable": None,
        "invert": False,
        "shares": None,
    }


@pytest.mark.parametrize("output", ["new-layer", "replace"])
def test_layer_mask_as_strength(gimp: RealGimp, output: str) -> None:
    """White in the mask has the slider's strength, black has the one outside."""
    pixels, map_ = photo(3), photo(1, seed=2)
    image, layer = open_photo(gimp, pixels, offset=(7, -4))
    gimp.do("add_mask(item(layer), map_)", layer=layer, map_=map_)
    arguments = {"denoise": 80.0, "denoise_outside": 20.0, "mask": "layer-mask", "output": output}
    assert restore(gimp, image, layer, **arguments)["status"] == "success"
    top = layers_of(gimp, image)[0]
    strength = 0.2 + 0.6 * map_ / 255.0
    expected = pixels + (255.0 - 2.0 * pixels) * strength
    assert np.abs(pixels_of(gimp, top["id"], pixels) - expected).max() <= 0.51
    assert top["mask"] is (output == "replace")


def test_a_mask_that_is_being_edited_stands_for_its_layer(gimp: RealGimp) -> None:
    """Calling the filter while the mask is active works on the layer."""
    pixels = photo(3)
    image, layer = open_photo(gimp, pixels)
    white = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
    mask = gimp.do("answer = add_mask(item(layer), map_)", layer=layer, map_=white)
    assert restore(gimp, image, mask, denoise=100.0, mask="layer-mask")["status"] == "success"
    top = layers_of(gimp, image)[0]["id"]
    assert np.array_equal(pixels_of(gimp, top, pixels), 255 - pixels)


def select(gimp: RealGimp, image: int, rectangle: tuple[int, int, int, int]) -> None:
    """Select a rectangle (x, y, width, height) in image coordinates."""
    code = "image(on).select_rectangle(Gimp.ChannelOps.REPLACE, *rectangle)"
    gimp.do(code, on=image, rectangle=rectangle)


def inside_of(rectangle: tuple[int, int, int, int], offset: tuple[int, int]) -> np.ndarray:
    """Return where the rectangle lies in a layer with this offset, H×W×1 of bool."""
    x, y, width, height = rectangle
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    rows, columns = rows + offset[1], columns + offset[0]
    found = (columns >= x) & (columns < x + width) & (rows >= y) & (rows < y + height)
    return found[..., None]


@pytest.mark.parametrize("output", ["new-layer", "replace"])
@pytest.mark.parametrize("offset", [(0, 0), (6, 9), (-8, -20)], ids=str)
def test_selection_as_strength(gimp: RealGimp, offset: tuple[int, int], output: str) -> None:
    """The selection lies where the user sees it, whatever the layer's offset, and stays there."""
    pixels, rectangle = photo(3), (10, 30, 12, 200)
    image, layer = open_photo(gimp, pixels, offset=offset)
    select(gimp, image, rectangle)
    selection = "answer = raw_pixels(image(on).get_selection())"
    before = gimp.do(selection, on=image)
    arguments = {"denoise": 100.0, "denoise_outside": 40.0, "mask": "selection", "output": output}
    assert restore(gimp, image, layer, **arguments)["status"] == "success"
    strength = np.where(inside_of(rectangle, offset), 1.0, 0.4)
    expected = pixels + (255.0 - 2.0 * pixels) * strength
    top = layers_of(gimp, image)[0]["id"]
    assert np.abs(pixels_of(gimp, top, pixels) - expected).max() <= 0.51
    assert gimp.do(selection, on=image) == before
    assert gimp.do("answer = len(image(on).get_channels())", on=image) == 0


def test_replace_is_kept_to_the_selection(gimp: RealGimp) -> None:
    """As with GIMP's own filters, pixels outside of the selection keep every bit."""
    pixels, rectangle = photo(4), (3, 20, 12, 260)
    image, layer = open_photo(gimp, pixels, "R'G'B'A u8", offset=(2, -3))
    select(gimp, image, rectangle)
    assert restore(gimp, image, layer, denoise=100.0, output="replace")["status"] == "success"
    expected = pixels.copy()
    expected[..., :3] = np.where(inside_of(rectangle, (2, -3)), 255 - pixels, pixels)[..., :3]
    after = pixels_of(gimp, layer, pixels, "R'G'B'A u8")
    visible = pixels[..., 3] > 0  # GIMP's merge may drop the colour of what is transparent
    assert np.abs(after.astype(int) - expected)[visible].max() <= 1
    assert len(layers_of(gimp, image)) == 1


def test_a_new_layer_is_whole_despite_a_selection(gimp: RealGimp) -> None:
    """Without a strength map the selection does not cut a new layer."""
    pixels = photo(3)
    image, layer = open_photo(gimp, pixels)
    select(gimp, image, (0, 0, 4, 4))
    restore(gimp, image, layer, denoise=100.0)
    top = layers_of(gimp, image)[0]["id"]
    assert np.array_equal(pixels_of(gimp, top, pixels), 255 - pixels)


def test_effects_stay_on_the_result(gimp: RealGimp) -> None:
    """A layer with effects is restored below them, and the result has the same effects."""
    pixels = photo(3)
    image, layer = open_photo(gimp, pixels, offset=(4, 5))
    code = """
layer = item(layer)
layer.append_filter(Gimp.DrawableFilter.new(layer, "gegl:invert-gamma", "invert"))
add_mask(layer, map_)
"""
    gimp.do(code, layer=layer, map_=photo(1, seed=2))
    assert restore(gimp, image, layer, denoise=100.0)["status"] == "success"
    result, original = layers_of(gimp, image)
    assert (result["filters"], original["filters"]) == (1, 1)
    assert (result["offset"], result["mask"]) == ([4, 5], False)
    assert np.array_equal(pixels_of(gimp, result["id"], pixels), 255 - pixels)


def test_inside_a_group(gimp: RealGimp) -> None:
    """A layer in a group gets its result in the same group."""
    pixels = photo(3)
    image, layer = open_photo(gimp, pixels)
    code = """
on = image(on)
group = Gimp.GroupLayer.new(on, "group")
on.insert_layer(group, None, 0)
on.reorder_item(item(layer), group, 0)
"""
    gimp.do(code, on=image, layer=layer)
    restore(gimp, image, layer)
    names = [line["name"] for line in layers_of(gimp, image)]
    assert names == ["group", "photo (restored)", "photo"]


@pytest.mark.parametrize("invert", [False, True])
def test_a_channel_as_strength(gimp: RealGimp, invert: bool) -> None:
    """A channel lies on the picture, as the user sees it; inverted, black has the strength."""
    pixels, offset, rectangle = photo(3), (6, -9), (10, 30, 12, 200)
    image, layer = open_photo(gimp, pixels, offset=offset)
    select(gimp, image, rectangle)
    code = """
kept = Gimp.Selection.save(image(on))
Gimp.Selection.none(image(on))
answer = restore(image(on), [item(layer)], mask="drawable", mask_drawable=kept, **arguments)
"""
    arguments = {"denoise": 80.0, "denoise_outside": 20.0, "invert": invert}
    assert gimp.do(code, on=image, layer=layer, arguments=arguments)["status"] == "success"
    white = inside_of(rectangle, offset) != invert
    expected = pixels + (255.0 - 2.0 * pixels) * np.where(white, 0.8, 0.2)
    top = layers_of(gimp, image)[0]["id"]
    assert np.abs(pixels_of(gimp, top, pixels) - expected).max() <= 0.51


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("precision", ["u8-non-linear", "u16-non-linear", "float-linear"])
def test_a_layer_as_strength(gimp: RealGimp, precision: str, alpha: bool) -> None:
    """Middle gray in it is half the strength, and where it is transparent it is black."""
    pixels, grays = photo(3, np.float32), photo(1, np.uint8, seed=2)
    opaque = np.where(np.arange(WIDTH) < 20, 255, 0).astype(np.uint8)[None, :, None]
    map_ = np.concatenate([grays] * 3 + [opaque + 0 * grays] * alpha, axis=2)
    image, layer = open_photo(gimp, pixels, "R'G'B' float", precision=precision)
    code = """
model = "R'G'B'A u8" if alpha else "R'G'B' u8"
other = new_layer(image(on), map_, model, width, height, alpha=alpha, name="map")
answer = restore(image(on), [item(layer)], mask="drawable", mask_drawable=other, denoise=100.0)
"""
    values = {"map_": map_, "alpha": alpha, "width": WIDTH, "height": HEIGHT}
    assert gimp.do(code, on=image, layer=layer, **values)["status"] == "success"
    strength = grays / 255 * (opaque / 255 if alpha else 1)
    expected = pixels + (1 - 2 * pixels) * strength
    result = next(line for line in layers_of(gimp, image) if line["name"] == "photo (restored)")
    after = pixels_of(gimp, result["id"], pixels, "R'G'B' float")
    assert np.abs(after - expected).max() <= 1.6 / 255


def test_a_new_picture_for_upscaling(gimp: RealGimp) -> None:
    """It has the larger layer and the same precision; the picture itself is as before."""
    pixels = photo(3)
    image, layer = open_photo(gimp, pixels)
    code = """
procedure = Gimp.get_pdb().lookup_procedure("plug-in-dni-restore")
config = procedure.create_config()
config.set_property("image", image(on))
config.set_core_object_array("drawables", [item(layer)])
config.set_property("denoise-on", False)
config.set_property("scale", "x2")
config.set_property("sharpness", 0.0)
result = procedure.run(config).index(1)
made = result.get_image()
answer = [made.get_id() != on, made.get_width(), made.get_height(), describe(made)[0]["size"],
          raw_pixels(result), made.get_precision().value_nick]
"""
    is_new, *size, layer_size, data, precision = gimp.do(code, on=image, layer=layer)
    assert is_new
    assert size == layer_size == [2 * WIDTH, 2 * HEIGHT]
    assert precision == "u8-non-linear"
    large = np.frombuffer(data, np.uint8).reshape(2 * HEIGHT, 2 * WIDTH, 3)
    assert np.array_equal(large[::2, ::2], pixels)
    assert np.array_equal(large[1::2, 1::2], pixels)
    assert [line["size"] for line in layers_of(gimp, image)] == [[WIDTH, HEIGHT]]


WITH_PATH = """
on = image(on)
guides = [on.add_hguide(11), on.add_vguide(23)]
path = Gimp.Path.new(on, "outline")
on.insert_path(path, None, 0)
points = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 20.0, 21.0, 22.0, 23.0, 24.0, 25.0]
path.stroke_new_from_points(Gimp.PathStrokeType.BEZIER, points, True)

def marks(of):
    places = [of.get_guide_position(guide) for guide in guides if of == on]
    strokes = [list(path.stroke_get_points(stroke)[1:]) for stroke in path.get_strokes()]
    return [places, [path.get_name() for path in of.get_paths()], strokes[0][-2:], len(strokes)]

before = marks(on)
"""


@pytest.mark.parametrize("enlarge", ["new-image", "this-image"])
def test_paths_and_guides_stay(gimp: RealGimp, enlarge: str) -> None:
    """A new picture takes none away; scaled with this picture, they lie where they lay on it."""
    image, layer = open_photo(gimp, photo(3), offset=(5, 7))
    code = """
pictures = len(Gimp.get_images())
called = restore(on, [item(layer)], scale="x2", enlarge=enlarge, denoise_on=False)
answer = [called["status"], before, marks(on), len(Gimp.get_images()) - pictures]
"""
    values = {"layer": layer, "enlarge": enlarge}
    status, before, after, more = gimp.do(WITH_PATH + code, on=image, **values)
    assert (status, more) == ("success", int(enlarge == "new-image"))
    assert before[:2] == [[11, 23], ["outline"]]
    times = 1 if enlarge == "new-image" else 2
    points, closed = before[2]
    assert len(points) == 12
    assert closed is True
    stroke = [[times * at for at in points], True]
    assert after == [[times * at for at in before[0]], ["outline"], stroke, 1]


def test_scaling_this_picture(gimp: RealGimp) -> None:
    """Layers, guides and the new layer are where they were on the picture."""
    pixels = photo(3)
    image, layer = open_photo(gimp, pixels, offset=(5, 7))
    code = """
on = image(on)
other = new_layer(on, bytes(30), "R'G'B' u8", 5, 2, name="above", offset=(3, 4))
guide = on.add_hguide(11)
answer = restore(on, [item(layer)], scale="x2", enlarge="this-image", denoise_on=False)
answer = [answer, on.get_guide_position(guide), on.get_width()]
"""
    called, guide, width = gimp.do(code, on=image, layer=layer)
    assert called == {"status": "success", "error": ""}
    assert (guide, width) == (22, 2 * WIDTH)
    lines = [(line["name"], line["offset"], line["size"]) for line in layers_of(gimp, image)]
    assert lines == [
        ("above", [6, 8], [10, 4]),
        ("photo (restored)", [10, 14], [2 * WIDTH, 2 * HEIGHT]),
        ("photo", [10, 14], [2 * WIDTH, 2 * HEIGHT]),
    ]


def test_several_effects(gimp: RealGimp) -> None:
    """What is switched on goes to the daemon in one recipe; with Auto the pack is asked first."""
    image, layer = open_photo(gimp, photo(3))
    restore(gimp, image, layer, dejpeg_on=True, dejpeg=25.0, denoise_auto=True)
    asked, done = (head for head in gimp.sent() if head["kind"] in ("auto", "restore"))
    assert [stage["effect"] for stage in asked["recipe"]["stages"]] == ["denoise"]
    stages = [(stage["effect"], stage["strength"]) for stage in done["recipe"]["stages"]]
    assert stages == [("dejpeg", 0.25), ("denoise", 0.3)]


def test_blending_a_pack(gimp: RealGimp) -> None:
    """The shares go to the daemon in the order of the pack's anchors, with sum 1."""
    pixels = photo(3)
    image, layer = open_photo(gimp, pixels)
    arguments = {"procedure": "blend", "pack": "dof", "shares": "far=3 near=1"}
    assert restore(gimp, image, layer, **arguments)["status"] == "success"
    stage = gimp.sent()[-2]["recipe"]["stages"][0]
    assert (stage["effect"], stage["pack"], stage["shares"]) == ("dof", "dof", [0.25, 0.75])
    top = layers_of(gimp, image)[0]["id"]
    expected = pixels + (255.0 - 2.0 * pixels) * 0.75
    assert np.abs(pixels_of(gimp, top, pixels) - expected).max() <= 0.51
