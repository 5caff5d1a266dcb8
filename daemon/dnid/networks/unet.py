"""A residual U-Net that works at half resolution.

The picture is folded 2×2 into channels first (pixel-unshuffle, as in FFDNet,
Zhang et al. 2018), so every convolution sees a quarter of the pixels: about
twice the speed of the same net at full resolution for a loss that the packs'
cards measure. Residual blocks without normalisation, as in DRUNet (Zhang et al.
2021); strided 2×2 convolutions down, transposed ones up; skips are added.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from dnid.networks.bounds import MAX_CHANNELS, check_each
from dnid.networks.relu import relu_

MAX_LEVELS, MAX_BLOCKS, MAX_FOLD = 8, 64, 16


class ResidualBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv2(relu_(self.conv1(x)))
        return y.add_(x)  # in place, as the ReLU: both were measured as pure gain


class UNet(nn.Module):
    """x ↦ x + f(x).

    x is N×3×H×W, 0..1 nominal, H and W divisible by `multiple`; the result has
    the same shape and dtype. f runs in the dtype of the weights, the sum in the
    dtype of x: a bfloat16 network still returns float32 pixels for float32 input.
    """

    scale = 1
    inputs = outputs = 3
    """Planes of x and of f(x)."""

    def __init__(
        self,
        channels: Sequence[int] = (64, 128, 160),
        blocks: Sequence[int] = (1, 1, 2),
        fold: int = 2,
    ) -> None:
        """Raises ValueError for options beyond the bounds above, before any weight is made."""
        _check_options(channels, blocks, fold)
        super().__init__()
        self.fold = fold
        self.multiple = fold * 2 ** (len(channels) - 1)
        levels = list(zip(channels, blocks, strict=True))
        self.head = nn.Conv2d(self.inputs * fold * fold, channels[0], 3, padding=1)
        self.encoder = nn.ModuleList(_residual_blocks(c, n) for c, n in levels)
        steps = list(pairwise(channels))
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in steps)
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in steps)
        self.decoder = nn.ModuleList(_residual_blocks(c, n) for c, n in levels[:-1])
        self.tail = nn.Conv2d(channels[0], self.outputs * fold * fold, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.residual(x)

    def residual(self, x: Tensor) -> Tensor:
        """f(x), N×outputs×H×W."""
        y = F.pixel_unshuffle(x.to(self.head.weight.dtype), self.fold)
        y = self.encoder[0](self.head(y))
        skips = []
        for down, blocks in zip(self.down, list(self.encoder)[1:], strict=True):
            skips.append(y)
            y = blocks(down(y))
        for up, blocks in zip(reversed(self.up), reversed(self.decoder), strict=True):
            y = blocks(up(y).add_(skips.pop()))
        return F.pixel_shuffle(self.tail(y), self.fold).to(x.dtype)


def _check_options(channels: Sequence[int], blocks: Sequence[int], fold: int) -> None:
    if not 1 <= len(channels) <= MAX_LEVELS or len(blocks) != len(channels):
        raise ValueError(f"1 to {MAX_LEVELS} channels are needed, and as many blocks")
    check_each("channels", channels, 1, MAX_CHANNELS)
    check_each("blocks", blocks, 0, MAX_BLOCKS)
    check_each("fold", [fold], 1, MAX_FOLD)


def _residual_blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(channels) for _ in range(count)))


def zero_last_layer(network: nn.Module) -> None:
    """Make a fresh network with a `tail` add nothing: the best start for a residual one."""
    for parameter in network.get_submodule("tail").parameters():
        nn.init.zeros_(parameter)
