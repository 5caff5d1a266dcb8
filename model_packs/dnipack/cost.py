"""What a wrong strength costs, in dB: that is what an estimator for photographs learns from.

The level that a simulation was told says little about the strength a photo needs: of two with
one level, the one with the finer detail needs less. So every crop is restored at several
strengths, and the estimator learns to lose as little as it can against the best of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

STRENGTHS = (0.0, 0.07, 0.14, 0.22, 0.35, 0.6, 1.0)
"""Where crops are restored; between them the cost is a straight line."""
UNSEEN = 1e-4
"""Mean square error of 2.55/255, 40 dB, below which nobody sees what would be gained."""
BEYOND_THE_SLIDER = 10.0
"""dB a unit of strength: brings back a proposal that has left 0..1."""

Restore = Callable[[Tensor, float], Tensor]
"""(1×3×H×W, strength) → the restored picture."""


@dataclass(frozen=True)
class Priced:
    """Degraded crops, and what each strength costs them."""

    crops: Tensor
    """N×3×S×S, 0..1."""
    costs: Tensor
    """N×K, dB lost at each of STRENGTHS against the best of them."""

    def batches(self, size: int, seed: int) -> Iterator[tuple[Tensor, Callable[[Tensor], Tensor]]]:
        """(N×3×S×S crops, N proposals → N costs), drawn at random without end."""
        rng = np.random.default_rng(seed)
        while True:
            chosen = torch.from_numpy(rng.integers(len(self.crops), size=size))
            yield self.crops[chosen], partial(cost, self.costs[chosen])


@torch.inference_mode()
def costs_of(restore: Restore, degraded: Tensor, clean: Tensor) -> Tensor:
    """K: dB lost at each of STRENGTHS; little where the errors are hardly seen."""
    errors = [
        (restore(degraded, strength).clamp(0, 1) - clean).square().mean() for strength in STRENGTHS
    ]
    values = 10 * (torch.stack(errors) + UNSEEN).log10()
    return values - values.min()


def cost(costs: Tensor, proposals: Tensor) -> Tensor:
    """N×K costs at STRENGTHS and N proposals → N dB, with a slope for each proposal."""
    places = torch.tensor(STRENGTHS)
    inside = proposals.clamp(0, 1)
    right = torch.searchsorted(places, inside.detach()).clamp(1, len(places) - 1)
    share = (inside - places[right - 1]) / (places[right] - places[right - 1])
    low, high = (costs.gather(1, column[:, None])[:, 0] for column in (right - 1, right))
    return low + share * (high - low) + BEYOND_THE_SLIDER * (proposals - inside).abs()


def price(
    restore: Restore, pairs: Sequence[tuple[Tensor, Tensor]], progress: Callable[[], object]
) -> Priced:
    """`pairs`: (degraded, clean), each 1×3×S×S. `progress` is called after each."""
    rows = []
    for degraded, clean in pairs:
        rows.append(costs_of(restore, degraded, clean))
        progress()
    return Priced(torch.cat([degraded for degraded, _ in pairs]), torch.stack(rows))
