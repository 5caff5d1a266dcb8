"""How far a network sees: the halo with which tiles are exact."""

from __future__ import annotations

import torch
from torch import Tensor, nn

MAX_PROBE = 1024
"""Length in pixels; a network that sees beyond half of it counts as seeing everything."""
_SHORT = 8
"""Width of a probe, and its first length, in multiples."""


def full_halo(network: nn.Module, multiple: int, scale: int = 1) -> int | None:
    """Input pixels around a pixel that can change what becomes of it; None when that is the
    whole picture.

    `network` gives the structure (it may lie on `meta`); `multiple` and `scale` are its own.
    A gradient probe: with all weights positive and a positive input nothing cancels and every
    ReLU is open, so the gradient of the middle outputs is non-zero exactly where they see.
    """
    network = _with_positive_weights(network)
    reach = 0
    for axis in (2, 3):
        along = _reach_along(axis, network, multiple, scale)
        if along is None:
            return None
        reach = max(reach, along)
    return -(-reach // multiple) * multiple


def _reach_along(axis: int, network: nn.Module, multiple: int, scale: int) -> int | None:
    """In pixels. The probe is a strip: narrow, so that a long one costs little."""
    length = _SHORT * multiple
    while length <= MAX_PROBE:
        reach = _reach(axis, length, network, multiple, scale)
        if reach < length // 2 - multiple:  # it ends inside the probe
            return reach
        length *= 2
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


def _reach(axis: int, length: int, network: nn.Module, multiple: int, scale: int) -> int:
    """How many pixels beyond the middle block the gradient of its outputs goes along `axis`."""
    shape = [1, 3, _SHORT * multiple, _SHORT * multiple]
    shape[axis] = length
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(shape, dtype=torch.float64, generator=generator).requires_grad_()
    start = length // 2 // multiple * multiple
    block = network(x).narrow(axis, start * scale, multiple * scale)
    (gradient,) = torch.autograd.grad(block.sum(), x)
    seen: Tensor = gradient.abs().amax([0, 1, 5 - axis]).nonzero()
    return max(start - int(seen[0]), int(seen[-1]) - (start + multiple - 1))
