"""Tells a restored picture from the true one by what a classifier sees of both."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dnipack.features import Features

DEPTHS = 4
"""The finest ones: what lies deeper says what is shown, not how crisp it is."""
_WIDTH = 32


class Discriminator(nn.Module):
    """The features at each depth → a map of scores at each depth, higher where they are truer.

    Only these small heads learn; the classifier under them stays as it is. Such a
    discriminator is of use after a hundred steps (Projected GAN, Sauer et al. 2021), where
    one that starts from the pixels was seen to stay at chance or to pull at colours.
    """

    def __init__(self, features: Features) -> None:
        super().__init__()
        device = next(features.parameters()).device
        with torch.inference_mode():
            seen = features(torch.zeros(1, 3, 64, 64, device=device))[:DEPTHS]
        channels = [each.shape[1] for each in seen]
        self.heads = nn.ModuleList(_head(c, finest=i == 0) for i, c in enumerate(channels))
        self.to(device)

    def forward(self, seen: Sequence[Tensor]) -> list[Tensor]:
        return [head(each) for head, each in zip(self.heads, seen, strict=False)]

    def error(self, fake: Sequence[Tensor], true: Sequence[Tensor]) -> Tensor:
        """How often it is wrong, about; 0.69 is chance. It compares the two pictures of one
        scene (Jolicoeur-Martineau 2018, RSGAN), so what tells them apart is texture."""
        scores = zip(self(fake), self(true), strict=True)
        return torch.stack([F.softplus(a - b).mean() for a, b in scores]).mean()


def _head(channels: int, finest: bool) -> nn.Sequential:
    """The finest features are as large as the picture; every other pixel of them will do."""
    return nn.Sequential(
        nn.Conv2d(channels, _WIDTH, 3, 2 if finest else 1, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(_WIDTH, 1, 1),
    )
