"""The strength that a pack proposes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.small import FULL_SCALE, Pixels, brightness_estimator, quantised, write_pack

from dnid.engine.auto import SAMPLES, TILE, samples
from dnid.engine.engine import Engine
from dnid.engine.result import PackUsed
from dnid.errors import BadImage, BadRecipe, NotFinite, PackDamaged
from dnid.packs.store import PackStore
from dnid.recipe import Recipe, Stage

DENOISE = Recipe((Stage("denoise", 0.0),))


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """An engine with a pack that proposes the picture's mean brightness, and one that does not."""
    write_pack(tmp_path, estimator=brightness_estimator())
    write_pack(tmp_path, id="dejpeg", effect="dejpeg")
    return Engine(PackStore([tmp_path]))


def grey(height: int, width: int, channels: int, dtype: str, value: float = 0.4) -> Pixels:
    return quantised(np.full((height, width, channels), value, np.float32), dtype)


@pytest.mark.parametrize("dtype", list(FULL_SCALE))
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (5, 300), (301, 290)])
def test_every_picture_gets_its_proposal(
    engine: Engine, size: tuple[int, int], channels: int, dtype: str
) -> None:
    """Whatever its size, channels and precision."""
    proposed = engine.propose(grey(*size, channels, dtype), DENOISE)
    assert proposed.strengths == {"denoise": pytest.approx(0.4, abs=1 / 500)}


def test_the_proposal_stays_on_the_slider(engine: Engine) -> None:
    """0..1, whatever the network says; float pictures beyond white are white to it."""
    white = engine.propose(grey(8, 8, 3, "float32", 7.0), DENOISE)
    assert white.strengths == {"denoise": pytest.approx(1.0)}
    weights = brightness_estimator()
    weights["tail.bias"] = torch.tensor([3.0, 0.0])
    write_pack(engine.store.folders[0], id="high", estimator=weights)
    write_pack(
        engine.store.folders[0],
        id="low",
        estimator=weights | {"tail.bias": torch.tensor([-3.0, 0])},
    )
    for pack, strength in (("high", 1.0), ("low", 0.0)):
        recipe = Recipe((Stage("denoise", 0.0, pack=pack),))
        assert engine.propose(grey(8, 8, 3, "uint8"), recipe).strengths == {"denoise": strength}


def test_it_says_which_pack_was_asked(engine: Engine, tmp_path: Path) -> None:
    """By id and by the hash of its manifest."""
    sha256 = hashlib.sha256((tmp_path / "denoise" / "manifest.json").read_bytes()).hexdigest()
    assert engine.propose(grey(4, 4, 1, "uint8"), DENOISE).packs == (PackUsed("denoise", sha256),)
    told = {pack["id"]: pack["auto"] for pack in engine.store.describe()}
    assert told == {"denoise": True, "dejpeg": False}


def test_a_pack_without_an_estimator_refuses(engine: Engine) -> None:
    """The user is told to choose."""
    recipe = Recipe((Stage("denoise", 0.0), Stage("dejpeg", 0.0)))
    with pytest.raises(BadRecipe, match=r"'dejpeg' proposes no strength; choose a number"):
        engine.propose(grey(4, 4, 1, "uint8"), recipe)


def test_not_finite_is_told(engine: Engine) -> None:
    """NaN in the picture, and a network that bursts."""
    broken = grey(4, 4, 1, "float32")
    broken[1, 1] = np.nan
    with pytest.raises(BadImage, match="NaN"):
        engine.propose(broken, DENOISE)
    weights = brightness_estimator()
    weights["head.weight"], weights["tail.weight"] = (
        torch.full_like(weights["head.weight"], 3e38),
        torch.full_like(weights["tail.weight"], 3e38),
    )
    write_pack(engine.store.folders[0], id="burst", estimator=weights)
    with pytest.raises(NotFinite, match="choose a strength yourself"):
        engine.propose(grey(8, 8, 3, "uint8"), Recipe((Stage("denoise", 0.0, pack="burst"),)))


def test_samples_lie_all_over_the_picture() -> None:
    """25 of them in a large one, apart, at the picture's size, in one grid of blocks."""
    height, width = 700, 1500
    ramp = np.arange(height * width, dtype=np.uint32).reshape(height, width, 1)
    image = (ramp / ramp.max()).astype(np.float32)
    found = samples(image, 8)
    assert found.shape == (1, SAMPLES**2, 3, TILE, TILE)
    places = [round(float(corner) * ramp.max()) for corner in found[0, :, 0, 0, 0].double()]
    rows, columns = ({round(p // width) for p in places}, {p % width for p in places})
    assert rows == {0, 136, 280, 424, 568}
    assert columns == {0, 336, 680, 1024, 1368}


def test_a_small_picture_is_one_sample() -> None:
    """Its last pixels are repeated up to what the network's strides need."""
    image = np.arange(60, dtype=np.uint8).reshape(6, 10, 1)
    found = samples(image, 8)
    assert found.shape == (1, 1, 3, 8, 16)
    assert torch.equal((found[0, 0, 0] * 255).round()[:6, :10], torch.tensor(image[..., 0]).float())
    assert torch.equal(found[..., 7, :], found[..., 5, :])


def test_a_damaged_estimator_is_refused(engine: Engine, tmp_path: Path) -> None:
    """Its hash, keys and shapes are held to what holds for anchors."""
    (tmp_path / "denoise" / "auto.safetensors").write_bytes(b"x" * 99)
    with pytest.raises(PackDamaged, match=r"'denoise': auto\.safetensors is not the file of its"):
        engine.propose(grey(4, 4, 1, "uint8"), DENOISE)
    with pytest.raises(PackDamaged, match=r"^auto\.safetensors is not"):
        engine.store.get("denoise").verify()
    write_pack(tmp_path, id="odd", estimator=brightness_estimator() | {"extra": torch.zeros(1)})
    with pytest.raises(PackDamaged, match=r"auto\.safetensors has an extra 'extra'"):
        engine.store.get("odd").estimator()
