"""Correlation of filters, Eq. 3, on weights whose ρ is known."""

from __future__ import annotations

import pytest
import torch
from tests.small import random_state

from dnid.errors import PackDamaged
from dnipack.correlation import LayerCorrelation, correlate, mean_correlation

PATTERN = torch.tensor([[[[1.0, 2.0, 3.0, 6.0]]]])
"""One filter of one input channel, 1×4; its mean is 3."""
STATE = {"a.weight": PATTERN.repeat(4, 1, 1, 1), "a.bias": torch.ones(4)}


def against(*filters: torch.Tensor) -> tuple[float, ...]:
    """ρ of the pattern with each of four filters."""
    weight = torch.cat(filters)
    return correlate(STATE, {"a.weight": weight, "a.bias": torch.zeros(4)})[0].filters


def test_a_copy_is_1_everywhere() -> None:
    """In a whole network; biases and other vectors hold no filters."""
    state = random_state(0)
    layers = correlate(state, state)
    assert [f"{layer.layer}.weight" for layer in layers] == [k for k in state if "bias" not in k]
    assert all(rho == pytest.approx(1, abs=1e-12) for layer in layers for rho in layer.filters)


def test_scale_and_mean_do_not_matter() -> None:
    """As for Pearson's ρ; the sign does."""
    shuffled = torch.tensor(
        [[[[6.0, 1.0, 2.0, 3.0]]]]
    )  # centred: (3,−2,−1,0)·(−2,−1,0,3) = −4 of 14
    rhos = against(5 * PATTERN, PATTERN + 7, -PATTERN, shuffled)
    assert rhos == pytest.approx((1, 1, -1, -4 / 14))


def test_a_constant_filter_is_like_no_other() -> None:
    """ρ is 0 where one of the two has died; where both have, there is nothing to compare."""
    dead = torch.zeros_like(PATTERN)
    assert against(dead, PATTERN, PATTERN, dead) == pytest.approx((0, 1, 1, 0))
    both = {"a.weight": torch.cat([dead, PATTERN])}
    assert len(correlate(both, both)[0].filters) == 1
    nothing = {"a.weight": torch.cat([dead, dead])}
    assert correlate(nothing, nothing) == []


def test_independent_networks_do_not_correlate() -> None:
    """Random filters are near 0, their blend with one anchor between the two."""
    one, other = random_state(0), random_state(1)
    halfway = {key: (one[key] + other[key]) / 2 for key in one}
    assert abs(mean_correlation(correlate(one, other))) < 0.1
    assert mean_correlation(correlate(one, halfway)) == pytest.approx(0.7, abs=0.05)


def test_mean_and_spread() -> None:
    """Quartiles within a layer; the mean of a network counts its layers alike."""
    layer = LayerCorrelation("a", (0.0, 0.5, 0.75, 1.0, 0.25))
    assert layer.quartiles == (0.25, 0.5, 0.75)
    assert layer.mean == 0.5
    assert mean_correlation([layer, LayerCorrelation("b", (1.0,))]) == 0.75


@pytest.mark.parametrize("other", [{}, {"a.weight": torch.ones(4, 1, 1, 3)}])
def test_two_architectures_are_refused(other: dict[str, torch.Tensor]) -> None:
    """The key that differs is named."""
    with pytest.raises(PackDamaged, match=r"'a\.weight'"):
        correlate(STATE, other)


def test_a_network_without_filters_is_refused() -> None:
    """No mean is made up for it."""
    with pytest.raises(PackDamaged, match="no filters"):
        mean_correlation(correlate({"b": torch.ones(3)}, {"b": torch.ones(3)}))
