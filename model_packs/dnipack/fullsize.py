"""Depth of field at a photo's own size, beside a lens that is rendered at that size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from dnid.engine.engine import Engine
from dnid.recipe import Recipe, Stage
from dnipack.degrade.lens import render
from dnipack.metrics import gradient_energy, psnr
from dnipack.photos import Photo, to_tensor

EDGE = 0.01
"""Of the long side: so far from the subject's edge a pixel must lie to be sure of."""

SURE = 0.98
"""From this share on a pixel counts as all subject, or all background."""


@dataclass(frozen=True)
class Beside:
    """A pack's picture beside the rendered one."""

    subject: float | None
    """Gradient energy inside the subject, as a share of the photo's; None where no pixel of the
    mask is surely inside."""
    background: float
    """Gradient energy of the background, as a share of the rendered one's."""
    photo: float
    """The same of the untouched photo."""
    psnr: float
    """dB over the whole picture."""


@torch.inference_mode()
def beside_a_lens(
    engine: Engine,
    pack: str,
    photo: Photo,
    subject: NDArray[np.uint8],
    radius: float,
    strength: float,
) -> Beside:
    """`subject`: H×W, 255 where it is; `radius`: of the disc, as a share of the long side."""
    recipe = Recipe((Stage("dof", strength, pack=pack),))
    found = to_tensor(engine.restore(photo, recipe, 255 - subject).pixels)
    scene = to_tensor(np.dstack([photo, subject]))
    focus, long_side = scene[:, 3:], max(photo.shape[:2])
    truth = render(scene, radius * long_side)
    inside, outside = (_far_inside(x, round(EDGE * long_side)) for x in (focus, 1 - focus))
    truth = truth.mul(255).round().div(255)  # as its file would be: rounding is energy, too
    return Beside(
        subject=gradient_energy(found, scene[:, :3], inside) if inside.any() else None,
        background=gradient_energy(found, truth, outside),
        photo=gradient_energy(scene[:, :3], truth, outside),
        psnr=psnr(found, truth),
    )


def _far_inside(share: Tensor, distance: int) -> Tensor:
    """Where `share`, 1×1×H×W, is 1 as far as `distance` pixels around; masks are rarely clean."""
    away = (share < SURE).float()
    for window in ((2 * distance + 1, 1), (1, 2 * distance + 1)):
        away = F.max_pool2d(away, window, 1, (window[0] // 2, window[1] // 2))
    return away == 0
