"""Image and recipe in, image out: every pixel is accounted for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.small_engine import assert_holds, denoise, engine_in, expected, tiles_of
from tests.small import FULL_SCALE, Pixels, photo, quantised, random_anchors, write_pack

from dnid.engine.engine import Engine
from dnid.engine.result import Progress
from dnid.errors import BadImage, BadMask, DeviceUnavailable, NotFinite, PackNotFound
from dnid.recipe import Execution, Recipe, Stage

DTYPES = ("uint8", "uint16", "float32")


@pytest.fixture(scope="module")
def engine(packs: Path) -> Engine:
    return engine_in(packs)


def colours(image: Pixels) -> Pixels:
    return image[..., : 1 if image.shape[2] <= 2 else 3]


# Strength


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_strength_0_is_the_input(engine: Engine, channels: int, dtype: str) -> None:
    """Strength 0 returns the input bit for bit, and not the same array."""
    image = photo(9, 7, channels, dtype)
    restored = engine.restore(image, denoise(0.0))
    assert restored.pixels.tobytes() == image.tobytes()
    assert (restored.pixels.dtype, restored.pixels.shape) == (image.dtype, image.shape)
    assert not np.shares_memory(restored.pixels, image)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_the_result_is_the_blended_networks(engine: Engine, channels: int, dtype: str) -> None:
    """Every kind of picture comes back as the network's output, rounded to its dtype."""
    image = photo(13, 11, channels, dtype)
    image[..., 3:] = FULL_SCALE[dtype]  # opaque, so that every colour is visible
    image[..., 1:2] = FULL_SCALE[dtype] if channels == 2 else image[..., 1:2]
    restored = engine.restore(image, denoise(0.7)).pixels
    assert (restored.dtype, restored.shape) == (image.dtype, image.shape)
    assert_holds(colours(restored), expected(engine, colours(image), 0.7))
    if channels in (2, 4):
        assert restored[..., -1].tobytes() == image[..., -1].tobytes()
    assert np.abs(colours(restored) - colours(image).astype(float)).max() > FULL_SCALE[dtype] / 100


def test_the_input_is_not_changed(engine: Engine) -> None:
    """A picture that must not be written, and views of it, work and stay as they are."""
    image = photo(16, 12, 3, "uint8")
    before = image.copy()
    image.flags.writeable = False
    straight = engine.restore(image, denoise(1.0)).pixels
    assert np.array_equal(image, before)
    turned = engine.restore(before[::-1, ::-1][::-1, ::-1], denoise(1.0)).pixels
    assert np.array_equal(straight, turned)


def test_values_outside_0_to_1_survive(engine: Engine) -> None:
    """In a float picture what lies beyond 0..1 is taken off for the network and added again."""
    image = np.linspace(-2, 3, 10 * 10 * 3, dtype=np.float32).reshape(10, 10, 3)
    restored = engine.restore(image, denoise(0.5)).pixels
    assert_holds(restored, expected(engine, image, 0.5))
    assert restored.min() < -1
    assert restored.max() > 2


def test_what_ran_is_told(engine: Engine, packs: Path) -> None:
    """The result names pack, hash, device and number format."""
    restored = engine.restore(photo(4, 4, 3, "uint8"), denoise(1.0))
    pack = engine.store.find("denoise")
    assert [(used.id, used.sha256) for used in restored.packs] == [("denoise", pack.sha256)]
    assert (restored.device, restored.format) == ("cpu", "float32")
    assert restored.seconds > 0


# Tiles


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    budget=st.integers(800, 2500),
    masked=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_tiled_equals_untiled(
    engine: Engine, height: int, width: int, budget: int, masked: bool
) -> None:
    """With the full halo no tile size shows, down to pictures of one pixel."""
    image = photo(height, width, 3, "float32")
    mask = np.linspace(0, 1, height * width, dtype=np.float32).reshape(height, width)
    recipe = denoise(0.9, 0.2)
    whole = engine.restore(image, recipe, mask if masked else None).pixels
    with tiles_of(budget):
        tiled = engine.restore(image, recipe, mask if masked else None).pixels
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5)


def test_the_smallest_tiles_equal_untiled(engine: Engine) -> None:
    """So do tiles of one multiple."""
    image = photo(7, 5, 3, "float32")
    whole = engine.restore(image, denoise(0.9)).pixels
    with tiles_of(1):
        tiled = engine.restore(image, denoise(0.9)).pixels
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5)


def test_too_small_a_halo_shows(tmp_path: Path) -> None:
    """The test above can fail: without a halo tiles do differ."""
    write_pack(tmp_path, halo=0)
    engine = engine_in(tmp_path)
    image = photo(40, 40, 3, "float32")
    whole = engine.restore(image, denoise(1.0)).pixels
    with tiles_of(400):
        assert np.abs(engine.restore(image, denoise(1.0)).pixels - whole).max() > 1e-3


def test_exact_tiles_take_the_networks_own_halo(tmp_path: Path) -> None:
    """They are exact whatever the pack's manifest says."""
    write_pack(tmp_path, halo=0)
    engine = engine_in(tmp_path)
    image = photo(40, 40, 3, "float32")
    whole = engine.restore(image, denoise(1.0)).pixels
    with tiles_of(1000):
        tiled = engine.restore(image, denoise(1.0), how=Execution(exact_tiles=True)).pixels
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5)


# Mask


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m", [0.0, 0.2, 1.0])
def test_the_mask_moves_between_outside_and_inside(engine: Engine, m: float, dtype: str) -> None:
    """A mask of one value m gives outside + (inside − outside) · m."""
    image = photo(12, 10, 3, "float32")
    mask = quantised(np.full((12, 10), m), dtype)
    restored = engine.restore(image, denoise(0.9, 0.3), mask).pixels
    assert_holds(restored, expected(engine, image, 0.3 + 0.6 * m))


def test_each_pixel_has_its_own_strength(engine: Engine) -> None:
    """Far from the mask's edge each side is its plain network's; strengths may also fall."""
    image = photo(8, 64, 3, "float32")
    mask = np.zeros((8, 64), np.uint8)
    mask[:, 32:] = 255
    restored = engine.restore(image, denoise(0.25, 0.75), mask).pixels
    np.testing.assert_allclose(
        restored[:, :20], expected(engine, image, 0.75)[:, :20], rtol=0, atol=1e-5
    )
    np.testing.assert_allclose(
        restored[:, 44:], expected(engine, image, 0.25)[:, 44:], rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("budget", [1000, 1 << 20])
def test_pixels_of_strength_0_are_the_input(engine: Engine, budget: int, dtype: str) -> None:
    """Where the mask gives strength 0 the input's bits come back, the others change."""
    image = photo(24, 24, 3, dtype)
    mask = np.random.default_rng(1).integers(0, 2, (24, 24), np.uint8) * 255
    mask[:12, :12] = 0
    with tiles_of(budget):
        restored = engine.restore(image, denoise(1.0), mask).pixels
    assert restored[mask == 0].tobytes() == image[mask == 0].tobytes()
    assert (restored[mask > 0] != image[mask > 0]).any(axis=-1).mean() > 0.9


def test_float_masks_are_clipped(engine: Engine) -> None:
    """Mask values beyond 0..1 count as 0 and 1."""
    image = photo(8, 8, 3, "uint8")
    wild = np.where(np.arange(64).reshape(8, 8) % 3 == 0, np.float32(-5), np.float32(7))
    tame = np.clip(wild, 0, 1)
    found, wanted = (engine.restore(image, denoise(1.0), mask).pixels for mask in (wild, tame))
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (np.zeros((8, 9), np.uint8), "must be 8 × 8 pixels, not 9 × 8"),
        (np.zeros((8, 8, 1), np.uint8), "must be 8 × 8 pixels"),
        (np.zeros((8, 8), np.int32), "not int32"),
        (np.full((8, 8), np.nan, np.float32), "NaN"),
    ],
)
def test_masks_that_do_not_fit_are_refused(engine: Engine, mask: Pixels, said: str) -> None:
    """The error says what the mask must be."""
    with pytest.raises(BadMask, match=said):
        engine.restore(photo(8, 8, 3, "uint8"), denoise(1.0), mask)


# Alpha


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("budget", [1000, 1 << 20])
def test_transparent_colour_does_not_bleed(
    engine: Engine, channels: int, dtype: str, budget: int
) -> None:
    """Garbage under a checker of alpha 0 changes no visible pixel, and is kept itself."""
    image = photo(20, 20, channels, dtype)
    hidden = np.indices((20, 20)).sum(0) % 2 == 0
    hidden[:, :8] = True  # and wide areas of it
    image[..., -1] = np.where(hidden, 0, FULL_SCALE[dtype])
    other = image.copy()
    other[hidden, :-1] = FULL_SCALE[dtype] - other[hidden, :-1]
    with tiles_of(budget):
        first, second = (engine.restore(i, denoise(1.0)).pixels for i in (image, other))
    assert np.array_equal(first[~hidden], second[~hidden])
    assert first[hidden].tobytes() == image[hidden].tobytes()
    assert second[hidden].tobytes() == other[hidden].tobytes()
    assert first[..., -1].tobytes() == image[..., -1].tobytes()
    assert (first[~hidden] != image[~hidden]).any()


def test_a_wholly_transparent_picture_is_the_input(engine: Engine) -> None:
    """Where nothing is visible nothing changes."""
    image = photo(6, 6, 4, "uint8")
    image[..., 3] = 0
    assert engine.restore(image, denoise(1.0)).pixels.tobytes() == image.tobytes()


def test_tiles_of_a_transparent_picture_equal_the_whole(engine: Engine) -> None:
    """The filling of transparent pixels reads no further than the tile's halo."""
    image = photo(96, 96, 4, "float32")
    image[..., 3] = np.random.default_rng(2).random((96, 96)) > 0.97  # few and far between
    whole = engine.restore(image, denoise(1.0)).pixels
    with tiles_of(4000):
        tiled = engine.restore(image, denoise(1.0)).pixels
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5)


# Stages


@pytest.fixture(scope="module")
def two_effects(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("two")
    for seed, effect in enumerate(("dejpeg", "denoise")):
        write_pack(folder, random_anchors(10 * seed), id=effect, effect=effect)
    return engine_in(folder)


@pytest.mark.parametrize("dtype", DTYPES)
def test_stages_run_in_the_documented_order(two_effects: Engine, dtype: str) -> None:
    """dejpeg runs before denoise however the recipe lists them, without rounding between."""
    image = photo(10, 12, 3, dtype)
    stages = (Stage("denoise", 0.8), Stage("dejpeg", 0.4))
    found = [two_effects.restore(image, Recipe(s)) for s in (stages, stages[::-1])]
    assert [used.id for used in found[0].packs] == ["dejpeg", "denoise"]
    assert np.array_equal(found[0].pixels, found[1].pixels)
    first = expected(two_effects, image, 0.4, "dejpeg").astype(np.float32)
    assert_holds(found[0].pixels, expected(two_effects, first, 0.8))


def test_a_stage_of_strength_0_does_not_run(two_effects: Engine) -> None:
    """It changes nothing and its pack is not reported."""
    image = photo(10, 12, 3, "uint16")
    both = two_effects.restore(image, Recipe((Stage("dejpeg", 0.0), Stage("denoise", 0.8))))
    assert [used.id for used in both.packs] == ["denoise"]
    assert np.array_equal(both.pixels, two_effects.restore(image, denoise(0.8)).pixels)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_two_stages_keep_what_one_keeps(two_effects: Engine, dtype: str) -> None:
    """Alpha, hidden colours and unmasked pixels survive the way through float bit for bit."""
    image = photo(16, 16, 4, dtype)
    image[:4, :, 3] = 0
    mask = np.zeros((16, 16), np.uint8)
    mask[:, 8:] = 255
    recipe = Recipe((Stage("denoise", 1.0), Stage("dejpeg", 1.0)))
    restored = two_effects.restore(image, recipe, mask).pixels
    assert restored[..., 3].tobytes() == image[..., 3].tobytes()
    assert restored[:4].tobytes() == image[:4].tobytes()
    assert restored[:, :8].tobytes() == image[:, :8].tobytes()
    assert not np.array_equal(restored[4:, 8:], image[4:, 8:])


# Numbers


def test_overflow_in_a_reduced_format_reruns_in_float32(tmp_path: Path) -> None:
    """A tile whose float16 result is not finite is computed again in float32, and only so."""
    anchors = random_anchors()
    for state in anchors.values():
        state["head.weight"] *= 1e6  # beyond float16 on the way, and back at the end
        state["tail.weight"] *= 1e-6
    write_pack(tmp_path, anchors)
    engine = engine_in(tmp_path, "float16")
    image = photo(8, 8, 3, "float32")
    wanted = expected(engine, image, 1.0)
    assert np.isfinite(wanted).all()
    assert_holds(engine.restore(image, denoise(1.0)).pixels, wanted)


@pytest.mark.parametrize("mask", [None, np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)])
def test_overflow_in_float32_is_told(tmp_path: Path, mask: Pixels | None) -> None:
    """A network that is not finite even in float32 gives an error, never a wrong pixel."""
    anchors = random_anchors()
    for state in anchors.values():
        state["head.weight"].fill_(1e30)
        state["tail.weight"].fill_(1e30)
    write_pack(tmp_path, anchors)
    with pytest.raises(NotFinite, match="denoise"):
        engine_in(tmp_path).restore(photo(8, 8, 3, "uint8"), denoise(1.0), mask)


@pytest.mark.parametrize("channel", range(4))
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pictures_that_are_not_finite_are_refused(
    engine: Engine, channel: int, value: float
) -> None:
    """NaN or infinity in any channel, alpha included, is an error of the picture."""
    image = photo(8, 8, 4, "float32")
    image[3, 5, channel] = value
    with pytest.raises(BadImage, match="NaN or infinity"):
        engine.restore(image, denoise(1.0))


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.zeros((0, 4, 3), np.uint8), "4 × 0 pixels"),
        (np.zeros((4, 0, 3), np.uint8), "0 × 4 pixels"),
        (np.zeros((4, 4), np.uint8), "channels"),
        (np.zeros((4, 4, 5), np.uint8), "channels"),
        (np.zeros((4, 4, 0), np.uint8), "channels"),
        (np.zeros((4, 4, 3), np.float64), "float64"),
        (np.zeros((4, 4, 3), np.int8), "int8"),
        (np.zeros((4, 4, 3), np.dtype(np.float32).newbyteorder()), "byte order"),
        (np.broadcast_to(np.uint8(0), (1 << 15, 1 << 15, 3)), "megapixels"),
    ],
)
def test_what_is_no_picture_is_refused(engine: Engine, image: Pixels, said: str) -> None:
    """The door refuses in a sentence, before anything is copied."""
    with pytest.raises(BadImage, match=said):
        engine.restore(image, denoise(1.0))


# Packs and devices


def test_a_pack_that_is_not_there_is_refused(engine: Engine) -> None:
    """Neither an effect without pack nor an unknown id runs as something else."""
    for stage in (Stage("dof", 1.0), Stage("denoise", 1.0, pack="other")):
        with pytest.raises(PackNotFound):
            engine.restore(photo(4, 4, 3, "uint8"), Recipe((stage,)))


def test_an_exchanged_pack_is_loaded_anew(tmp_path: Path) -> None:
    """A daemon that has a pack loaded does not go on with the old weights when it changes."""
    write_pack(tmp_path / "a", random_anchors(1))
    write_pack(tmp_path / "b", random_anchors(2))
    (tmp_path / "packs").symlink_to("a")
    engine = engine_in(tmp_path / "packs")
    image = photo(8, 8, 3, "float32")
    old = engine.restore(image, denoise(1.0))
    (tmp_path / "packs").unlink()
    (tmp_path / "packs").symlink_to("b")
    new = engine.restore(image, denoise(1.0))
    assert old.packs != new.packs
    assert np.abs(new.pixels - old.pixels).max() > 1e-3


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there_is_refused(engine: Engine) -> None:
    """Who asks for the GPU does not get the processor in silence."""
    with pytest.raises(DeviceUnavailable, match="choose auto or cpu"):
        engine.restore(photo(4, 4, 3, "uint8"), denoise(1.0), how=Execution("cuda"))


def test_loading_is_told_first(engine: Engine) -> None:
    """Progress begins with `loading` and ends with all tiles done."""
    told: list[Progress] = []
    engine.restore(photo(4, 4, 3, "uint8"), denoise(1.0), progress=told.append)
    assert told == [Progress("loading"), Progress("running", 0, 1), Progress("running", 1, 1)]
