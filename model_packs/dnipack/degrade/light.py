"""The sRGB curve (IEC 61966-2-1) and back; 0..1."""

from __future__ import annotations

import torch
from torch import Tensor


def srgb_to_linear(values: Tensor) -> Tensor:
    """IEC 61966-2-1, 0..1."""
    return torch.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(values: Tensor) -> Tensor:
    """IEC 61966-2-1, 0..1."""
    return torch.where(
        values <= 0.0031308, values * 12.92, 1.055 * values.clamp(min=1e-4) ** (1 / 2.4) - 0.055
    )
