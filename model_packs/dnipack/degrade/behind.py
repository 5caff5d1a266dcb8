"""What a network for depth of field is given: the photo without its subject."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dnid.engine.behind import without_subject


@dataclass(frozen=True)
class Behind:
    """N×4×H×W, sRGB and the focus map, 1 on the subject: the subject filled in from around."""

    def __call__(self, scene: Tensor, generator: torch.Generator | None = None) -> Tensor:
        photo, focus = scene[:, :3], scene[:, 3:]
        return torch.cat([without_subject(photo, focus), focus], 1)
