"""A light residual upscaler that works at the small picture's size.

EDSR's body (Lim et al. 2017): residual blocks without normalisation between a first and
a last convolution, and a skip over all of them. Its upsampler of several convolutions at
ever larger sizes is replaced by one convolution and a pixel-shuffle (ESPCN, Shi et al.
2016), so that ×4 costs hardly more than ×2, and the network adds to the bicubic
enlargement, which is what a fresh one gives.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from dnid.networks.bounds import MAX_CHANNELS, check_each
from dnid.networks.unet import ResidualBlock

MAX_DEPTH, MAX_SCALE = 128, 8


class EDSR(nn.Module):
    """x ↦ bicubic(x) + f(x).

    x is N×3×H×W of any size, 0..1 nominal; the result is N×3×(scale·H)×(scale·W) of the
    same dtype. f runs in the dtype of the weights, the sum in the dtype of x.
    """

    multiple = 1

    def __init__(self, channels: int = 64, blocks: int = 8, scale: int = 2) -> None:
        """Raises ValueError for options beyond the bounds above, before any weight is made."""
        check_each("channels", [channels], 1, MAX_CHANNELS)
        check_each("blocks", [blocks], 0, MAX_DEPTH)
        check_each("scale", [scale], 2, MAX_SCALE)
        super().__init__()
        self.scale = scale
        self.head = nn.Conv2d(3, channels, 3, padding=1)
        self.body = nn.Sequential(
            *(ResidualBlock(channels) for _ in range(blocks)),
            nn.Conv2d(channels, channels, 3, padding=1),
        )
        self.tail = nn.Conv2d(channels, 3 * scale**2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.head(x.to(self.head.weight.dtype))
        y = self.tail(self.body(y) + y)
        base = F.interpolate(x, scale_factor=self.scale, mode="bicubic", align_corners=False)
        return base + F.pixel_shuffle(y, self.scale).to(x.dtype)
