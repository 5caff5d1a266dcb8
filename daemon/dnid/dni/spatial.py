"""A network whose weights vary over the picture: per-pixel α in one pass.

For a convolution, θ(α(p)) applied at output pixel p equals Σ αᵢ(p) · conv(x; θᵢ)(p).
So every layer that has weights runs once for each active anchor, and its outputs
are mixed by the α map, resized to that layer's grid. With the same α everywhere
this is the plain blend, up to rounding.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from dnid.dni.blend import AnchorStack

MIXABLE = (
    nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.PReLU, nn.BatchNorm2d, nn.InstanceNorm2d,
    nn.GroupNorm,
)  # fmt: skip
"""Layers whose output lies on a pixel grid, so that an α map can mix it: N×C×h×w, and of
Linear N×h×w×C, or N×C where the picture was pooled to one value a channel."""


def is_mixable(network: nn.Module) -> bool:
    """Whether every weight of the network sits in a layer of a MIXABLE kind."""
    return all(isinstance(layer, MIXABLE) for _, layer in _layers_with_weights(network))


class NotOnGrid(Exception):
    """A layer's output does not lie on a grid of the picture's pixels."""


class SpatialNetwork:
    """Runs x under α(p). Made from a network's structure; the weights come from the stack."""

    def __init__(self, network: nn.Module, stack: AnchorStack, dtype: torch.dtype) -> None:
        self.stack = stack
        self.dtype = dtype
        self.shares = _Shares()
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._layers = {
            name: _MixedLayer(layer, self.shares)
            for name, layer in list(_layers_with_weights(self.network))
        }
        for name, mixed in self._layers.items():
            self.network.set_submodule(name, mixed)
        self._active: tuple[int, ...] = ()

    def run(self, x: Tensor, active: Sequence[int], shares: Tensor) -> Tensor:
        """x N×C×H×W; `active` K indices of anchors; `shares` K×H×W with Σ = 1 at each pixel."""
        self._load(tuple(active))
        with self.shares.using(shares.to(x.device, self.dtype), pictures=x.shape[0]):
            return self.network(x)  # type: ignore[no-any-return]

    def equals_blend(self, plain: nn.Module, x: Tensor) -> bool:
        """Whether x, under the same α everywhere, becomes what `plain` makes of it: the blend
        of the first two anchors, half and half, in float32.

        It does not where the network reaches into its layers past their `forward`, or lays
        its pixels out in another way than MIXABLE says.
        """
        halves = torch.full((2, *x.shape[-2:]), 0.5)
        try:
            found = self.run(x, (0, 1), halves)
        except Exception:  # noqa: BLE001 (a stranger's forward raises all kinds)
            return False
        wanted = plain(x)
        return torch.allclose(found, wanted, rtol=0, atol=1e-4 * max(1, float(wanted.abs().max())))

    def _load(self, active: tuple[int, ...]) -> None:
        if active == self._active:
            return
        states = [self.stack.state(self.stack.matrix[i].to(self.dtype)) for i in active]
        for name, layer in self._layers.items():
            layer.load([_under(name, state) for state in states])
        self._active = active


class _Shares:
    """The α map of the pass under way, at every grid that a layer has asked for."""

    def __init__(self) -> None:
        self.grids: dict[tuple[int, int], Tensor] = {}
        self.full: Tensor | None = None
        self.pictures = 0

    def using(self, shares: Tensor, pictures: int) -> _Shares:
        self.full = shares[:, None, None]
        self.pictures = pictures
        return self

    def __enter__(self) -> None:
        self.grids.clear()

    def __exit__(self, *_: object) -> None:
        self.grids.clear()
        self.full = None

    def at(self, grid: tuple[int, int]) -> Tensor:
        """K×1×1×h×w."""
        if grid not in self.grids:
            assert self.full is not None
            self.grids[grid] = resize(self.full, grid)
        return self.grids[grid]


class _MixedLayer(nn.Module):
    def __init__(self, layer: nn.Module, shares: _Shares) -> None:
        super().__init__()
        self.layer = layer
        self.shares = shares
        self.states: list[dict[str, Tensor]] = []

    @property
    def weight(self) -> Tensor:
        """A network may ask its first layer for the dtype it runs in."""
        return self.states[0]["weight"]

    def load(self, states: list[dict[str, Tensor]]) -> None:
        self.states = states

    def forward(self, x: Tensor) -> Tensor:
        if getattr(self.layer, "running_mean", None) is not None:
            return self._normalise(x)
        outputs: list[Tensor] = [functional_call(self.layer, s, (x,)) for s in self.states]
        if len(outputs) == 1:
            return outputs[0]
        shares = self._shares_for(outputs[0])
        if len(outputs) == 2:
            return torch.lerp(outputs[0], outputs[1], shares[1])
        mixed = outputs[0] * shares[0]
        for output, share in zip(outputs[1:], shares[1:], strict=True):
            mixed.addcmul_(output, share)
        return mixed

    def _shares_for(self, output: Tensor) -> Tensor:
        """K shares that go with an output, by its layout. Raises NotOnGrid."""
        if output.shape[0] != self.shares.pictures:  # windows, lined up as a batch
            raise NotOnGrid(f"{tuple(output.shape)}")
        if not isinstance(self.layer, nn.Linear):
            return self.shares.at((output.shape[-2], output.shape[-1]))
        if output.ndim == 2:  # N×C
            return self.shares.at((1, 1))[..., 0, 0]
        if output.ndim == 4:  # N×h×w×C
            return self.shares.at((output.shape[1], output.shape[2])).movedim(2, -1)
        raise NotOnGrid(f"{tuple(output.shape)}")

    def _normalise(self, x: Tensor) -> Tensor:
        """γ(x − μ)/σ + β is not linear in its parameters: each of them is mixed by itself."""
        shares = self.shares.at((x.shape[-2], x.shape[-1]))
        mixed: dict[str, Tensor] = {
            name: torch.stack([s[name].view(1, -1, 1, 1) for s in self.states]).mul(shares).sum(0)
            for name, value in self.states[0].items()
            if value.is_floating_point()
        }
        deviation = (mixed["running_var"] + float(self.layer.eps)).sqrt_()  # type: ignore[arg-type]
        y = (x - mixed["running_mean"]).div_(deviation)
        return y.mul_(mixed["weight"]).add_(mixed["bias"]) if "weight" in mixed else y


def _layers_with_weights(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, module in network.named_modules():
        own: Iterable[Tensor] = [
            *module.parameters(recurse=False), *module.buffers(recurse=False),
        ]  # fmt: skip
        if any(tensor.is_floating_point() for tensor in own):
            yield name, module


def _under(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    start = prefix + "."
    return {name[len(start) :]: value for name, value in state.items() if name.startswith(start)}


def resize(shares: Tensor, grid: tuple[int, int]) -> Tensor:
    """Mean over the pixels that a coarser grid's cell covers; bilinear onto a finer grid."""
    flat = shares[:, 0]
    if flat.shape[-2:] == grid:
        return shares
    if grid[0] <= flat.shape[-2]:
        return F.adaptive_avg_pool2d(flat, grid)[:, None]
    return F.interpolate(flat, grid, mode="bilinear", align_corners=False)[:, None]
