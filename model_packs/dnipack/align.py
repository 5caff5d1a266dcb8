"""Bring the filters of one network into the order of another's: Git Re-Basin's weight matching
(Ainsworth et al. 2023, algorithm 1), for plain chains of convolutions.

The hidden channels of a network may be in any order without changing what it does.
Networks that were trained independently, or whose channels were shuffled, may do the same
in different orders, in which a blend mixes filters that have nothing to do with each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from dnid.errors import BadInput

State = Mapping[str, Tensor]

CHAINS = frozenset({"dncnn", "srvgg"})
"""Architectures in which each convolution feeds the next one alone."""

MAX_ROUNDS = 50
"""The order settles within a few; each raises the agreement or is the last."""


@dataclass(frozen=True)
class _Joint:
    """Channels between two convolutions."""

    before: tuple[str, ...]
    """Keys whose first axis are these channels: weight, bias, PReLU, BatchNorm."""
    after: str
    """The next convolution's weight, whose second axis they are."""


def align(reference: State, other: State) -> dict[str, Tensor]:
    """`other` with its hidden channels in the order that agrees best with `reference`.

    It is the same network: its outputs change by rounding only. Raises BadInput where
    scipy is missing.
    """
    joints = _joints(reference)
    ahead = dict(other)
    for joint in joints:  # looks backward only, where all is in order already
        _reorder(ahead, joint, _agreement(reference, ahead, joint.before))
    settled = [_settled(reference, start, joints) for start in (dict(other), ahead)]
    return max(settled, key=lambda state: _total(reference, state, joints))


def _settled(reference: State, state: dict[str, Tensor], joints: list[_Joint]) -> dict[str, Tensor]:
    """Joint after joint, until no order changes. The agreement never falls."""
    for _ in range(MAX_ROUNDS):
        changed = False
        for joint in joints:
            agreement = _agreement(reference, state, joint.before, joint.after)
            changed |= _reorder(state, joint, agreement)
        if not changed:
            break
    return state


def _total(reference: State, state: State, joints: list[_Joint]) -> float:
    return sum(float((reference[j.after] * state[j.after]).sum()) for j in joints)


def _joints(state: State) -> list[_Joint]:
    """In the order of the chain: numbered keys, `layers.0`, `norms.1`, `body.2` …."""
    numbered = sorted((int(key.split(".")[1]), key) for key in state if state[key].ndim > 0)
    weights = [key for _, key in numbered if state[key].ndim == 4]
    places = [int(key.split(".")[1]) for key in weights]
    return [
        _Joint(tuple(k for n, k in numbered if start <= n < end), after)
        for start, end, after in zip(places, places[1:], weights[1:], strict=False)
    ]


def _agreement(
    reference: State, other: State, before: tuple[str, ...], after: str | None = None
) -> Tensor:
    """C×C inner products of the channels' weights: what makes them, and what they feed."""
    parts = [(reference[key], other[key]) for key in before]
    if after is not None:
        parts.append((reference[after].transpose(0, 1), other[after].transpose(0, 1)))
    products = [
        one.double().reshape(len(one), -1) @ two.double().reshape(len(two), -1).T
        for one, two in parts
    ]
    return torch.stack(products).sum(0)


def _reorder(state: dict[str, Tensor], joint: _Joint, agreement: Tensor) -> bool:
    """Put the joint's channels into the best order; whether that changed anything."""
    order = _best_order(agreement)
    if torch.equal(order, torch.arange(len(order))):
        return False
    for key in joint.before:
        state[key] = state[key][order]
    state[joint.after] = state[joint.after][:, order]
    return True


def _best_order(agreement: Tensor) -> Tensor:
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError as error:
        raise BadInput("Aligning filters needs scipy; install dnid[align].") from error
    return torch.from_numpy(linear_sum_assignment(agreement.numpy(), maximize=True)[1])
