"""A pack whose effect is known by heart: each anchor makes pictures brighter by a constant."""

from __future__ import annotations

from pathlib import Path

import torch
from tests.small import random_state, write_pack

OFFSETS = {"none": 0.0, "some": 0.1, "much": 0.4}


def write_brightening(folder: Path) -> Path:
    """Path none → some → much: +0, +0.1 and +0.4; blends lie straight between."""
    anchors = {}
    for name, offset in OFFSETS.items():
        state = {key: torch.zeros_like(value) for key, value in random_state(0).items()}
        state["tail.bias"] += offset
        anchors[name] = state
    return write_pack(folder, anchors)
