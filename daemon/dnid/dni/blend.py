"""θ = Σ αᵢ θᵢ (Eq. 1 and 2): the anchors of a pack as one matrix, a blend as one product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from dnid.dni.cache import BlendCache
from dnid.errors import BadRecipe, PackDamaged

State = Mapping[str, Tensor]


class AnchorStack:
    """N anchors of one architecture as Θ, an N×P matrix of float32.

    Every floating-point entry of the state takes part: weights, biases,
    normalisation scale and shift, running mean and variance. Integer buffers
    (BatchNorm's batch counter) are carried over from the first anchor.
    """

    def __init__(self, anchors: Mapping[str, State], device: torch.device | None = None) -> None:
        """Θ lies on `device`. Raises PackDamaged, naming the first key or shape that differs."""
        (first_name, first), *others = anchors.items()
        for name, state in others:
            _check_same_layout(first_name, first, name, state)
        self.names = tuple(anchors)
        # By name: the order of a file's tensors changes from one reading to the next, and a
        # cached vector serves all stacks of the same pack.
        self.shapes = {k: v.shape for k, v in sorted(first.items()) if v.is_floating_point()}
        self.carried = {k: v for k, v in first.items() if not v.is_floating_point()}
        rows = [_flatten(state, self.shapes) for state in anchors.values()]
        self.matrix = torch.stack(rows).to(device)

    def blend(self, alpha: Sequence[float], out: Tensor | None = None) -> Tensor:
        """αᵀΘ as P float32 values. A one-hot α gives that anchor bit for bit.

        Raises BadRecipe unless α has N values ≥ 0 whose sum is 1 (± 1e-6).
        """
        _check_simplex(alpha, len(self.names))
        active = [i for i, share in enumerate(alpha) if share > 0]
        if len(active) == 1:
            row = self.matrix[active[0]]
            return row.clone() if out is None else out.copy_(row)
        first, last = active[0], active[-1] + 1
        shares = torch.tensor(alpha[first:last], device=self.matrix.device)
        return torch.mv(self.matrix[first:last].T, shares, out=out)

    def state(self, vector: Tensor) -> dict[str, Tensor]:
        """The P values as views with their names and shapes, plus the carried buffers."""
        sizes = [shape.numel() for shape in self.shapes.values()]
        parts = zip(self.shapes.items(), torch.split(vector, sizes), strict=True)
        return {name: part.view(shape) for (name, shape), part in parts} | self.carried


class BlendedNetwork:
    """A network whose floating-point state is one vector: the blend for the last α it was given."""

    def __init__(
        self,
        network: nn.Module,
        stack: AnchorStack,
        dtype: torch.dtype,
        cache: BlendCache | None = None,
        name: str = "",
    ) -> None:
        """`network` gives the structure (it may lie on `meta`); its weights are replaced.

        A `cache` may serve several networks; `name` tells their anchors apart in it (a pack's
        hash, say). Without one, nothing but the blend in use is kept.
        """
        self.stack, self.dtype = stack, dtype
        self.cache = BlendCache(max_bytes=0) if cache is None else cache
        self.name = name
        self.alpha: tuple[float, ...] | None = None
        self.network = network.requires_grad_(False).eval()

    def set(self, alpha: Sequence[float]) -> nn.Module:
        """Make the network the blend for α (N shares, Σ = 1) and return it.

        The blend is computed in float32; for a reduced format the sum is rounded once.
        """
        alpha = tuple(alpha)
        if self.alpha != alpha:
            key = self.name, str(self.stack.matrix.device), alpha, self.dtype
            vector = self.cache.vector(key, lambda: self.stack.blend(alpha).to(self.dtype))
            self.network.load_state_dict(self.stack.state(vector), assign=True)
            self.alpha = alpha
        return self.network


def _flatten(state: State, shapes: Mapping[str, torch.Size]) -> Tensor:
    return torch.cat([state[name].reshape(-1).to(torch.float32) for name in shapes])


def _check_same_layout(name: str, state: State, other_name: str, other: State) -> None:
    for key in [*state, *other]:
        if key not in state or key not in other:
            has, lacks = (name, other_name) if key in state else (other_name, name)
            raise PackDamaged(f"Anchor {lacks!r} has no {key!r}, which {has!r} has.")
        if state[key].shape != other[key].shape:
            shapes = f"{tuple(state[key].shape)} and {tuple(other[key].shape)}"
            raise PackDamaged(f"Anchors {name!r} and {other_name!r} differ at {key!r}: {shapes}.")


def _check_simplex(alpha: Sequence[float], count: int) -> None:
    if len(alpha) != count:
        raise BadRecipe(f"{count} shares are needed, one an anchor, not {len(alpha)}.")
    if not all(share >= 0 for share in alpha) or abs(sum(alpha) - 1) > 1e-6:
        raise BadRecipe("The anchors' shares must be at least 0 and sum to 1.")
