"""What a network in training is to lessen: an error in pixels, or a discriminator's doubts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dnid.errors import BadInput
from dnipack.features import Features
from dnipack.plan import AnchorPlan, GanPlan
from dnipack.precision import autocast


class Objective(Protocol):
    def loss(self, output: Tensor, target: Tensor, pace: float) -> Tensor:
        """N×3×H×W float32 each → a scalar. `pace` is the schedule's factor at this step."""
        ...

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs to go on exactly."""
        ...

    def load(self, state: dict[str, Any]) -> None: ...


def psnr_loss(output: Tensor, target: Tensor) -> Tensor:
    """The negative PSNR in nepers, a mean over the pictures; flat below an error of 0.8/255."""
    errors = (output - target).square().mean((1, 2, 3))
    return (errors + 1e-5).log().mean()


_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": F.l1_loss,
    "l2": F.mse_loss,
    "psnr": psnr_loss,
}


class Pixels:
    """The error of single pixels; the mean of all that could be is its best answer."""

    def __init__(self, name: str) -> None:
        self._loss = _LOSSES[name]

    def loss(self, output: Tensor, target: Tensor, pace: float) -> Tensor:
        return self._loss(output, target)

    def state(self) -> dict[str, Any]:
        return {}

    def load(self, state: dict[str, Any]) -> None:
        pass


class Adversarial:
    """Pixels, features and a relativistic discriminator (Jolicoeur-Martineau 2018, RSGAN).

    The discriminator says of the true and the restored picture which one is the true one;
    the two show the same scene, so what tells them apart is texture; it is shown nothing else,
    or it was seen to pull at the colours. It learns one step on what the network gave before
    the network learns from it. How hard it pulls at the
    picture is set against what pixels and features pull (as in Esser et al. 2021), since
    nothing else says how steep its scores are.
    """

    def __init__(
        self, pixels: Pixels, plan: GanPlan, features: Features, device: torch.device
    ) -> None:
        self.pixels, self.plan = pixels, plan
        self.features = features.to(device)
        self.discriminator = discriminator().to(device)
        self.optimiser = torch.optim.Adam(
            self.discriminator.parameters(), plan.learning_rate, betas=(0.5, 0.99)
        )

    def loss(self, output: Tensor, target: Tensor, pace: float) -> Tensor:
        """Its value is all but the discriminator's; its slope has that, too."""
        if self.plan.adversarial == 0:
            return self._likeness(output, target, pace)
        self._teach(output.detach(), target, pace)
        picture = output.detach().requires_grad_()
        likeness = self._likeness(picture, target, pace)
        (pull,) = torch.autograd.grad(likeness, picture)
        (other,) = torch.autograd.grad(self._doubt(picture, target), picture)
        share = self.plan.adversarial * pull.norm() / other.norm().clamp(min=1e-12)
        work = (output * (pull + share * other)).sum()
        loss: Tensor = likeness.detach() + work - work.detach()
        return loss

    def _likeness(self, picture: Tensor, target: Tensor, pace: float) -> Tensor:
        """Pixels, features and the amount of texture."""
        with autocast(picture.device):
            distance: Tensor = self.plan.perceptual * self.features.distance(picture, target)
        distance = distance + self.plan.pixel * self.pixels.loss(picture, target, pace)
        if self.plan.grain:
            difference = F.l1_loss(texture_energy(picture), texture_energy(target))
            distance = distance + self.plan.grain * difference
        return distance

    def _doubt(self, picture: Tensor, target: Tensor) -> Tensor:
        """How sure the discriminator is that the true picture is the true one."""
        fake, true = self._scores(picture, target)
        doubt: Tensor = F.softplus(true - fake).mean()
        return doubt

    def _teach(self, output: Tensor, target: Tensor, pace: float) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = self.plan.learning_rate * pace
        fake, true = self._scores(output, target)
        self.optimiser.zero_grad()
        F.softplus(fake - true).mean().backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()

    def _scores(self, picture: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The discriminator's, of the texture of both."""
        with autocast(picture.device):
            fake, true = (self.discriminator(texture(x)).float() for x in (picture, target))
        return fake, true

    def state(self) -> dict[str, Any]:
        return {
            "discriminator": self.discriminator.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        self.discriminator.load_state_dict(state["discriminator"])
        self.optimiser.load_state_dict(state["optimiser"])


def texture(picture: Tensor) -> Tensor:
    """What a pixel has more than its surroundings."""
    return picture - F.avg_pool2d(picture, 7, 1, 3, count_include_pad=False)


def texture_energy(picture: Tensor) -> Tensor:
    """How strong the texture is around each pixel: its root mean square."""
    return (F.avg_pool2d(texture(picture).square(), 7, 1, 3) + 1e-6).sqrt()


def discriminator() -> nn.Sequential:
    """N×3×H×W → a map of scores, one for each patch of about 30 pixels.

    Without spectral norm: with it the scores of two pictures that differ in texture alone were
    seen to stay the same.
    """
    widths = [(3, 32, 1), (32, 64, 2), (64, 64, 1), (64, 128, 2), (128, 128, 1)]
    layers: list[nn.Module] = []
    for inputs, outputs, stride in widths:
        layers += [
            nn.Conv2d(inputs, outputs, 3, stride, padding=1),
            nn.LeakyReLU(0.2, inplace=True),
        ]
    return nn.Sequential(*layers, nn.Conv2d(128, 1, 3, padding=1))


def objective_of(plan: AnchorPlan, features: Features | None, device: torch.device) -> Objective:
    """Raises BadInput when the plan needs features and has none."""
    pixels, gan = Pixels(plan.loss), plan.gan_plan()
    if gan is None:
        return pixels
    if features is None:
        raise BadInput(
            f"Anchor {plan.name} learns by a classifier's features; name its file with --features."
        )
    return Adversarial(pixels, gan, features, device)
