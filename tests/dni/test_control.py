"""Strength → α along a path and its curve."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dnid.dni.control import Control

strengths = st.floats(0, 1, width=32)


@st.composite
def controls(draw: st.DrawFn) -> Control:
    """Any path through up to six anchors, any rising curve along it."""
    anchors = draw(st.integers(1, 6))
    path = draw(st.permutations(range(anchors)))[: draw(st.integers(1, anchors))]
    end = len(path) - 1
    inner = st.lists(st.integers(1, 19), unique=True, max_size=4).map(sorted)
    knots = [0.0, *(x / 20 for x in draw(inner)), 1.0]
    rises = sorted(draw(st.floats(0, end)) for _ in knots[2:])
    return Control(tuple(path), tuple(zip(knots, [0.0, *rises, float(end)], strict=True)), anchors)


@given(controls(), strengths)
@settings(max_examples=200, deadline=None)
def test_alpha_lies_between_two_neighbours_of_the_path(control: Control, strength: float) -> None:
    """Shares are at least 0, sum to 1, and only two neighbouring anchors have any."""
    alpha = control.alpha(strength)
    assert len(alpha) == control.anchors
    assert all(share >= 0 for share in alpha)
    assert sum(alpha) == pytest.approx(1, abs=1e-12)
    places = sorted(control.path.index(i) for i, share in enumerate(alpha) if share > 0)
    assert places[-1] - places[0] <= 1


@given(controls())
@settings(max_examples=50, deadline=None)
def test_the_ends_of_the_slider_are_anchors(control: Control) -> None:
    """Strength 0 is the first anchor of the path alone, strength 1 the last."""
    for strength, anchor in ((0, control.path[0]), (1, control.path[-1])):
        assert control.alpha(strength) == tuple(float(i == anchor) for i in range(control.anchors))


@given(controls(), st.lists(strengths, min_size=1, max_size=30))
@settings(max_examples=100, deadline=None)
def test_the_map_agrees_with_alpha_at_every_pixel(control: Control, values: list[float]) -> None:
    """alpha_map gives each pixel the shares that alpha gives its strength."""
    active, shares = control.alpha_map(torch.tensor([values]))
    assert shares.shape == (len(active), 1, len(values))
    for x, strength in enumerate(values):
        found = [0.0] * control.anchors
        for anchor, share in zip(active, shares[:, 0, x].tolist(), strict=True):
            found[anchor] = share
        assert found == pytest.approx(control.alpha(strength), abs=1e-4)
        assert sum(found) == pytest.approx(1, abs=1e-6)


def test_only_anchors_with_a_share_are_active() -> None:
    """Strengths in the last third of a path of four leave the first two anchors out."""
    control = Control((3, 1, 0, 2), ((0.0, 0.0), (1.0, 3.0)), 4)
    active, shares = control.alpha_map(torch.tensor([[0.75, 0.875, 1.0]]))
    assert active == [0, 2]
    torch.testing.assert_close(shares[:, 0], torch.tensor([[0.75, 0.375, 0], [0.25, 0.625, 1]]))


def test_the_curve_bends_the_slider() -> None:
    """A curve point (0.5, 0.2) puts half the slider at a fifth of the way."""
    control = Control((0, 1), ((0.0, 0.0), (0.5, 0.2), (1.0, 1.0)), 2)
    assert control.alpha(0.5) == pytest.approx((0.8, 0.2))
    assert control.alpha(0.75) == pytest.approx((0.4, 0.6))
