"""`dnid bench`: what the engine costs beyond the bare network, and beside other runtimes.

Every figure is a ratio of two things timed in turn in the same run, so that a
machine that is busy or throttled shifts both. Times are the best of a few
rounds: the least disturbed ones.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dnid.dni.blend import BlendedNetwork
from dnid.engine.device import find_device, probe_picture
from dnid.engine.engine import Engine
from dnid.engine.runner import PackRunner
from dnid.packs.store import PackStore
from dnid.peers import PEERS
from dnid.recipe import Recipe, Stage

STRENGTH = 0.5
REFERENCE_BLENDS = 33
"""Whole networks that the one pass of spatial strength is held against."""


@dataclass(frozen=True)
class Sizes:
    """Heights and widths in pixels."""

    photo: tuple[int, int]
    """For overhead and peers."""
    large: tuple[int, int]
    """For the peak of memory."""
    rounds: int


FULL = Sizes(photo=(3000, 4000), large=(4000, 6000), rounds=3)
QUICK = Sizes(photo=(1000, 1500), large=(1500, 2000), rounds=2)


@dataclass
class Report:
    """The figures, in the order in which they are printed."""

    figures: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        self.figures[name] = round(value, 3)


def bench(store: PackStore, sizes: Sizes, told: Callable[[str], None]) -> dict[str, Any]:
    """All figures by their names; `told` gets a word before each. Raises PackNotFound."""
    engine = Engine(store)
    recipe = Recipe((Stage("denoise", STRENGTH),))
    photo = make_photo(*sizes.photo)
    engine.restore(photo[:64, :64], recipe)  # loads the pack and measures the device
    runner = PackRunner(store.find("denoise"), find_device("auto"))
    report = Report()
    with torch.inference_mode():
        told("memory at the large picture")
        _memory(report, engine, recipe, sizes)
        told("overhead over the bare network")
        _overhead(report, engine, runner, recipe, photo, sizes)
        told("per-pixel strength")
        _spatial(report, engine, runner, photo, sizes)
        told("blend and preview")
        _blend(report, runner, sizes)
        _preview(report, engine, runner, photo, sizes)
        report.add("matmul_gflops", _matmul_gflops(runner.choice.dtype))
        report.figures["peers"] = {"denoise": _peers(engine, runner, recipe, photo, sizes, told)}
    return {**report.figures, "format": runner.choice.format, "threads": torch.get_num_threads()}


def make_photo(height: int, width: int) -> NDArray[np.uint8]:
    """H×W×3: soft shapes, edges and noise; what it shows does not change the time."""
    tile = probe_picture(512)[0].permute(1, 2, 0).mul(255).round().byte().numpy()
    rows, columns = -(-height // 512), -(-width // 512)
    return np.ascontiguousarray(np.tile(tile, (rows, columns, 1))[:height, :width])


def in_turn(rounds: int, *actions: Callable[[], object]) -> list[float]:
    """Best seconds of each action, run in turn after one round to warm up."""
    best = [float("inf")] * len(actions)
    for number in range(rounds + 1):
        for index, action in enumerate(actions):
            start = time.perf_counter()
            action()
            if number:
                best[index] = min(best[index], time.perf_counter() - start)
    return best


def _memory(report: Report, engine: Engine, recipe: Recipe, sizes: Sizes) -> None:
    """First, since a process's peak never falls. Left out where the system does not tell it."""
    try:
        import resource
    except ImportError:  # Windows
        return
    engine.restore(make_photo(*sizes.large), recipe)
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    report.add("peak_rss_24mp_mb", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)


def _overhead(
    report: Report,
    engine: Engine,
    runner: PackRunner,
    recipe: Recipe,
    photo: NDArray[np.uint8],
    sizes: Sizes,
) -> None:
    """The whole way against the bare network on as many pixels, in its best tile size."""
    network = _plain(runner)
    side = 512
    crop = _crop(side)
    tiles = photo.shape[0] * photo.shape[1] / side**2
    whole, bare = in_turn(
        sizes.rounds,
        lambda: engine.restore(photo, recipe),
        lambda: [network(crop) for _ in range(round(tiles))],
    )
    report.add("overhead_ratio", whole / bare * round(tiles) / tiles)
    report.add("megapixels_per_second", photo.shape[0] * photo.shape[1] / 1e6 / whole)


def _spatial(
    report: Report, engine: Engine, runner: PackRunner, photo: NDArray[np.uint8], sizes: Sizes
) -> None:
    crop = _crop(512)
    ramp = torch.linspace(0.4, 0.6, 512).expand(512, 512).contiguous()  # two active anchors
    one_pass, plain = in_turn(
        sizes.rounds * 3, lambda: runner.run_spatial(crop, ramp), lambda: runner.run(crop, 0.5)
    )
    report.add("spatial_ratio", one_pass / plain)
    report.add("spatial_db", _agreement(runner))
    height, width = photo.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    mask[:, : width // 2] = 255
    recipe = Recipe((Stage("denoise", 0.6, outside=0.4),))
    masked, whole = in_turn(
        sizes.rounds,
        lambda: engine.restore(photo, recipe, mask),
        lambda: engine.restore(photo, Recipe((Stage("denoise", 0.6),))),
    )
    report.add("spatial_half_mask_ratio", masked / whole)


def _agreement(runner: PackRunner) -> float:
    """PSNR of one pass over a ramp 0..1 against whole blends, each pixel from its two nearest."""
    crop = _crop(512)
    ramp = torch.linspace(0, 1, 512).expand(512, 512).contiguous()
    place = ramp * (REFERENCE_BLENDS - 1)
    reference = torch.zeros_like(crop)
    for level in range(REFERENCE_BLENDS):
        share = (1 - (place - level).abs()).clamp_(min=0)
        reference += runner.run(crop, level / (REFERENCE_BLENDS - 1)) * share
    error = (runner.run_spatial(crop, ramp) - reference).square().mean()
    return float(-10 * torch.log10(error))


def _blend(report: Report, runner: PackRunner, sizes: Sizes) -> None:
    """The blend of all anchors against reading N×P and writing P values."""
    stack = runner.stack
    count = len(stack.names)
    out = torch.empty_like(stack.matrix[0])
    mixed, read = in_turn(
        sizes.rounds * 10,
        lambda: stack.blend([1 / count] * count, out=out),
        lambda: torch.sum(stack.matrix, 0, out=out),
    )
    report.add("blend_ratio", mixed / read)


def _preview(
    report: Report, engine: Engine, runner: PackRunner, photo: NDArray[np.uint8], sizes: Sizes
) -> None:
    """A slider that moves, 512×384 at 1:1, against the bare network on that crop."""
    crop = np.ascontiguousarray(photo[:384, :512])
    tensor = _crop(512)[:, :, :384].contiguous(memory_format=torch.channels_last)
    network = _plain(runner)
    strengths = iter(np.linspace(0.3, 0.7, 1000).tolist())
    moved, bare = in_turn(
        sizes.rounds * 10,
        lambda: engine.restore(crop, Recipe((Stage("denoise", next(strengths)),))),
        lambda: network(tensor),
    )
    report.add("preview_ratio", moved / bare)


def _peers(
    engine: Engine,
    runner: PackRunner,
    recipe: Recipe,
    photo: NDArray[np.uint8],
    sizes: Sizes,
    told: Callable[[str], None],
) -> Mapping[str, float]:
    """Peer's time divided by ours: above 1 we are faster."""
    ratios = {}
    weights = BlendedNetwork(runner.pack.network(), runner.stack, torch.float32)
    network = weights.set(runner.control.alpha(STRENGTH))
    for name, prepare in PEERS.items():
        told(f"beside {name}")
        try:
            peer = prepare(network)
        except ImportError as error:
            told(f"{name} is left out: {error.name} is not installed (pip install dnid[bench])")
            continue
        theirs, ours = in_turn(
            sizes.rounds - 1, partial(peer, photo), partial(engine.restore, photo, recipe)
        )
        ratios[f"vs_{name}"] = round(theirs / ours, 2)
    return ratios


def _matmul_gflops(dtype: torch.dtype) -> float:
    """What the processor's matrix product reaches in this run: the limit beside the figures."""
    side = 2048
    a = torch.rand(side, side).to(dtype)
    (seconds,) = in_turn(5, lambda: a @ a)
    return 2 * side**3 / seconds / 1e9


def _plain(runner: PackRunner) -> Any:  # noqa: ANN401 - a network, called with a tensor
    weights = BlendedNetwork(runner.pack.network(), runner.stack, runner.choice.dtype)
    return weights.set(runner.control.alpha(STRENGTH))


def _crop(side: int) -> Tensor:
    return probe_picture(side)
