"""The filters of the first and the last layer as pictures (Fig. 3 and 12)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

Pixels = NDArray[np.uint8]
SHOWN = 12
"""Filters a layer; those with the most weight in the first anchor."""


@dataclass(frozen=True)
class FilterSheet:
    """Some filters of one layer, anchor by anchor."""

    layer: str
    numbers: tuple[int, ...]
    """Which channels are shown."""
    rows: Mapping[str, tuple[Pixels, ...]]
    """Anchor → k×k×3, gray is 0; a filter is scaled alike in all anchors."""


def first_layer(anchors: Mapping[str, Mapping[str, Tensor]]) -> FilterSheet | None:
    """What each channel of the first convolution looks for in the picture."""
    if not (keys := _convolutions(anchors)):
        return None
    return _sheet(keys[0], {name: _as_colours(state[keys[0]]) for name, state in anchors.items()})


def last_layer(anchors: Mapping[str, Mapping[str, Tensor]]) -> FilterSheet | None:
    """What each channel before the last convolution paints into the picture."""
    if not (keys := _convolutions(anchors)):
        return None
    weights = {name: state[keys[-1]] for name, state in anchors.items()}
    painted = {name: _as_colours(w.transpose(0, 1).flip(2, 3)) for name, w in weights.items()}
    return _sheet(keys[-1], painted)


def _convolutions(anchors: Mapping[str, Mapping[str, Tensor]]) -> list[str]:
    state = next(iter(anchors.values()))
    return [key for key, value in state.items() if value.ndim == 4 and value.shape[-1] > 1]


def _as_colours(weight: Tensor) -> Tensor:
    """N×C×k×k → N×3×K×K; channels that hold folded pixels are unfolded (pixel-shuffle).

    A layer that is not next to the picture is shown as the mean over its channels.
    """
    weight = weight.float()
    fold = math.isqrt(weight.shape[1] // 3)
    if weight.shape[1] == 3 * fold * fold:
        return F.pixel_shuffle(weight, fold)
    return weight.mean(1, keepdim=True).expand(-1, 3, -1, -1)


def _sheet(key: str, filters: Mapping[str, Tensor]) -> FilterSheet:
    energy = next(iter(filters.values())).square().sum((1, 2, 3))
    numbers = sorted(energy.topk(min(SHOWN, len(energy))).indices.tolist())
    stack = torch.stack([f[numbers] for f in filters.values()])  # anchors × shown × 3 × K × K
    peak = stack.abs().amax((0, 2, 3, 4), keepdim=True).clamp(min=1e-12)
    pixels = (stack / peak * 127.5 + 127.5).round().byte().permute(0, 1, 3, 4, 2).numpy()
    rows = {name: _pictures(row) for name, row in zip(filters, pixels, strict=True)}
    return FilterSheet(key.removesuffix(".weight"), tuple(numbers), rows)


def _pictures(row: Sequence[Pixels]) -> tuple[Pixels, ...]:
    return tuple(np.ascontiguousarray(picture) for picture in row)
