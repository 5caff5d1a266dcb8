"""What cannot be restored is refused in a sentence; what is restored is told of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.engine.small_engine import denoise, engine_in
from tests.small import Pixels, photo, random_anchors, write_pack

from dnid.engine.engine import Engine
from dnid.engine.result import Progress
from dnid.errors import BadImage, DeviceUnavailable, PackNotFound
from dnid.recipe import Execution, Recipe, Stage


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
