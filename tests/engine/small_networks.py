"""Small networks with layers that no shipped network has, and packs of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from tests.small import random_anchors, write_pack
from torch import Tensor, nn

from dnid.networks import ARCHITECTURES


class _Residual(nn.Module):
    """x plus what a convolution, the layer in question and another convolution make of it."""

    multiple, scale = 1, 1

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, 6, 3, padding=1)
        self.odd = self.odd_layer()
        self.tail = nn.Conv2d(6, 3, 3, padding=1)

    def odd_layer(self) -> nn.Module:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        y = self.odd(self.head(x.to(self.head.weight.dtype)))
        return x + self.tail(torch.relu(y)).to(x.dtype)


class Statistical(_Residual):
    """Its instance norm looks at the whole picture."""

    def odd_layer(self) -> nn.Module:
        return nn.InstanceNorm2d(6, affine=True)


class _Gain(nn.Module):
    """A layer of a kind that the engine does not know: a gain for each channel, squared."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.rand(6, 1, 1) + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gain.square()


class Unknown(_Residual):
    def odd_layer(self) -> nn.Module:
        return _Gain()


HALO = 2
"""Of Unknown; and what neighbouring tiles of Statistical see of each other but for the norm."""


@contextmanager
def known() -> Iterator[None]:
    """Let packs name them."""
    with patch.dict(ARCHITECTURES, {"statistical": Statistical, "unknown": Unknown}):
        yield


def write(folder: Path, architecture: str, **changes: Any) -> Path:  # noqa: ANN401
    """A pack for denoise."""
    anchors = random_anchors(3, {}, architecture)
    fields = {"architecture": architecture, "options": {}, "halo": HALO}
    return write_pack(folder, anchors, **fields | changes)
