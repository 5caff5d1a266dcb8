"""DnCNN (Zhang et al. 2017), the paper's denoiser: a plain chain of 3×3 convolutions.

It gives the noise, which is taken from the picture. Key names are those of the
published checkpoints with normalisation folded in (`layers.0.weight` …); where
BatchNorm is kept, `norms.N` follows `layers.N`, as in the original training.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dnid.networks.bounds import MAX_CHANNELS, check_each

MAX_DEPTH = 128


class DnCNN(nn.Module):
    """x ↦ x − f(x).

    x is N×3×H×W of any size, 0..1 nominal; the result has the same shape and dtype.
    With `colours` = 1, a network for gray pictures, each of the three colours goes
    through it by itself. f runs in the dtype of the weights, the difference is taken
    in the dtype of x.
    """

    multiple = 1
    scale = 1

    def __init__(
        self, colours: int = 3, channels: int = 64, depth: int = 20, batch_norm: bool = False
    ) -> None:
        """`depth` counts the convolutions; with `batch_norm` all but the first and the last
        are normalised. Raises ValueError for options beyond the bounds."""
        if colours not in (1, 3) or type(batch_norm) is not bool:
            raise ValueError("colours is 1 or 3, batch_norm is true or false")
        check_each("channels", [channels], 1, MAX_CHANNELS)
        check_each("depth", [depth], 2, MAX_DEPTH)
        super().__init__()
        self.colours = colours
        sizes = [colours, *[channels] * (depth - 1), colours]
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(sizes))
        normalised = range(1, depth - 1) if batch_norm else ()
        self.norms = nn.ModuleDict({str(i): nn.BatchNorm2d(channels) for i in normalised})

    def forward(self, x: Tensor) -> Tensor:
        first, *middle, last = self.layers
        dtype: torch.dtype = first.weight.dtype  # type: ignore[assignment]
        y = x.to(dtype).reshape(-1, self.colours, *x.shape[-2:])
        y = F.relu_(first(y))
        for number, layer in enumerate(middle, 1):
            y = layer(y)
            if self.norms:
                y = self.norms[str(number)](y)
            y = F.relu_(y)
        noise: Tensor = last(y)
        return x - noise.reshape(x.shape).to(x.dtype)
