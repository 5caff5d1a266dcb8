"""ReLU in place, faster in bfloat16 than torch's own."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def relu_(x: Tensor) -> Tensor:
    """max(x, 0) in place, except that a NaN with a sign becomes 0.

    On the CPU torch computes bfloat16 in float32 and rounds the result, which takes
    about a quarter of the time of the convolution before it. The sign of a bfloat16
    is that of its bits read as an integer, whose maximum with 0 takes a quarter of that.
    For networks that carry what is not finite past the ReLU, as residual ones do.
    """
    if x.dtype is not torch.bfloat16 or x.requires_grad or x.device.type != "cpu":
        return F.relu_(x)
    x.view(torch.int16).clamp_min_(0)
    return x
