"""What the engine costs beyond the bare network: one figure a function."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from dnid.bench.pictures import make_photo
from dnid.bench.timing import in_turn
from dnid.dni.blend import BlendedNetwork
from dnid.engine.device import find_device, probe_picture
from dnid.engine.engine import Engine
from dnid.engine.runner import PackRunner
from dnid.recipe import Recipe, Stage

STRENGTH = 0.5
REFERENCE_BLENDS = 33
"""Whole networks that the one pass of spatial strength is held against."""
CROP = 512


@dataclass(frozen=True)
class Subject:
    """One effect's pack, in the engine and by itself."""

    engine: Engine
    runner: PackRunner
    stage: Stage

    @classmethod
    def make(cls, engine: Engine, stage: Stage) -> Subject:
        """Loads the pack and measures the device. Raises PackNotFound."""
        pack = engine.store.find(stage.effect, stage.pack, stage.scale)
        subject = cls(engine, PackRunner(pack, find_device("auto")), stage)
        engine.restore(make_photo(64, 64), subject.recipe())
        return subject

    def recipe(self, strength: float = STRENGTH, outside: float = 0.0) -> Recipe:
        effect, scale = self.stage.effect, self.stage.scale
        return Recipe((Stage(effect, strength, outside, self.stage.pack, scale),))

    def network(self, dtype: torch.dtype) -> nn.Module:
        """The bare network at STRENGTH."""
        weights = BlendedNetwork(self.runner.pack.network(), self.runner.stack, dtype)
        return weights.set(self.runner.control.alpha(STRENGTH))


def overhead(subject: Subject, size: tuple[int, int], rounds: int) -> dict[str, float]:
    """The whole way against the bare network on as many pixels, in squares."""
    photo, square = make_photo(*size), probe_picture(CROP)
    network = subject.network(subject.runner.choice.dtype)
    squares = max(1, round(size[0] * size[1] / CROP**2))
    subject.engine.restore(photo[:CROP, :CROP], subject.recipe())
    network(square)
    whole, bare = in_turn(
        rounds,
        lambda: subject.engine.restore(photo, subject.recipe()),
        lambda: [network(square) for _ in range(squares)],
    )
    megapixels = size[0] * size[1] / 1e6
    bare_rate = squares * CROP**2 / 1e6 / bare
    return {
        "overhead_ratio": bare_rate / (megapixels / whole),
        "megapixels_per_second": megapixels / whole,
    }


def spatial(subject: Subject, rounds: int) -> dict[str, float]:
    """Two active anchors against one plain network; agreement with whole blends."""
    runner, crop = subject.runner, probe_picture(CROP)
    low, high = _segment(runner)
    ramp = torch.linspace(low, high, CROP).expand(CROP, CROP).contiguous()
    runner.run_spatial(crop, ramp)
    runner.run(crop, STRENGTH)
    one_pass, plain = in_turn(
        rounds, lambda: runner.run_spatial(crop, ramp), lambda: runner.run(crop, STRENGTH)
    )
    return {"spatial_ratio": one_pass / plain, "spatial_db": agreement(runner)}


def _segment(runner: PackRunner) -> tuple[float, float]:
    """The first and last strength with a share for the path's last anchor and another one."""
    last = runner.control.path[-1]
    alphas = {s: runner.control.alpha(s) for s in np.linspace(0, 1, 101).tolist()}
    inside = [s for s, alpha in alphas.items() if 0 < alpha[last] < 1]
    return inside[0], inside[-1]


def agreement(runner: PackRunner) -> float:
    """PSNR of one pass over a ramp 0..1 against whole blends, each pixel from its two nearest."""
    crop = probe_picture(CROP)
    ramp = torch.linspace(0, 1, CROP).expand(CROP, CROP).contiguous()
    place = ramp * (REFERENCE_BLENDS - 1)
    reference: Tensor = torch.zeros_like(crop)
    for level in range(REFERENCE_BLENDS):
        share = (1 - (place - level).abs()).clamp_(min=0)
        reference += runner.run(crop, level / (REFERENCE_BLENDS - 1)) * share
    error = (runner.run_spatial(crop, ramp) - reference).square().mean()
    return float(-10 * torch.log10(error))


def half_mask(subject: Subject, size: tuple[int, int], rounds: int) -> dict[str, float]:
    """A mask that covers the left half against no mask: each half at a strength of its own."""
    photo = make_photo(*size)
    mask = np.zeros(size, np.uint8)
    mask[:, : size[1] // 2] = 255
    engine, masked, plain = subject.engine, subject.recipe(0.6, 0.4), subject.recipe(0.6)
    engine.restore(photo[:CROP, :CROP], masked, mask[:CROP, :CROP])
    with_mask, without = in_turn(
        rounds, lambda: engine.restore(photo, masked, mask), lambda: engine.restore(photo, plain)
    )
    return {"spatial_half_mask_ratio": with_mask / without}


def blend(subject: Subject, rounds: int) -> dict[str, float]:
    """The blend of all anchors against reading N×P and writing P values."""
    stack = subject.runner.stack
    shares = [1 / len(stack.names)] * len(stack.names)
    out = torch.empty_like(stack.matrix[0])
    mixed, read = in_turn(
        rounds,
        lambda: stack.blend(shares, out=out),
        lambda: torch.sum(stack.matrix, 0, out=out),
    )
    return {"blend_ratio": mixed / read}


def preview(subject: Subject, rounds: int) -> dict[str, float]:
    """A slider that moves, 512×384 at 1:1, against the bare network on that crop."""
    photo = make_photo(384, 512)
    tensor = probe_picture(512)[:, :, :384].contiguous(memory_format=torch.channels_last)
    network = subject.network(subject.runner.choice.dtype)
    strengths = iter(np.linspace(0.3, 0.7, rounds + 1).tolist())

    def move() -> None:
        subject.engine.restore(photo, subject.recipe(next(strengths)))

    move()
    network(tensor)
    moved, bare = in_turn(rounds, move, lambda: network(tensor))
    return {"preview_ratio": moved / bare}
