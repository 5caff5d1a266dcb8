"""An engine that computes in float32, and what its results must be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from tests.small import FULL_SCALE, Pixels
from torch import Tensor
from torch.nn import functional as F

from dnid.engine import runner as runner_module
from dnid.engine import stage as stage_module
from dnid.engine.device import Choice
from dnid.engine.engine import Engine
from dnid.packs.store import PackStore
from dnid.recipe import Recipe, Stage

DTYPES = ("uint8", "uint16", "float32")


def engine_in(folder: Path, number_format: str = "float32") -> Engine:
    """An engine that has loaded the packs in `folder` and runs in this format."""
    engine = Engine(PackStore([folder]))
    choice = Choice("cpu", number_format, 1.0, 999.0)
    nothing = np.zeros((1, 1), np.uint8)  # under this mask packs are loaded and nothing runs
    with patch.object(runner_module, "choose_format", lambda *_: choice):
        for pack in engine.store.describe():
            stage = Stage(pack["effect"], 1.0, pack=pack["id"], scale=pack["scale"])
            engine.restore(nothing[..., None], Recipe((stage,)), nothing)
    return engine


@contextmanager
def tiles_of(pixels: int) -> Iterator[None]:
    """Tiles read at most about this many pixels."""
    with patch.object(stage_module, "tile_pixels", lambda *_: pixels):
        yield


def enlarge(scale: int, sharpness: float, outside: float = 0.0) -> Recipe:
    return Recipe((Stage("sr", sharpness, outside, scale=scale),))


def denoise(strength: float, outside: float = 0.0) -> Recipe:
    return Recipe((Stage("denoise", strength, outside),))


def expected(
    engine: Engine, colours: Pixels, strength: float, effect: str = "denoise", scale: int = 1
) -> Pixels:
    """What the blended network makes of H×W×1 or H×W×3 colours in 0..1 (or the dtype's range).

    The straight way: no tiles, no channels-last, padded by repeating the last row and column.
    What a float picture has beyond 0..1 is added again, for scale 1.
    """
    pack = engine.store.find(effect, scale=scale)
    stack = pack.anchors()
    network = pack.network()
    alpha = pack.control().alpha(strength)
    network.load_state_dict(stack.state(stack.blend(alpha)), assign=True)
    scaled = colours.astype(np.float32) / FULL_SCALE[colours.dtype.name]
    x = torch.from_numpy(np.clip(scaled, 0, 1)).permute(2, 0, 1)[None].expand(1, 3, -1, -1)
    with torch.inference_mode():
        y = network(pad_to(x, int(network.multiple)))  # type: ignore[arg-type]
    y = y[..., : x.shape[2] * scale, : x.shape[3] * scale]
    y = y.mean(1, keepdim=True) if colours.shape[2] == 1 else y
    y = y[0].permute(1, 2, 0).numpy()
    return y + (scaled - np.clip(scaled, 0, 1)) if scale == 1 else y  # type: ignore[no-any-return]


def pad_to(x: Tensor, multiple: int) -> Tensor:
    height, width = x.shape[-2:]
    return F.pad(x, (0, -width % multiple, 0, -height % multiple), mode="replicate")


def assert_holds(found: Pixels, values: Pixels) -> None:
    """`found` holds the values 0..1 rounded to its dtype, clipped if it is an integer one."""
    scale = FULL_SCALE[found.dtype.name]
    if found.dtype == np.float32:
        np.testing.assert_allclose(found, values, rtol=0, atol=1e-5)
    else:
        target = np.clip(values.astype(np.float64), 0, 1) * scale
        assert np.abs(found - target).max() <= 0.5 + 1e-5 * scale
