"""Networks that treat a picture the same, however it is turned or mirrored.

A group-equivariant network (Cohen and Welling, ICML 2016) for the eight ways to turn and mirror
a square: its channels come in eights, one for each way, and turning the picture turns what is
in them and moves them about within their eight. Here this is no other architecture but a
symmetry of an ordinary network's weights: they start with it, every gradient is made symmetric,
and so they keep it. What the network learns from a crop it has learnt for all eight, and no
mean over eight results is left to be gained by asking it eight times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from dnid.errors import BadInput

ORDER = 8
"""Channels are needed in multiples of it."""
_WAYS = tuple((mirrored, turns) for mirrored in (False, True) for turns in range(4))

Moves = Sequence[Tensor]
"""For each way: which channel moves to each place."""


def turned(x: Tensor, way: int) -> Tensor:
    """`x`, …×H×W, mirrored or not, then turned by quarters; way 0 leaves it as it is."""
    mirrored, turns = _WAYS[way]
    return torch.rot90(x.flip(-1) if mirrored else x, turns, (-2, -1))


@dataclass(frozen=True)
class _Symmetry:
    """What a convolution's output and input channels do when the picture is turned."""

    outputs: Moves
    inputs: Moves

    def weight(self, weight: Tensor) -> Tensor:
        """outputs×inputs×k×k, its mean over all ways."""
        ways = [
            turned(weight[to][:, of], way)
            for way, (to, of) in enumerate(zip(self.outputs, self.inputs, strict=True))
        ]
        return torch.stack(ways).mean(0)

    def transposed(self, weight: Tensor) -> Tensor:
        """inputs×outputs×k×k, as nn.ConvTranspose2d has them."""
        return self.weight(weight.transpose(0, 1)).transpose(0, 1)

    def bias(self, bias: Tensor) -> Tensor:
        return torch.stack([bias[to] for to in self.outputs]).mean(0)


def make_symmetric(network: nn.Module) -> None:
    """Give a fresh EDSR or UNet the symmetry; weights that have it already are left as they are.

    Raises BadInput for channels that do not come in eights.
    """
    for parameter, mean in _parameters(network):
        with torch.no_grad():
            before = parameter.norm()
            parameter.copy_(mean(parameter))
            after = parameter.norm()
            if after > 0:  # a mean of eight is smaller than each; what it was made for is kept
                parameter.mul_(before / after)


def keep_symmetric(network: nn.Module) -> None:
    """Make every gradient symmetric, so that an optimiser that treats all weights alike keeps
    symmetric weights so."""
    for parameter, mean in _parameters(network):
        average = partial(_average_gradient, mean=mean)
        parameter.register_post_accumulate_grad_hook(average)  # type: ignore[no-untyped-call]


def _parameters(network: nn.Module) -> list[tuple[Tensor, Callable[[Tensor], Tensor]]]:
    """Every weight and bias, and what makes it symmetric."""
    head, tail = network.get_submodule("head"), network.get_submodule("tail")
    planes = [int(getattr(network, name, 3)) for name in ("inputs", "outputs")]
    found: list[tuple[Tensor, Callable[[Tensor], Tensor]]] = []
    for module in network.modules():
        if not isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            continue
        ends = [
            _pixels(channels, plane) if module is end else _eights(channels)
            for channels, plane, end in (
                (module.out_channels, planes[1], tail),
                (module.in_channels, planes[0], head),
            )
        ]
        symmetry = _Symmetry(*ends)
        upward = isinstance(module, nn.ConvTranspose2d)
        found.append((module.weight, symmetry.transposed if upward else symmetry.weight))
        if module.bias is not None:
            found.append((module.bias, symmetry.bias))
    return found


def _eights(channels: int) -> Moves:
    """Channels in eights: in way `w` of a picture that is turned by `by` stands what stood in
    the way that `by` makes `w`."""
    if channels % ORDER:
        raise BadInput(f"A symmetric network needs channels in multiples of {ORDER}.")
    square = torch.arange(4).reshape(2, 2)
    ways = [turned(square, way).flatten().tolist() for way in range(ORDER)]
    moves = []
    for by in range(ORDER):
        move = [0] * ORDER
        for way in range(ORDER):
            move[ways.index(turned(turned(square, way), by).flatten().tolist())] = way
        eights = ORDER * torch.arange(channels // ORDER)[:, None]
        moves.append((eights + torch.tensor(move)).flatten())
    return moves


def _pixels(channels: int, planes: int) -> Moves:
    """Channels that are the pixels of little squares, one plane's after another's, as
    pixel_shuffle has them."""
    side = math.isqrt(channels // planes)
    squares = torch.arange(channels).reshape(-1, side, side)
    return [turned(squares, way).flatten() for way in range(ORDER)]


def _average_gradient(parameter: Tensor, mean: Callable[[Tensor], Tensor]) -> None:
    assert parameter.grad is not None
    parameter.grad.copy_(mean(parameter.grad))
