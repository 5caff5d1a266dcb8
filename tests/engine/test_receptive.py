"""How far a network sees, found without knowing what it is made of."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dnid.engine.receptive import full_halo


def conv(inputs: int, outputs: int, kernel: int = 3, **options: int) -> nn.Conv2d:
    """As nn.Conv2d, padded to keep the size at stride 1."""
    padding = options.get("dilation", 1) * (kernel - 1) // 2
    return nn.Conv2d(inputs, outputs, kernel, padding=padding, **options)


class Skipping(nn.Module):
    """A U-Net's shape: the way down and up beside the straight way."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 4, 4, stride=4)
        self.middle = conv(4, 4)
        self.up = nn.ConvTranspose2d(4, 3, 4, stride=4)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.up(F.relu(self.middle(self.down(x))))


class Pooling(nn.Module):
    """Channel attention: a mean over the whole picture."""

    def forward(self, x: Tensor) -> Tensor:
        return x * x.mean((2, 3), keepdim=True)


NETWORKS: dict[str, tuple[Callable[[], nn.Module], int, int, int | None]] = {
    # name: (network, multiple, scale, halo)
    "pointwise": (lambda: conv(3, 3, 1), 1, 1, 0),
    "one 3×3": (lambda: conv(3, 3), 1, 1, 1),
    "three 3×3": (lambda: nn.Sequential(conv(3, 4), nn.PReLU(4), conv(4, 4), conv(4, 3)), 1, 1, 3),
    "dilated": (lambda: nn.Sequential(conv(3, 4, dilation=4), conv(4, 3, dilation=2)), 1, 1, 6),
    "wide and long": (lambda: nn.Conv2d(3, 3, (1, 9), padding=(0, 4)), 1, 1, 4),
    "strided": (
        # A 3×3 at half size sees 2 beyond its block; the strided 2×2 adds none.
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 2, stride=2), conv(4, 4), nn.ConvTranspose2d(4, 3, 2, stride=2)
        ), 2, 1, 2,
    ),
    "transposed 4×4": (
        # Down by a 4×4 of stride 2 (1 beyond the block), up by one that reaches the
        # neighbouring cells (1 cell = 2 pixels, and their own 1).
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 4, stride=2, padding=1),
            nn.ConvTranspose2d(4, 3, 4, stride=2, padding=1),
        ), 2, 1, 4,
    ),
    "unshuffle and shuffle": (
        lambda: nn.Sequential(nn.PixelUnshuffle(2), conv(12, 12), nn.PixelShuffle(2)), 2, 1, 2
    ),
    "skips": (Skipping, 4, 1, 4),
    "×4 by shuffle": (
        lambda: nn.Sequential(conv(3, 4), conv(4, 48), nn.PixelShuffle(4)), 1, 4, 2
    ),
    "×2, then a 3×3 at the large size": (
        lambda: nn.Sequential(conv(3, 12), nn.PixelShuffle(2), conv(3, 3)), 1, 2, 2
    ),
    "folded, ×4 at half size": (
        lambda: nn.Sequential(nn.PixelUnshuffle(2), conv(12, 192), nn.PixelShuffle(8)), 2, 4, 2
    ),
    "batch norm": (
        lambda: nn.Sequential(conv(3, 4), nn.BatchNorm2d(4), conv(4, 3)), 1, 1, 2
    ),
    "instance norm": (
        lambda: nn.Sequential(conv(3, 4), nn.InstanceNorm2d(4), conv(4, 3)), 1, 1, None
    ),
    "group norm": (lambda: nn.Sequential(conv(3, 4), nn.GroupNorm(2, 4)), 1, 1, None),
    "pooling": (lambda: nn.Sequential(conv(3, 4), Pooling(), conv(4, 3)), 1, 1, None),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_the_halo_is_found(name: str) -> None:
    """For every kind of layer the probe finds the halo that one counts by hand, in multiples."""
    make, multiple, scale, halo = NETWORKS[name]
    with torch.device("meta"):
        network = make()
    assert full_halo(network, multiple, scale) == halo
