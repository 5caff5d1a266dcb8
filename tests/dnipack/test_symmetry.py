"""A symmetric network gives for a turned picture the turned result, before and after training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.dnipack.small_recipe import made_up_photo, recipe
from torch import Tensor, nn

from dnid.errors import BadInput
from dnid.networks import build
from dnipack.recipe import TrainingRecipe
from dnipack.symmetry import make_symmetric, turned
from dnipack.train import train_anchor

NETWORKS: list[tuple[str, dict[str, Any]]] = [
    ("edsr", {"channels": 16, "blocks": 2, "scale": 2}),
    ("edsr", {"channels": 8, "blocks": 1, "scale": 4}),
    ("unet", {"channels": [8, 16], "blocks": [1, 2], "fold": 2}),
    ("unet", {"channels": [16, 8, 24], "blocks": [1, 1, 1], "fold": 1}),
]


def worst_of_eight(network: nn.Module) -> float:
    """How far the result for a picture turned in one of eight ways is from the turned result."""
    x = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        straight = network(x)
        ways = [network(turned(x, way)) - turned(straight, way) for way in range(8)]
    return max(float(way.abs().max()) for way in ways)


def fresh(architecture: str, options: dict[str, Any]) -> nn.Module:
    torch.manual_seed(1)
    return build(architecture, options)


@pytest.mark.parametrize(("architecture", "options"), NETWORKS)
def test_a_turned_picture_gives_the_turned_result(
    architecture: str, options: dict[str, Any]
) -> None:
    """Every layer of it, and with weights as large as they were."""
    network = fresh(architecture, options)
    sizes = [float(weight.norm().detach()) for weight in network.parameters()]
    assert worst_of_eight(network) > 1e-3
    make_symmetric(network)
    assert worst_of_eight(network) < 1e-5
    for weight, size in zip(network.parameters(), sizes, strict=True):
        assert float(weight.norm().detach()) == pytest.approx(size, rel=1e-4)


def test_the_eight_ways_are_eight() -> None:
    square = torch.arange(9).reshape(3, 3)
    assert len({tuple(turned(square, way).flatten().tolist()) for way in range(8)}) == 8
    assert torch.equal(turned(square, 0), square)


def test_channels_come_in_eights() -> None:
    with pytest.raises(BadInput, match="multiples of 8"):
        make_symmetric(fresh("edsr", {"channels": 12, "blocks": 1, "scale": 2}))


def symmetric_recipe(**changes: Any) -> TrainingRecipe:  # noqa: ANN401
    small = recipe(network={"architecture": "unet", "channels": [8, 16], "blocks": [1, 1]})
    anchors = tuple(replace(plan, symmetric=True, **changes) for plan in small.anchors)
    return replace(small, anchors=anchors)


def train(small: TrainingRecipe, work: Path) -> dict[str, nn.Module]:
    work.mkdir()
    photos, found = [made_up_photo(0), made_up_photo(1)], {}
    for plan in small.anchors:
        state = train_anchor(small, plan, photos, [], work, lambda _: None)
        found[plan.name] = small.build_network(plan)
        found[plan.name].load_state_dict(state)
    return found


def test_training_keeps_it(tmp_path: Path) -> None:
    """Through an ancestor and its child, and so does every blend of the two; without the option
    nothing does."""
    networks = train(symmetric_recipe(), tmp_path / "symmetric")
    states = [network.state_dict() for network in networks.values()]
    assert not torch.equal(states[0]["head.weight"], states[1]["head.weight"])
    for network in networks.values():
        assert float(network.get_parameter("tail.weight").detach().abs().max()) > 0  # it has learnt
        assert worst_of_eight(network) < 1e-5
    halfway: dict[str, Tensor] = {
        key: states[0][key].lerp(states[1][key], 0.5) for key in states[0]
    }
    networks["n10"].load_state_dict(halfway)
    assert worst_of_eight(networks["n10"]) < 1e-5
    plain = replace(symmetric_recipe(), anchors=tuple(
        replace(plan, symmetric=False) for plan in symmetric_recipe().anchors
    ))  # fmt: skip
    assert worst_of_eight(train(plain, tmp_path / "plain")["n30"]) > 1e-4


def test_a_symmetric_anchor_has_a_symmetric_parent() -> None:
    first, second = symmetric_recipe().anchors
    with pytest.raises(BadInput, match="n30: a symmetric network needs a symmetric parent"):
        replace(symmetric_recipe(), anchors=(replace(first, symmetric=False), second))
