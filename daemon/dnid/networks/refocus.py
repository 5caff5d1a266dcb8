"""A U-Net that softens what a focus map leaves out of focus."""

from __future__ import annotations

from torch import Tensor

from dnid.networks.unet import UNet


class Refocus(UNet):
    """(photo, focus) ↦ photo + (1 − focus) · f(photo, focus).

    x is N×4×H×W: R, G and B, 0..1 nominal, and the focus map, 1 where the photo is to stay
    sharp; H and W divisible by `multiple`. The result is N×3×H×W of the same dtype. Where
    focus is 1 it is the photo itself, whatever the weights.
    """

    inputs = 4

    def forward(self, x: Tensor) -> Tensor:
        photo, focus = x[:, :3], x[:, 3:]
        return photo + (1 - focus) * self.residual(x)
