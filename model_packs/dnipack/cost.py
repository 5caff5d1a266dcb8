"""What a wrong strength costs, in dB."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from dnipack.objective import psnr_loss

STRENGTHS = (0.0, 0.04, 0.08, 0.14, 0.22, 0.35, 0.6, 1.0)
"""Among these is the best."""
_NEPERS = 10 / math.log(10)

Restore = Callable[[Tensor, float], Tensor]
"""(1×3×H×W, strength) → the restored picture."""


@torch.inference_mode()
def cost_at(strength: float, restore: Restore, degraded: Tensor, clean: Tensor) -> float:
    """dB lost at a strength against the best of STRENGTHS, never less than 0.

    Errors of less than 0.8/255 cost nothing: where a photo is as good as clean nobody sees what
    would be gained.
    """

    def loss(strength: float) -> float:
        return float(psnr_loss(restore(degraded, strength).clamp(0, 1), clean)) * _NEPERS

    return max(0.0, loss(strength) - min(map(loss, STRENGTHS)))
