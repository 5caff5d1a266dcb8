"""How far a network sees: the halo with which tiles are exact."""

from __future__ import annotations

import torch
from torch import Tensor, nn

MAX_PROBE = 1024
"""Side in pixels; a network that sees beyond half of it counts as seeing everything."""


def full_halo(network: nn.Module, multiple: int, scale: int = 1) -> int | None:
    """Input pixels around a pixel that can change what becomes of it; None when that is the
    whole picture.

    `network` gives the structure (it may lie on `meta`); `multiple` and `scale` are its own.
    A gradient probe: with all weights positive and a positive input nothing cancels and every
    ReLU is open, so the gradient of the middle outputs is non-zero exactly where they see.
    """
    network = _with_positive_weights(network)
    side = 8 * multiple
    while side <= MAX_PROBE:
        reach = _reach(network, side, multiple, scale)
        if reach < side // 2 - multiple:  # it ends inside the probe
            return -(-reach // multiple) * multiple
        side *= 2
    return None


def _with_positive_weights(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    state = {
        name: torch.rand(value.shape, generator=generator, dtype=torch.float64) / value[0].numel()
        if value.is_floating_point() and value.ndim > 1
        else torch.ones(value.shape, dtype=torch.float64 if value.is_floating_point() else None)
        for name, value in network.state_dict().items()
    }
    network.load_state_dict(state, assign=True)
    return network.eval()


def _reach(network: nn.Module, side: int, multiple: int, scale: int) -> int:
    """How many pixels beyond the middle block the gradient of its outputs goes."""
    x = torch.rand(1, 3, side, side, dtype=torch.float64).requires_grad_()
    start = (side // 2) // multiple * multiple
    block = slice(start * scale, (start + multiple) * scale)
    network(x)[..., block, block].sum().backward()
    assert x.grad is not None
    seen: Tensor = x.grad[0].abs().sum(0) > 0
    rows, columns = seen.any(1).nonzero(), seen.any(0).nonzero()
    first = min(int(rows[0]), int(columns[0]))
    last = max(int(rows[-1]), int(columns[-1]))
    return max(start - first, last - (start + multiple - 1))
