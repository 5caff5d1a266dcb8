"""Enlargers in training: from one scale to the next, and against a discriminator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests import threads
from tests.dnipack.small_features import write_features
from tests.dnipack.small_recipe import made_up_photo, recipe

from dnid.errors import BadInput
from dnid.packs.store import open_pack
from dnipack import train
from dnipack.build import build_pack
from dnipack.features import Features, load_features
from dnipack.plan import AnchorPlan
from dnipack.recipe import TrainingRecipe
from dnipack.train import Moment, State, train_anchor

X2 = {"architecture": "edsr", "channels": 4, "blocks": 1, "scale": 2}
MSE = AnchorPlan("mse-x2", {"kind": "bicubic", "scale": 2}, 4, 0.002)
GAN = AnchorPlan("gan-x2", {"kind": "bicubic", "scale": 2}, 4, 0.001, "mse-x2", gan={})


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tiny batches are done before a second thread has woken up; checkpoint every step."""
    monkeypatch.setattr(train, "CHECKPOINT_SECONDS", -1.0)
    with threads.single():
        yield


@pytest.fixture
def features(tmp_path: Path) -> Features:
    return load_features(write_features(tmp_path))


def x2_recipe(**changes: Any) -> TrainingRecipe:  # noqa: ANN401
    fields = {
        "id": "sr-x2", "effect": "sr", "network": X2, "anchors": (MSE, GAN),
        "path": ("mse-x2", "gan-x2"),
    }  # fmt: skip
    return recipe(**fields | changes)


def trained(
    small: TrainingRecipe,
    work: Path,
    features: Features | None,
    report: Callable[[Moment], None] = lambda _: None,
) -> dict[str, State]:
    work.mkdir(exist_ok=True)
    photos, validation = [made_up_photo(0), made_up_photo(1)], [made_up_photo(2, 45)]
    return {
        plan.name: train_anchor(small, plan, photos, validation, work, report, features)
        for plan in small.anchors
    }


def same(one: State, other: State) -> bool:
    return all(torch.equal(one[key], other[key]) for key in one)


def test_a_gan_anchor_moves_from_its_parent(tmp_path: Path, features: Features) -> None:
    """Each share of the loss has its say in the weights; without any nothing moves, and the
    discriminator alone has nothing to pull against."""

    def gan_end(**shares: float) -> State:
        none = {"pixel": 0, "perceptual": 0, "grid": 0, "adversarial": 0}
        small = x2_recipe(anchors=(MSE, replace(GAN, gan=none | shares)))
        return trained(small, tmp_path / "work", features)["gan-x2"]

    parent = trained(x2_recipe(), tmp_path / "work", features)["mse-x2"]
    ends = [gan_end(pixel=1), gan_end(perceptual=1), gan_end(grid=1), gan_end(energy=1)]
    ends.append(gan_end(pixel=1, adversarial=1))
    assert same(gan_end(adversarial=1), parent)
    assert not any(same(end, parent) for end in ends)
    assert not same(ends[0], ends[1])
    assert not same(ends[0], ends[2])
    assert not same(ends[0], ends[3])


@pytest.mark.parametrize("step", [1, 3])
def test_a_resumed_gan_gives_the_very_weights(
    tmp_path: Path, features: Features, step: int
) -> None:
    """Discriminator and both optimisers go on where they were, bit for bit."""

    class Stopped(Exception):
        pass

    def stop(moment: Moment) -> None:
        if (moment.anchor, moment.step) == ("gan-x2", step):
            raise Stopped

    straight = trained(x2_recipe(), tmp_path / "straight", features)
    with pytest.raises(Stopped):
        trained(x2_recipe(), tmp_path / "stopped", features, stop)
    assert same(trained(x2_recipe(), tmp_path / "stopped", features)["gan-x2"], straight["gan-x2"])


def test_a_gan_without_features_is_refused(tmp_path: Path) -> None:
    """With the option that names them."""
    with pytest.raises(BadInput, match=r"gan-x2 learns by a classifier's features.*--features"):
        trained(x2_recipe(), tmp_path / "work", None)


def test_the_next_scale_starts_from_the_body(tmp_path: Path) -> None:
    """×4 takes all but the last layer from the stepping stone; sr-x2's training serves both."""
    x4 = AnchorPlan("mse-x4", {"kind": "bicubic", "scale": 4}, 2, 1e-12, "mse-x2")
    stone = replace(MSE, network=X2)
    fields = {"id": "sr-x4", "network": X2 | {"scale": 4}, "path": ("mse-x4",)}
    small, plain = x2_recipe(anchors=(stone, x4), **fields), x2_recipe()
    assert small.fingerprint(stone) == plain.fingerprint(MSE)
    states = trained(small, tmp_path / "work", None)
    for key, value in states["mse-x4"].items():
        if key.startswith("tail"):
            assert value.abs().max() < 1e-6  # fresh: adds nothing yet
        else:
            torch.testing.assert_close(value, states["mse-x2"][key], rtol=0, atol=1e-6)
    assert small.manifest({"mse-x4": "0" * 64}, 0).scale == 4


def test_a_deeper_enlarger_starts_as_its_parent_ends(tmp_path: Path) -> None:
    """Also where the body's last convolution has another number then."""
    stone = replace(MSE, network=X2)
    child = replace(MSE, name="deep-x2", parent="mse-x2", learning_rate=1e-12)
    small = x2_recipe(
        anchors=(stone, child), network=X2 | {"blocks": X2["blocks"] + 2}, path=("deep-x2",)
    )
    states = trained(small, tmp_path / "work", None)
    picture, outputs = torch.rand(1, 3, 16, 16), []
    for plan in small.anchors:
        network = small.build_network(plan)
        network.load_state_dict(states[plan.name])
        outputs.append(network(picture))
    torch.testing.assert_close(*outputs, rtol=0, atol=1e-6)
    assert states["mse-x2"]["tail.weight"].abs().max() > 1e-3  # the body is heard


def test_the_pack_enlarges(tmp_path: Path, features: Features) -> None:
    """Its manifest tells the scale, and it opens."""
    small = x2_recipe()
    states = trained(small, tmp_path / "work", features)
    output = tmp_path / "packs" / "sr-x2"
    build_pack(small, states, [made_up_photo(2)], output)
    pack = open_pack(output)
    assert pack.manifest.scale == 2
    assert pack.anchors().names == ("mse-x2", "gan-x2")


@pytest.mark.parametrize(
    ("first", "second", "changes", "said"),
    [
        ({}, {"gan": {"pixels": 1}}, {}, "Anchor gan-x2, gan: .*pixels"),
        ({}, {"gan": {"pixel": -1}}, {}, "shares of gan"),
        ({}, {"gan": {"learning_rate": 0}}, {}, "0 < learning_rate"),
        ({}, {}, {"crop": 17}, "crop must be a multiple of 2"),
        ({}, {}, {"network": X2 | {"scale": 4}}, "enlarges 4 times, its degradation shrinks 2"),
        ({"network": X2}, {}, {}, "only a stepping stone has a network"),
        ({"target": "input"}, {}, {}, "cannot give back its input"),
    ],
)
def test_enlargers_that_cannot_be_trained_are_refused(
    first: dict[str, Any], second: dict[str, Any], changes: dict[str, Any], said: str
) -> None:
    """Before the first step."""
    with pytest.raises(BadInput, match=said):
        x2_recipe(anchors=(replace(MSE, **first), replace(GAN, **second)), **changes)
