"""Stages that enlarge: every pixel of the larger picture is accounted for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.small_engine import DTYPES, assert_holds, engine_in, enlarge, expected, tiles_of
from tests.small import (
    FULL_SCALE,
    enlarger_options,
    photo,
    random_anchors,
    write_enlarger,
    write_pack,
)
from torch import Tensor

from dnid.engine import runner as runner_module
from dnid.engine.device import Choice
from dnid.engine.engine import Engine
from dnid.engine.runner import PackRunner
from dnid.errors import BadImage, PackNotFound
from dnid.packs.store import PackStore, open_pack
from dnid.recipe import Recipe, Stage


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("enlargers")
    write_enlarger(folder, 2)
    write_enlarger(folder, 4)
    write_pack(folder)
    return engine_in(folder)


@pytest.mark.parametrize("scale", [2, 4])
def test_the_number_format_is_measured_on_a_result_of_one_size(
    scale: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever enlarges first on a machine waits for it; a result 16 times larger took 5 seconds."""
    seen: list[Tensor] = []

    def choose(_: object, __: object, ___: object, probe: Tensor) -> Choice:
        seen.append(probe)
        return Choice("cpu", "float32", 1.0, 999.0)

    monkeypatch.setattr(runner_module, "choose_format", choose)
    PackRunner(open_pack(write_enlarger(tmp_path, scale)), torch.device("cpu"))
    assert [tuple(probe.shape) for probe in seen] == [(1, 3, 384 // scale, 384 // scale)]


@pytest.mark.parametrize("sharpness", [0.0, 0.7])
@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_result_is_the_networks(
    engine: Engine, dtype: str, channels: int, scale: int, sharpness: float
) -> None:
    """Gray and colour come back larger, at sharpness 0 as well, and as the input's kind."""
    image = photo(7, 5, channels, dtype)
    restored = engine.restore(image, enlarge(scale, sharpness)).pixels
    assert (restored.dtype, restored.shape) == (image.dtype, (7 * scale, 5 * scale, channels))
    assert_holds(restored, expected(engine, image, sharpness, "sr", scale))


def test_scale_1_does_not_run(engine: Engine) -> None:
    """A stage for sr that does not enlarge leaves the picture as it is."""
    image = photo(6, 6, 3, "uint8")
    restored = engine.restore(image, enlarge(1, 1.0))
    assert restored.packs == ()
    assert np.array_equal(restored.pixels, image)


@given(
    height=st.integers(1, 30),
    width=st.integers(1, 30),
    budget=st.integers(576, 900),
    channels=st.integers(1, 4),
    scale=st.sampled_from([2, 4]),
    masked=st.booleans(),
)
@settings(max_examples=15, deadline=None)
def test_tiled_equals_untiled(
    engine: Engine,
    height: int,
    width: int,
    budget: int,
    channels: int,
    scale: int,
    masked: bool,
) -> None:
    """No tile size shows: not in colours, alpha, or what lies beyond 0..1."""
    image = photo(height, width, channels, "float32") * 3 - 1
    image[::3, :, -1] = 0
    mask = np.linspace(0, 1, height * width, dtype=np.float32).reshape(height, width)
    recipe = enlarge(scale, 0.9, 0.1)
    whole = engine.restore(image, recipe, mask if masked else None).pixels
    with tiles_of(budget):
        tiled = engine.restore(image, recipe, mask if masked else None).pixels
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("m", [0.0, 0.2, 1.0])
def test_a_mask_moves_the_sharpness(engine: Engine, m: float) -> None:
    """A mask of one value m gives outside + (inside − outside) · m, larger at 0 too."""
    image = photo(8, 8, 3, "float32")
    mask = np.full((8, 8), m, np.float32)
    restored = engine.restore(image, enlarge(2, 0.9, 0.1), mask).pixels
    assert_holds(restored, expected(engine, image, 0.1 + 0.8 * m, "sr", 2))


def test_each_pixel_has_its_own_sharpness(engine: Engine) -> None:
    """Far from the mask's edge each side is its plain network's, at strength 0 too."""
    image = photo(8, 40, 3, "uint8")
    mask = np.zeros((8, 40), np.uint8)
    mask[:, 20:] = 255
    restored = engine.restore(image, enlarge(4, 1.0), mask).pixels
    soft, crisp = (expected(engine, image, sharpness, "sr", 4) for sharpness in (0.0, 1.0))
    assert_holds(restored[:, : 4 * 16], soft[:, : 4 * 16])
    assert_holds(restored[:, 4 * 24 :], crisp[:, 4 * 24 :])


# Alpha


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("budget", [300, 1 << 20])
def test_transparent_colour_does_not_bleed(
    engine: Engine, channels: int, dtype: str, budget: int
) -> None:
    """Garbage under alpha 0 changes no pixel of the larger picture that can be seen."""
    image = photo(12, 12, channels, dtype)
    hidden = np.indices((12, 12)).sum(0) % 2 == 0
    hidden[:, :6] = True
    image[..., -1] = np.where(hidden, 0, FULL_SCALE[dtype])
    other = image.copy()
    other[hidden, :-1] = FULL_SCALE[dtype] - other[hidden, :-1]
    with tiles_of(budget):
        first, second = (engine.restore(i, enlarge(2, 1.0)).pixels for i in (image, other))
    visible = first[..., -1] > 0
    assert np.array_equal(first[..., -1], second[..., -1])
    assert np.array_equal(first[visible], second[visible])
    assert 0.3 < visible.mean() < 0.6
    far = np.s_[:, : 2 * 3]  # transparent far and wide: its colours are kept, each fourfold
    assert np.array_equal(first[far], image[:, :3].repeat(2, 0).repeat(2, 1))


def test_alpha_keeps_its_plain_parts(engine: Engine) -> None:
    """Opaque stays opaque, transparent transparent; the edge between is soft and in place."""
    image = photo(8, 16, 4, "uint8")
    image[..., 3] = 255
    image[:, 8:, 3] = 0
    alpha = engine.restore(image, enlarge(4, 1.0)).pixels[..., 3].astype(int)
    assert (alpha[:, :24] == 255).all()
    assert (alpha[:, 40:] == 0).all()
    assert (np.diff(alpha, axis=1) <= 0).all()
    assert (np.abs(alpha[:, 31] + alpha[:, 32] - 255) <= 1).all()


def test_an_opaque_picture_is_enlarged_as_without_alpha(engine: Engine) -> None:
    """Where everything is visible, alpha changes no colour."""
    image = photo(9, 9, 4, "uint8")
    image[..., 3] = 255
    with_alpha, without = (
        engine.restore(i, enlarge(2, 0.5)).pixels for i in (image, image[..., :3].copy())
    )
    assert np.array_equal(with_alpha[..., :3], without)
    assert (with_alpha[..., 3] == 255).all()


def test_values_outside_0_to_1_survive(engine: Engine) -> None:
    """A light of 5 stays as bright in its middle, and nothing rings below what was there."""
    image = np.full((12, 12, 3), 0.5, np.float32)
    image[4:8, 4:8] = 5
    image[0, 0] = -2
    plain = engine.restore(np.clip(image, 0, 1), enlarge(4, 0.5)).pixels
    added = engine.restore(image, enlarge(4, 0.5)).pixels - plain
    np.testing.assert_allclose(added[4 * 5 : 4 * 7, 4 * 5 : 4 * 7], 4, rtol=0, atol=1e-5)
    np.testing.assert_allclose(added[0, 0], -2, rtol=0, atol=1e-5)
    assert added[8:].min() > -1e-5
    assert np.abs(added[4 * 10 :]).max() < 1e-5


# Stages and sizes


def test_enlarging_comes_last(engine: Engine) -> None:
    """The picture is restored at its own size and then enlarged; a mask serves both stages."""
    image = (photo(10, 12, 3, "uint16") // 4 + 20_000).astype(np.uint16)
    mask = np.full((10, 12), 65535, np.uint16)
    stages = Stage("sr", 0.3, scale=2), Stage("denoise", 0.8)
    restored = engine.restore(image, Recipe(stages), mask)
    assert [used.id for used in restored.packs] == ["denoise", "sr-x2"]
    denoised = expected(engine, image, 0.8).astype(np.float32)
    assert 0 < denoised.min() < denoised.max() < 1
    assert_holds(restored.pixels, expected(engine, denoised, 0.3, "sr", 2))


def test_too_large_a_result_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    """The bound holds for the result; the pack is not even looked for."""
    engine = Engine(PackStore([tmp_path]))
    image = np.broadcast_to(np.uint8(0), (5000, 5000, 3))
    with pytest.raises(BadImage, match="20000 × 20000 pixels; up to 268 megapixels"):
        engine.restore(image, enlarge(4, 1.0))
    with pytest.raises(PackNotFound, match="enlarges 2 times"):
        engine.restore(image, enlarge(2, 1.0))


def test_overflow_reruns_in_float32(tmp_path: Path) -> None:
    """A larger tile that is not finite in float16 is computed again in float32."""
    anchors = random_anchors(0, enlarger_options(2), "srvgg")
    for state in anchors.values():
        state["body.0.weight"] *= 1e6
        state["body.2.weight"] *= 1e-6
    write_enlarger(tmp_path, 2, anchors=anchors)
    engine = engine_in(tmp_path, "float16")
    image = photo(8, 8, 3, "float32")
    assert_holds(
        engine.restore(image, enlarge(2, 1.0)).pixels, expected(engine, image, 1.0, "sr", 2)
    )
