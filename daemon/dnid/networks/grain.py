"""A small network that tells how noisy a picture is.

Every place gives an estimate and how far it is to be trusted; the mean weighed by that
trust is the answer, as in FC4 (Hu, Wang and Lin, CVPR 2017). So grain is told from a
sky and not from a meadow.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dnid.networks.bounds import check_each

GRAIN = 8.0
"""What is left of a pixel without its neighbours' mean is faint: so many times stronger."""
SLOPE = 0.1
"""Of the leaky ReLUs; plain ones were seen to die."""
MAX_LEVELS, MAX_CHANNELS = 6, 256
"""It is to cost next to nothing."""
FOLD = 2


class GrainEstimator(nn.Module):
    """Tiles of a picture ↦ its strength.

    x is N×T×3×H×W, 0..1: T tiles of each of N pictures, H and W multiples of
    `multiple`. The result has N values, 0..1 nominal and not clipped.
    """

    def __init__(self, channels: Sequence[int] = (32, 48, 64)) -> None:
        """`channels`: one number a level, each at half the size of the one before.

        Raises ValueError for options beyond the bounds, before any weight is made.
        """
        if not 1 <= len(channels) <= MAX_LEVELS:
            raise ValueError(f"1 to {MAX_LEVELS} channels are needed")
        check_each("channels", channels, 1, MAX_CHANNELS)
        super().__init__()
        self.multiple = FOLD * 2 ** (len(channels) - 1)
        self.head = nn.Conv2d(6 * FOLD * FOLD, channels[0], 3, padding=1, padding_mode="replicate")
        self.body = nn.ModuleList(
            nn.Conv2d(c, c, 3, padding=1, padding_mode="replicate") for c in channels
        )
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(channels))
        self.tail = nn.Conv2d(channels[-1], 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        pixels = x.flatten(0, 1)
        grain = pixels - F.avg_pool2d(pixels, 3, 1, padding=1, count_include_pad=False)
        both = torch.cat([pixels - 0.5, GRAIN * grain], 1)
        y = _activate(self.head(F.pixel_unshuffle(both, FOLD)))
        y = _activate(self.body[0](y))
        for down, body in zip(self.down, list(self.body)[1:], strict=True):
            y = _activate(body(_activate(down(y))))
        places = self.tail(y).unflatten(0, x.shape[:2]).transpose(1, 2).flatten(2)  # N×2×places
        estimate, trust = places.unbind(1)
        strength: Tensor = (estimate * trust.softmax(1)).sum(1)
        return strength


def _activate(y: Tensor) -> Tensor:
    return F.leaky_relu_(y, SLOPE)
