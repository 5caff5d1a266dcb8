"""Real-ESRGAN's compact upscaler (Wang et al. 2021, SRVGGNetCompact): a plain stack at low size.

All convolutions run on the small picture; only the last one makes the channels that
are unfolded into the large one (pixel-shuffle), so ×4 costs hardly more than ×1.
Option and key names are those of the published checkpoints (`body.0.weight` …).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from dnid.networks.bounds import MAX_CHANNELS, check_each

MAX_CONVS, MAX_UPSCALE = 128, 8


class SRVGGNetCompact(nn.Module):
    """x ↦ nearest(x) + f(x).

    x is N×3×H×W of any size, 0..1 nominal; the result is N×3×(scale·H)×(scale·W)
    of the same dtype. f runs in the dtype of the weights, the sum in the dtype of x.
    """

    multiple = 1

    def __init__(
        self,
        num_in_ch: int = 3,
        num_out_ch: int = 3,
        num_feat: int = 64,
        num_conv: int = 16,
        upscale: int = 4,
    ) -> None:
        """`num_conv` counts the convolutions between the first and the last.

        Raises ValueError for options beyond the bounds above, and for a network that
        does not map three colours to three, before any weight is made.
        """
        if (num_in_ch, num_out_ch) != (3, 3):
            raise ValueError("num_in_ch and num_out_ch: 3 are needed, red, green and blue")
        check_each("num_feat", [num_feat], 1, MAX_CHANNELS)
        check_each("num_conv", [num_conv], 0, MAX_CONVS)
        check_each("upscale", [upscale], 1, MAX_UPSCALE)
        super().__init__()
        self.scale = upscale
        inputs = [num_in_ch, *[num_feat] * num_conv]
        hidden = [layer for i in inputs for layer in _conv_and_activation(i, num_feat)]
        last = nn.Conv2d(num_feat, num_out_ch * upscale**2, 3, padding=1)
        self.body = nn.ModuleList([*hidden, last])

    def forward(self, x: Tensor) -> Tensor:
        y = x.to(self.body[0].weight.dtype)  # type: ignore[arg-type]
        for layer in self.body:
            y = layer(y)
        base = F.interpolate(x, scale_factor=self.scale, mode="nearest")
        return base.add_(F.pixel_shuffle(y, self.scale))


def _conv_and_activation(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(inputs, outputs, 3, padding=1), nn.PReLU(outputs)
