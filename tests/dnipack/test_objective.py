"""What pulls at a network in training."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.dnipack.small_features import write_features
from torch import Tensor
from torch.nn import functional as F

from dnipack.features import Features, load_features
from dnipack.objective import Adversarial, Pixels, energy, grid
from dnipack.plan import GanPlan

CPU = torch.device("cpu")


@pytest.fixture
def features(tmp_path: Path) -> Features:
    return load_features(write_features(tmp_path))


def textures(seed: int) -> tuple[Tensor, Tensor]:
    """(blurred, sharp) grain."""
    sharp = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(seed))
    return F.avg_pool2d(sharp, 3, 1, 1), sharp


def test_the_discriminator_learns_to_tell_texture(features: Features) -> None:
    """From pictures of one scene, also such as it has not seen; the classifier stays as it is."""
    torch.manual_seed(0)
    before = [p.clone() for p in features.parameters()]
    objective = Adversarial(Pixels("l1"), GanPlan(learning_rate=1e-3), features, 1, CPU)
    for seed in range(60):
        objective.loss(*textures(seed), pace=1.0)
    assert objective.discriminator is not None
    with torch.inference_mode():
        fake, true = (features(picture) for picture in textures(1000))
        assert float(objective.discriminator.error(fake, true)) < 0.1, "0.69 is chance"
    assert all(map(torch.equal, before, features.parameters()))


@pytest.mark.parametrize("share", [0.0, 0.5, 2.0])
def test_its_pull_is_a_share_of_the_others(features: Features, share: float) -> None:
    """However steep its scores are; and the loss that is told is that of all the others."""
    torch.manual_seed(0)
    plan = GanPlan(pixel=1, perceptual=0, grid=0, adversarial=share)
    objective = Adversarial(Pixels("l2"), plan, features, 1, CPU)
    blurred, sharp = textures(0)
    with torch.no_grad():
        for parameter in objective.discriminator.parameters() if objective.discriminator else ():
            parameter.mul_(3)
    output = blurred.clone().requires_grad_()
    loss = objective.loss(output, sharp, pace=0.0)
    assert loss.item() == pytest.approx(float(F.mse_loss(blurred, sharp)), rel=1e-4)
    (slope,) = torch.autograd.grad(loss, output)
    alone = 2 * (blurred - sharp) / sharp.numel()
    assert float((slope - alone).norm() / alone.norm()) == pytest.approx(share, rel=1e-3, abs=1e-5)


def test_it_pulls_at_no_colour(features: Features) -> None:
    """What it asks for leaves the mean around a place as it is."""
    torch.manual_seed(0)
    objective = Adversarial(Pixels("l2"), GanPlan(), features, 1, CPU)
    blurred, sharp = textures(0)
    with_it, without = blurred.clone().requires_grad_(), blurred.clone().requires_grad_()
    objective.loss(with_it, sharp, pace=1.0).backward()
    objective.discriminator = None
    objective.loss(without, sharp, pace=1.0).backward()
    assert with_it.grad is not None
    assert without.grad is not None
    pull = with_it.grad - without.grad
    around = F.avg_pool2d(pull, 15, 1)
    assert float(around.norm(dim=1).mean()) < 0.1 * float(pull.norm(dim=1).mean())


def test_a_blend_learns_by_likeness_alone(features: Features) -> None:
    """Neither discriminator nor energy pulls at it, and the discriminator learns nothing of it."""
    torch.manual_seed(0)
    plan = GanPlan(pixel=1, energy=1, adversarial=1)
    objective = Adversarial(Pixels("l2"), plan, features, 1, CPU)
    plain = Adversarial(Pixels("l2"), replace(plan, energy=0, adversarial=0), features, 1, CPU)
    blurred, sharp = textures(0)
    before = deepcopy(objective.state())
    pulls = []
    for way, blend in ((objective, True), (plain, False), (objective, False)):
        output = blurred.clone().requires_grad_()
        pulls.append(torch.autograd.grad(way.loss(output, sharp, 1.0, blend), output)[0])
        if way is objective and blend:
            torch.testing.assert_close(objective.state(), before, rtol=0, atol=0)
    assert torch.equal(pulls[0], pulls[1])
    assert not torch.equal(pulls[0], pulls[2])


def test_without_a_share_there_is_no_discriminator(features: Features) -> None:
    """Nor a state of one; what lies in an older checkpoint is passed over."""
    objective = Adversarial(Pixels("l1"), GanPlan(adversarial=0), features, 1, CPU)
    assert objective.discriminator is None
    assert objective.state() == {}
    objective.load({"discriminator": {}})


def test_a_grid_is_told_from_texture() -> None:
    """The same pattern everywhere costs far more than one as strong that has no period."""
    generator = torch.Generator().manual_seed(0)
    random = torch.rand(1, 3, 64, 64, generator=generator).sub(0.5).sign()
    pattern = random[..., :4, :4].repeat(1, 1, 16, 16)
    assert grid(pattern, 4).item() == pytest.approx(1)
    assert grid(random, 4).item() < 0.25
    assert grid(torch.full((1, 3, 20, 20), 0.25), 4).item() == pytest.approx(0.25), "a tint as well"


def test_energy_is_that_of_the_texture_wherever_its_lines_lie() -> None:
    """Another draw of the same noise has it; half as strong noise has half, a tint has none."""
    draw = torch.Generator().manual_seed(0)
    one, other = (torch.randn(1, 3, 64, 64, generator=draw) * 0.1 for _ in range(2))
    assert energy(one).shape == (1, 1, 28, 28)
    torch.testing.assert_close(energy(other).mean(), energy(one).mean(), rtol=0.03, atol=0)
    torch.testing.assert_close(energy(one / 2), energy(one) / 2, rtol=1e-3, atol=0)
    torch.testing.assert_close(energy(one + 0.3), energy(one), rtol=1e-3, atol=0)
    assert float(energy(one).mean()) == pytest.approx(0.2, rel=0.03), "√(2 · 2 · 0.1²)"
