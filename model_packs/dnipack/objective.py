"""What a network in training is to lessen: an error in pixels, or a discriminator's doubts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from dnid.errors import BadInput
from dnipack.discriminator import Discriminator
from dnipack.features import Features, distance
from dnipack.plan import AnchorPlan, GanPlan
from dnipack.precision import autocast


class Objective(Protocol):
    def loss(self, output: Tensor, target: Tensor, pace: float, blend: bool = False) -> Tensor:
        """N×3×H×W float32 each → a scalar. `pace` is the schedule's factor at this step; `blend`
        tells that the output is not the anchor's, but a blend's with its parent."""
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

    def loss(self, output: Tensor, target: Tensor, pace: float, blend: bool = False) -> Tensor:
        return self._loss(output, target)

    def state(self) -> dict[str, Any]:
        return {}

    def load(self, state: dict[str, Any]) -> None:
        pass


class Adversarial:
    """Pixels, features and a discriminator of features, as in ESRGAN (Wang et al. 2018).

    The discriminator learns one step on what the network gave before the network learns from
    it. How hard it pulls at the picture is set against what pixels and features pull (as in
    Esser et al. 2021), since nothing else says how steep its scores are; and it moves texture
    alone, or it was seen to pull at the colours.

    A blend learns by pixels and features alone: on the way to texture it is to come as near
    to the original as it can.
    """

    def __init__(
        self, pixels: Pixels, plan: GanPlan, features: Features, scale: int, device: torch.device
    ) -> None:
        self.pixels, self.plan, self.scale = pixels, plan, scale
        self.features = features.to(device)
        self.discriminator: Discriminator | None = None
        if plan.adversarial:
            self.discriminator = Discriminator(self.features)
            self.optimiser = torch.optim.Adam(
                self.discriminator.parameters(), plan.learning_rate, betas=(0.5, 0.99)
            )

    def loss(self, output: Tensor, target: Tensor, pace: float, blend: bool = False) -> Tensor:
        """Its value is all but the discriminator's; its slope has that, too."""
        picture = output.detach().requires_grad_()
        with torch.no_grad():
            true = self._seen(target)
        fake = self._seen(picture)
        likeness = self.plan.perceptual * distance(fake, true)
        likeness = likeness + self.plan.pixel * self.pixels.loss(picture, target, pace)
        likeness = likeness + self.plan.grid * grid(picture - target, self.scale)
        if self.plan.energy and not blend:
            strength = energy(target)
            off = (energy(picture) - strength).abs().mean() / strength.mean()
            likeness = likeness + self.plan.energy * off
        discriminator = None if blend else self.discriminator
        (pull,) = torch.autograd.grad(likeness, picture, retain_graph=discriminator is not None)
        if discriminator is not None:
            self._teach(discriminator, [each.detach() for each in fake], true, pace)
            doubt = discriminator.error(true, fake)
            other = texture(torch.autograd.grad(doubt, picture)[0])
            share = self.plan.adversarial * pull.norm() / other.norm().clamp(min=1e-12)
            pull = pull + share * other
        work = (output * pull).sum()
        loss: Tensor = likeness.detach() + work - work.detach()
        return loss

    def _seen(self, picture: Tensor) -> list[Tensor]:
        with autocast(picture.device):
            return [each.float() for each in self.features(picture)]

    def _teach(
        self, discriminator: Discriminator, fake: list[Tensor], true: list[Tensor], pace: float
    ) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = self.plan.learning_rate * pace
        self.optimiser.zero_grad()
        discriminator.error(fake, true).backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()

    def state(self) -> dict[str, Any]:
        if self.discriminator is None:
            return {}
        return {
            "discriminator": self.discriminator.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        if self.discriminator is not None:
            self.discriminator.load_state_dict(state["discriminator"])
            self.optimiser.load_state_dict(state["optimiser"])


def texture(picture: Tensor) -> Tensor:
    """What a pixel has more than its surroundings."""
    return picture - F.avg_pool2d(picture, 7, 1, 3, count_include_pad=False)


def energy(picture: Tensor) -> Tensor:
    """N×3×H×W → N×1×h×w, every other place: the RMS step between neighbours around it.

    Texture as strong as the true one has its energy, wherever its lines lie.
    """
    across, down = picture.diff(dim=-1)[..., 1:, :], picture.diff(dim=-2)[..., 1:]
    squares = (across.square() + down.square()).mean(1, keepdim=True)
    return (F.avg_pool2d(squares, 9, 2) + 1e-6).sqrt()


def grid(error: Tensor, period: int) -> Tensor:
    """A scalar: how strongly a pattern that comes again every `period` pixels lies over a picture.

    A network that makes period² pixels of each one it sees answers a wish for texture with the
    same few dots everywhere. They are told from texture by their mean around a place: of the
    pixels in one column and row of the pattern alone, that of texture is nothing.
    """
    return F.avg_pool2d(F.pixel_unshuffle(error, period), 5, 1).abs().mean()


def objective_of(plan: AnchorPlan, features: Features | None, device: torch.device) -> Objective:
    """Raises BadInput when the plan needs features and has none."""
    pixels, gan = Pixels(plan.loss), plan.gan_plan()
    if gan is None:
        return pixels
    if features is None:
        raise BadInput(
            f"Anchor {plan.name} learns by a classifier's features; name its file with --features."
        )
    return Adversarial(pixels, gan, features, plan.shrinks, device)
