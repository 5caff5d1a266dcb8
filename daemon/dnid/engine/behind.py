"""The photo without its subject: what a lens would gather from behind it, nobody knows.

The network is to leave the subject's light out of the blur, but near the edge some of it
bleeds in; where there is none, none can.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_LEAST = 1e-6


def without_subject(photo: Tensor, focus: Tensor) -> Tensor:
    """1×3×h×w: where `focus` (1×1×h×w, 1 on the subject) is high, the colours around it.

    By halves, as Gortler et al. 1996 fill a lumigraph: means of what is known are pulled up a
    pyramid, and pushed down again into the holes. A pixel beside the subject may have its
    colour, too, and counts as hole.
    """
    known = (1 - 2 * F.max_pool2d(focus, 3, 1, 1)).clamp(min=0)
    levels = [torch.cat([photo * known, known], 1)]
    while max(levels[-1].shape[-2:]) > 1:
        levels.append(F.avg_pool2d(levels[-1], 2, ceil_mode=True, count_include_pad=False))
    top = levels.pop()
    filled = top[:, :3] / top[:, 3:].clamp(min=_LEAST)
    while levels:
        own = levels.pop()
        pushed = F.interpolate(filled, own.shape[-2:], mode="bilinear", align_corners=False)
        filled = own[:, :3] + (1 - own[:, 3:]) * pushed
    return filled
