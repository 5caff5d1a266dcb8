"""In what number format networks are trained."""

from __future__ import annotations

import torch

from dnid.engine.device import has_bfloat16


def autocast(device: torch.device) -> torch.autocast:
    """A context in which convolutions run in bfloat16, where the device has it."""
    return torch.autocast(
        device.type, torch.bfloat16, enabled=device.type == "cuda" or has_bfloat16()
    )
