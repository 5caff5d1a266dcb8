"""Three ways to blend networks with BatchNorm; the paper left open which is best (Table 1).

- `paper`: weights, γ, β, μ and σ² are all blended.
- `fold`: each normalisation is folded into its convolution first, W' = W γ/√(σ² + ε), and the
  plain convolutions are blended; half the layers are left to run.
- `reestimate`: the blend as in `paper`, but with μ and σ² measured anew on pictures at each
  place (REPAIR, Jordan et al. 2023). Measured here as the best that it could give, on the very
  pictures to be restored; no pack carries it, as its statistics would fit one level only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dnid.networks import build
from dnid.packs.manifest import Manifest
from dnipack.gate import PLACES, cases
from dnipack.metrics import psnr
from dnipack.photos import Photo

WAYS = ("paper", "fold")
"""What a pack may carry."""

State = Mapping[str, Tensor]


def fold(options: Mapping[str, Any], state: State) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """DnCNN's options and state without BatchNorm; the network does the same up to rounding."""
    folded = {key: value.clone() for key, value in state.items() if key.startswith("layers.")}
    for norm in {key.rsplit(".", 1)[0] for key in state if key.startswith("norms.")}:
        gain = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + _EPSILON).sqrt()
        layer = norm.replace("norms", "layers")
        folded[f"{layer}.weight"] *= gain.view(-1, 1, 1, 1)
        shifted = folded[f"{layer}.bias"] - state[f"{norm}.running_mean"]
        folded[f"{layer}.bias"] = shifted * gain + state[f"{norm}.bias"]
    return {**options, "batch_norm": False}, folded


_EPSILON = nn.BatchNorm2d(1).eps


@torch.no_grad()
def reestimate(network: nn.Module, pictures: Tensor) -> None:
    """Replace μ and σ² of each BatchNorm by what they are on `pictures`, N×3×H×W."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean
        norm.train()
    network(pictures)
    for norm in norms:
        norm.eval()


def compare_ways(
    manifest: Manifest, one: State, other: State, photos: Sequence[Photo]
) -> dict[str, dict[str, tuple[float, ...]]]:
    """Way → level → dB at each of the gate's PLACES between two DnCNN with BatchNorm."""
    options = manifest.options
    folded, plain_one = fold(options, one)
    plain_other = fold(options, other)[1]
    found: dict[str, dict[str, tuple[float, ...]]] = {}
    for level, degraded, truth in cases(manifest, build("dncnn", options), photos):
        if truth is None:
            continue
        for way in (*WAYS, "reestimate"):
            ends = (plain_one, plain_other) if way == "fold" else (one, other)
            network = build("dncnn", folded if way == "fold" else options)
            restore = [_restored(network, ends, place, degraded, way) for place in PLACES]
            found.setdefault(way, {})[level] = tuple(psnr(output, truth) for output in restore)
    return found


def best_way(found: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """Of WAYS, the one whose best place is best, the mean over the levels; `fold` when even,
    as it runs faster. Without figures: `paper`."""
    if not found:
        return "paper"
    means = {way: float(np.mean([max(row) for row in found[way].values()])) for way in WAYS}
    return "fold" if means["fold"] >= means["paper"] - 0.005 else "paper"


@torch.no_grad()
def _restored(
    network: nn.Module, ends: tuple[State, State], place: float, degraded: Tensor, way: str
) -> Tensor:
    one, other = ends
    blend = {
        key: torch.lerp(value, other[key], place) if value.is_floating_point() else value
        for key, value in one.items()
    }
    network.load_state_dict(blend)
    network.eval()
    if way == "reestimate" and 0 < place < 1:
        reestimate(network, degraded)
    restored: Tensor = network(degraded)
    return restored
