"""What pulls at a network in training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.dnipack.small_features import write_features
from torch import Tensor
from torch.nn import functional as F

from dnipack.features import Features, load_features
from dnipack.objective import Adversarial, Pixels, texture, texture_energy
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
    """From pictures of one scene, also such as it has not seen."""
    torch.manual_seed(0)
    objective = Adversarial(Pixels("l1"), GanPlan(learning_rate=1e-3), features, CPU)
    for seed in range(60):
        objective.loss(*textures(seed), pace=1.0)
    with torch.inference_mode():
        blurred, sharp = textures(1000)
        fake, true = (objective.discriminator(texture(x)) for x in (blurred, sharp))
    assert float(F.softplus(fake - true).mean()) < 0.1, "0.69 is chance"


@pytest.mark.parametrize("share", [0.0, 0.5, 2.0])
def test_its_pull_is_a_share_of_the_others(features: Features, share: float) -> None:
    """However steep its scores are; and the loss that is told is that of pixels and features."""
    torch.manual_seed(0)
    plan = GanPlan(pixel=1, perceptual=0, adversarial=share)
    objective = Adversarial(Pixels("l2"), plan, features, CPU)
    blurred, sharp = textures(0)
    with torch.no_grad():
        for parameter in objective.discriminator.parameters():
            parameter.mul_(3)
    output = blurred.clone().requires_grad_()
    loss = objective.loss(output, sharp, pace=0.0)
    assert loss.item() == pytest.approx(float(F.mse_loss(blurred, sharp)), rel=1e-4)
    (slope,) = torch.autograd.grad(loss, output)
    alone = 2 * (blurred - sharp) / sharp.numel()
    assert float((slope - alone).norm() / alone.norm()) == pytest.approx(share, rel=1e-3, abs=1e-5)


def test_texture_is_asked_for_by_its_amount(features: Features) -> None:
    """Grain of the same strength costs nothing, wherever it lies; without a discriminator nothing
    is taught."""
    plan = GanPlan(pixel=0, perceptual=0, grain=2, adversarial=0)
    objective = Adversarial(Pixels("l1"), plan, features, CPU)
    before = [p.clone() for p in objective.discriminator.parameters()]
    blurred, sharp = textures(0)
    smooth, shifted = (objective.loss(x, sharp, 1.0) for x in (blurred, sharp.flip(0)))
    assert smooth.item() > 5 * shifted.item()
    expected = 2 * (texture_energy(blurred) - texture_energy(sharp)).abs().mean()
    assert smooth.item() == pytest.approx(expected.item())
    assert all(map(torch.equal, before, objective.discriminator.parameters()))
