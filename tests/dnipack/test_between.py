"""Training blends of an anchor with its parent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.dnipack.small_recipe import made_up_photo, recipe
from torch import nn

from dnid.errors import BadInput
from dnipack.between import Way, draw_share
from dnipack.recipe import TrainingRecipe
from dnipack.train import train_anchor

N10, N30 = {"kind": "noise", "sigma": 10}, {"kind": "noise", "sigma": 30}


def test_the_way() -> None:
    """Weights and numbers lie as far along; the gradient goes to the anchor, by its share."""
    network = nn.Conv2d(1, 1, 1, bias=False)
    way = Way({"weight": torch.zeros(1, 1, 1, 1)}, N10, N30)
    assert way.degradation(0.25) == {"kind": "noise", "sigma": 15}
    nn.init.constant_(network.weight, 4)
    x = torch.ones(1, 1, 1, 1)
    result = way.run(network, x, 0.25)
    assert result.item() == 1
    result.sum().backward()  # type: ignore[no-untyped-call]
    assert network.weight.grad is not None
    assert network.weight.grad.item() == 0.25


def test_intervals_lie_between_too() -> None:
    """Lowest and highest each by itself; what is equal stays."""
    start = {"kind": "jpeg", "quality": [40, 60], "twice": 0.2}
    end = {"kind": "jpeg", "quality": [10, 20], "twice": 0.2}
    found = Way({}, start, end).degradation(0.5)
    assert found == {"kind": "jpeg", "quality": [25, 40], "twice": 0.2}


@pytest.mark.parametrize(
    ("start", "says"),
    [
        ({"kind": "jpeg", "sigma": 10}, "nothing to train on"),
        ({"kind": "noise", "sigma": [10, 20]}, "nothing to train on"),
        ({"kind": "noise"}, "the options of its parent"),
    ],
)
def test_nothing_between(start: dict[str, object], says: str) -> None:
    """Two that differ in more than numbers are refused."""
    with pytest.raises(BadInput, match=says):
        Way({}, start, N30)


def test_shares() -> None:
    """Half of the draws are the anchor itself, the others lie anywhere on the way."""
    rng = np.random.default_rng(0)
    shares = [draw_share(0.5, rng) for _ in range(2000)]
    between = [share for share in shares if share < 1]
    assert len(between) == pytest.approx(1000, abs=100)
    assert np.histogram(between, 4, (0, 1))[0].min() > 200
    assert draw_share(0, rng) == 1


def between_recipe(share: float, **changes: object) -> TrainingRecipe:
    """The small recipe, its second anchor trained on the way."""
    small = recipe()
    first, second = small.anchors
    return replace(small, anchors=(first, replace(second, between=share, **changes)))  # type: ignore[arg-type]


def test_it_changes_what_is_learnt(tmp_path: Path) -> None:
    """The same steps, other weights; and the parent's are as they were."""
    photos = [made_up_photo(0), made_up_photo(1)]
    found = []
    for share in (0.0, 1.0):
        small = between_recipe(share)
        states = [
            train_anchor(small, plan, photos, [made_up_photo(2)], tmp_path, lambda _: None)
            for plan in small.anchors
        ]
        found.append(states)
    (parent, plain), (same_parent, blended) = found
    assert all(torch.equal(parent[key], same_parent[key]) for key in parent)
    assert any(not torch.equal(plain[key], blended[key]) for key in plain)


def test_plans_that_do_not_fit(tmp_path: Path) -> None:
    """A parent is needed, of the same network and with the same kind of degradation."""
    with pytest.raises(BadInput, match="needs a parent"):
        between_recipe(0.5, parent=None)
    with pytest.raises(BadInput, match="probability"):
        between_recipe(1.5)
    small = between_recipe(0.5, degradation={"kind": "jpeg", "quality": 40})
    first, second = small.anchors
    train_anchor(small, first, [made_up_photo(0)], [], tmp_path, lambda _: None)
    with pytest.raises(BadInput, match="options of its parent"):
        train_anchor(small, second, [made_up_photo(0)], [], tmp_path, lambda _: None)
