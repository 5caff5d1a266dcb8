"""Training on the way from the parent to the anchor, so that halfway lies half of the effect.

Blends of a network and its fine-tune work by themselves (Wang et al. 2019), but how well they
do was left to chance. Here some steps take a blend as the network and the degradation between
the two ends as the task; the gradient goes to the anchor alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.func import functional_call

from dnid.errors import BadInput


class Way:
    """From the parent's weights and degradation to the anchor's own."""

    def __init__(
        self, parent: Mapping[str, Tensor], start: Mapping[str, Any], end: Mapping[str, Any]
    ) -> None:
        """`parent`: its state; `start` and `end`: the tables of the two degradations.

        Raises BadInput when these differ in more than numbers.
        """
        self.parent, self.start, self.end = parent, start, end
        self.degradation(0.5)

    def degradation(self, share: float) -> dict[str, Any]:
        """The table at `share` of the way: 0 is the parent's, 1 the anchor's."""
        if self.start.keys() != self.end.keys():
            raise BadInput("An anchor trained between needs the options of its parent.")
        return {key: _mixed(self.start[key], end, share) for key, end in self.end.items()}

    def run(self, network: nn.Module, x: Tensor, share: float) -> Tensor:
        """`network` blended with the parent's weights, on `x`."""
        weights = {
            name: self.parent[name].lerp(own, share) for name, own in network.named_parameters()
        }
        result: Tensor = functional_call(network, weights, (x,))
        return result


def draw_share(probability: float, rng: np.random.Generator) -> float:
    """1, the anchor itself, or with the `probability` any place on the way."""
    return float(rng.random()) if rng.random() < probability else 1.0


def _mixed(start: object, end: object, share: float) -> object:
    if start == end:
        return end
    if isinstance(start, int | float) and isinstance(end, int | float):
        return start + share * (end - start)
    if isinstance(start, list) and isinstance(end, list) and len(start) == len(end):
        return [_mixed(a, b, share) for a, b in zip(start, end, strict=True)]
    raise BadInput(f"Between {start!r} and {end!r} there is nothing to train on.")
