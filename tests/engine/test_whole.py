"""Depth of field: the whole picture at a working size, its change brought to the picture's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.small import DOF_SIDE, FULL_SCALE, Pixels, photo, quantised, write_dof

from dnid.engine import tiling
from dnid.engine.engine import Engine
from dnid.engine.part import Part
from dnid.engine.pixels import TileReader
from dnid.engine.reduce import reduce_picture, working_shape
from dnid.errors import BadImage, BadMask, Cancelled, NoSubject
from dnid.packs.store import PackStore
from dnid.recipe import Recipe, Stage

GRAY_BACKGROUND = {"slope": -1.0, "bias": 0.5}
DARKENING = {"slope": 0.0, "bias": -0.25}

Make = Callable[..., Engine]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """An engine with one dof pack, of which `write_dof` is told."""

    def engine(slope: float = -1.0, bias: float = 0.5, *, finds: bool = True) -> Engine:
        write_dof(tmp_path, slope, bias, finds=finds)
        return Engine(PackStore([tmp_path]))

    return engine


def dof(strength: float = 1.0, outside: float = 0.0) -> Recipe:
    return Recipe((Stage("dof", strength, outside),))


def half_mask(height: int, width: int) -> Pixels:
    """White at the right half."""
    mask = np.zeros((height, width), np.uint8)
    mask[:, width // 2 :] = 255
    return mask


def scene(height: int = 150, width: int = 200) -> Pixels:
    """Noise with a red square in its middle, in uint8."""
    values = np.random.default_rng(1).uniform(0.1, 0.4, (height, width, 3)).astype(np.float32)
    values[height // 4 : -height // 4, width // 4 : -width // 4] = (1.0, 0.3, 0.3)
    return quantised(values, "uint8")


def test_nothing_of_the_subject_bleeds(make: Make) -> None:
    """Behind another subject the background is the same, bit for bit."""
    one, mask = scene(), np.full((150, 200), 255, np.uint8)
    mask[30:-30, 40:-40] = 0
    other = np.where(mask[..., None] == 0, 255 - one, one).astype(np.uint8)
    engine = make(slope=-0.5, bias=0.1)
    first, second = (engine.restore(x, dof(), mask).pixels for x in (one, other))
    assert np.array_equal(first[mask == 255], second[mask == 255])
    assert np.array_equal(second[mask == 0], other[mask == 0])


@pytest.mark.parametrize("dtype", list(FULL_SCALE))
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_black_of_the_mask_is_the_photo(make: Make, channels: int, dtype: str) -> None:
    """Bit for bit, whatever the picture's form; white becomes what the network says."""
    image = photo(70, 130, channels, dtype)
    result = make(finds=False).restore(image, dof(), half_mask(70, 130)).pixels
    np.testing.assert_array_equal(result[:, :65], image[:, :65])
    colours = channels - 1 if channels in (2, 4) else channels
    seen = image[:, 65:, -1] > 0 if channels in (2, 4) else np.full((70, 65), True)
    soft = result[:, 65:, :colours][seen].astype(np.float64) / FULL_SCALE[dtype]
    assert np.abs(soft - 0.5).max() <= 0.6 / 255
    np.testing.assert_array_equal(result[..., colours:], image[..., colours:])


@pytest.mark.parametrize("side", [20, 64, 300])
def test_detail_that_the_network_leaves_is_left(make: Make, side: int) -> None:
    """A network that only darkens takes nothing of the finest grain of a larger picture."""
    image = quantised(photo(side, side * 2, 3, "float32") * 0.5 + 0.3, "uint16")
    mask = np.full(image.shape[:2], 255, np.uint8)
    result = make(**DARKENING, finds=False).restore(image, dof(), mask).pixels
    wanted = image / 65535 - 0.25
    assert np.abs(result / 65535 - wanted).max() < 2 / 255


def test_gray_of_the_mask_is_a_strength(make: Make) -> None:
    """s(p) = outside + (inside − outside) · m(p), in the network's own weights."""
    image = quantised(np.full((90, 120, 3), 0.9, np.float32), "uint8")
    ramp = np.linspace(0, 255, 120).astype(np.uint8)[None].repeat(90, 0)
    result = make(finds=False).restore(image, dof(1.0, outside=0.4), ramp).pixels[45, 8:-8, 0]
    strengths = 0.4 + 0.6 * ramp[45, 8:-8] / 255
    assert np.abs(result / 255 - (0.9 - strengths * 0.4)).max() < 2 / 255


def test_the_subject_is_found_and_stays(make: Make) -> None:
    """Without a mask: bit for bit inside of the subject; the rest becomes soft."""
    image = scene()
    result = make().restore(image, dof()).pixels
    np.testing.assert_array_equal(result[45:-45, 60:-60], image[45:-45, 60:-60])
    outside = np.ones((150, 200), bool)
    outside[30:-30, 42:-42] = False
    off = np.abs(result[outside] / 255.0 - 0.5)
    assert off.mean() < 0.5 / 255


def test_the_subjects_map_has_the_pictures_edges(make: Make) -> None:
    """At the picture's own size, sharper than the working size could be."""
    image = scene(600, 800)
    found = make().subject(image)
    wanted = np.zeros((600, 800), bool)
    wanted[150:-150, 200:-200] = True
    assert found.pixels.shape == (600, 800, 1)
    assert found.packs[0].id == "dof"
    wrong = (found.pixels[..., 0] > 127) != wanted
    assert wrong.sum() < 0.1 * 1400  # of the edge's pixels, each 12.5 times smaller than one there


@pytest.mark.parametrize("red", [0.0, 1.0])
def test_nothing_stands_out(make: Make, red: float) -> None:
    """No red, or nothing but red: the user is asked for a mask, and nothing is guessed."""
    image = quantised(np.full((50, 60, 3), (red, 0.2, 0.2), np.float32), "uint8")
    engine = make()
    with pytest.raises(NoSubject, match="paint a mask"):
        engine.restore(image, dof())
    with pytest.raises(NoSubject, match="paint a mask"):
        engine.subject(image)


def test_a_pack_without_a_finder_needs_a_mask(make: Make) -> None:
    """It says so."""
    with pytest.raises(NoSubject, match="finds no subject by itself; paint a mask"):
        make(finds=False).restore(scene(), dof())


@pytest.mark.parametrize("masked", [False, True])
def test_a_part_is_cut_out_of_the_whole(make: Make, masked: bool) -> None:
    """A preview of a part, with the whole picture beside it, is that part of the result."""
    image = scene()
    mask = half_mask(150, 200) if masked else None
    engine = make()
    all_of_it = engine.restore(image, dof(), mask).pixels
    box = np.s_[20:90, 33:190]
    part = Part(150, 200, 20, 33, image, mask)
    found = engine.restore(image[box], dof(), None if mask is None else mask[box], part=part).pixels
    np.testing.assert_array_equal(found, all_of_it[box])


def test_a_part_must_lie_inside(make: Make) -> None:
    """Else the numbers are wrong; and a mask is known for all of the picture, or for none."""
    image = scene()
    with pytest.raises(BadImage, match="does not lie inside"):
        make().restore(image[:50], dof(), part=Part(150, 200, 101, 0, image, None))
    part = Part(150, 200, 0, 0, image, half_mask(150, 200))
    with pytest.raises(BadMask, match="only then"):
        Engine(PackStore([])).restore(image[:50], dof(), part=part)


def test_cancelled_before_the_next_strip(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """No further strip is computed, and the input is as it was."""
    monkeypatch.setattr(tiling, "STRIP_PIXELS", 1000)
    image, asked = scene(), []
    kept = image.copy()

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 3

    with pytest.raises(Cancelled):
        make().restore(image, dof(), cancelled=cancelled)
    assert len(asked) == 4
    np.testing.assert_array_equal(image, kept)


def test_strips_do_not_show(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the picture is cut, the result is the same."""
    image, engine = scene(), make()
    at_once = engine.restore(image, dof()).pixels
    monkeypatch.setattr(tiling, "STRIP_PIXELS", 700)
    in_strips = engine.restore(image, dof()).pixels
    assert np.abs(in_strips.astype(int) - at_once).max() <= 1


def test_not_finite_is_refused(make: Make) -> None:
    """Wherever in the picture it is."""
    image = photo(60, 60, 3, "float32")
    image[50, 50, 1] = np.nan
    with pytest.raises(BadImage, match="NaN"):
        make().restore(image, dof())


@pytest.mark.parametrize(("height", "width"), [(96, 192), (150, 200), (1000, 3)])
def test_reduced_to_means_over_areas(
    height: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The longer side becomes the working side; brightness is kept, strip by strip."""
    monkeypatch.setattr(tiling, "STRIP_PIXELS", 2000)
    image = photo(height, width, 3, "float32")
    small = reduce_picture(TileReader(image), DOF_SIDE)
    assert tuple(small.shape[-2:]) == working_shape(height, width, DOF_SIDE)
    assert max(small.shape[-2:]) == DOF_SIDE
    assert float(small.mean()) == pytest.approx(float(image.mean()), abs=2e-3)
    if width == 192:
        wanted = image.reshape(32, 3, 64, 3, 3).mean((1, 3))
        torch.testing.assert_close(small[0].permute(1, 2, 0), torch.from_numpy(wanted))
