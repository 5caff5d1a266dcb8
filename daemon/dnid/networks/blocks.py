"""A small network that tells how strongly a picture was compressed as a JPEG.

JPEG rounds the DCT coefficients of 8×8 blocks, so in the right grid many of them are
nearly zero, and in a shifted one they are not (as in Fan and de Queiroz, IEEE TIP 2003).
Where the grid lies is not known: a picture may have been cropped. All 64 are tried.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dnid.networks.bounds import check_each

BLOCK = 8
NEAR = 1.0
"""On the 0..255 scale: what 8-bit rounding makes of a coefficient that was zero."""
LUMA = (0.299, 0.587, 0.114)
MAX_HIDDEN = 1024


class BlockEstimator(nn.Module):
    """Tiles of a picture ↦ its strength.

    x is N×T×3×H×W, 0..1: T tiles of each of N pictures that share a grid, so they start
    multiples of 8 pixels apart; H and W multiples of `multiple`. The result has N values,
    0..1 nominal and not clipped.
    """

    multiple = 2 * BLOCK

    def __init__(self, hidden: int = 48) -> None:
        """Raises ValueError for an option beyond the bounds, before any weight is made."""
        check_each("hidden", [hidden], 1, MAX_HIDDEN)
        super().__init__()
        self.head = nn.Linear(2 * BLOCK * BLOCK, hidden)
        self.body = nn.Linear(hidden, hidden)
        self.tail = nn.Linear(hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(self.head(_zeros(x) - 0.5), 0.1)
        y = F.leaky_relu(self.body(y), 0.1)
        strength: Tensor = self.tail(y)[:, 0]
        return strength


def _zeros(x: Tensor) -> Tensor:
    """N×128: how often each of the 64 coefficients is nearly zero, in the grid where most
    are, and in all grids."""
    luma = 255 * (x * x.new_tensor(LUMA).reshape(3, 1, 1)).sum(2, keepdim=True)
    dct = _dct(x)
    # Tile by tile: 64 planes of all of them would not stay in the cache.
    tiles = torch.stack([_zeros_by_grid(tile[None], dct) for tile in luma.flatten(0, 1)])
    grids = tiles.reshape(*x.shape[:2], *tiles.shape[1:]).mean(1)  # N × coefficients × grids
    best = grids.sum(1).argmax(1)
    found = grids[torch.arange(len(grids)), :, best]
    return torch.cat([found, grids.mean(2)], 1)


def _zeros_by_grid(luma: Tensor, dct: Tensor) -> Tensor:
    """1×1×H×W → coefficients × grids."""
    height, width = (length - BLOCK + 1 for length in luma.shape[2:])
    blocks = F.unfold(luma, BLOCK)[0]  # 64 × every place where a block can begin
    # Beyond 80 an exponential is a denormal number, which processors take many times as long for.
    near = (dct @ blocks).div_(NEAR).square_().clamp_(max=80).neg_().exp_()
    near = near.reshape(-1, height, width)
    rows, columns = height // BLOCK, width // BLOCK
    near = near[:, : rows * BLOCK, : columns * BLOCK]
    return near.reshape(-1, rows, BLOCK, columns, BLOCK).mean((1, 3)).flatten(1)


def _dct(like: Tensor) -> Tensor:
    """64×64: the orthonormal DCT-II of an 8×8 block, a row a coefficient (ITU-T T.81, A.3.3)."""
    n = torch.arange(BLOCK, dtype=torch.float64)
    rows = torch.cos((2 * n + 1) * n[:, None] * torch.pi / (2 * BLOCK)) * (2 / BLOCK) ** 0.5
    rows[0] /= 2**0.5
    return torch.kron(rows, rows).to(like)
