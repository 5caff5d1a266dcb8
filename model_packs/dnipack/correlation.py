"""How alike the filters of two anchors are, layer by layer (Eq. 3; Fig. 4 and 13).

Anchors that were fine-tuned from one another keep their filters in place; a
blend of networks whose filters do not correspond is a network of neither. High
correlation is needed, but it is no proof: only pictures are (`dni-pack check`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dnid.errors import PackDamaged


@dataclass(frozen=True)
class LayerCorrelation:
    """Pearson's ρ of the corresponding filters of one layer."""

    layer: str
    """The key of its weights, without `.weight`."""
    filters: tuple[float, ...]
    """−1..1, one for each output channel; a filter that is constant in both anchors has none."""

    @property
    def mean(self) -> float:
        return float(np.mean(self.filters))

    @property
    def quartiles(self) -> tuple[float, float, float]:
        """(lower quartile, median, upper quartile)"""
        low, median, high = np.quantile(self.filters, (0.25, 0.5, 0.75))
        return float(low), float(median), float(high)


def correlate(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> list[LayerCorrelation]:
    """The convolutions and matrices of two states of one network, in the state's order.

    A filter is what makes one output channel: the weights along the first axis
    (for a transposed convolution, what one input channel spreads). Layers of one
    weight a filter have no ρ and are left out. Raises PackDamaged for states of
    two architectures.
    """
    layers = []
    for key, weight in one.items():
        if key not in other or other[key].shape != weight.shape:
            raise PackDamaged(f"The anchors differ at {key!r}; they are not of one architecture.")
        if weight.ndim >= 2 and (rhos := _filter_correlations(weight, other[key])):
            layers.append(LayerCorrelation(key.removesuffix(".weight"), rhos))
    return layers


def mean_correlation(layers: Sequence[LayerCorrelation]) -> float:
    """Every layer counts alike, however many filters it has. Raises PackDamaged for no layers."""
    if not layers:
        raise PackDamaged("The network has no filters that could be compared.")
    return float(np.mean([layer.mean for layer in layers]))


def _filter_correlations(one: Tensor, other: Tensor) -> tuple[float, ...]:
    """ρ = ⟨F − F̄, G − Ḡ⟩ / (‖F − F̄‖ ‖G − Ḡ‖); 0 where one of the two is constant."""
    f, g = _centred(one), _centred(other)
    norms = f.norm(dim=1) * g.norm(dim=1)
    rho = torch.where(norms > 0, (f * g).sum(1) / norms, 0.0).clamp(-1, 1)
    varied = (f.norm(dim=1) > 0) | (g.norm(dim=1) > 0)
    return tuple(rho[varied].tolist())


def _centred(weight: Tensor) -> Tensor:
    filters = weight.double().flatten(1)
    return filters - filters.mean(1, keepdim=True)
