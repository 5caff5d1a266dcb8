"""Strength per pixel for any network: whole blends, mixed between neighbouring levels.

Where a network has a layer whose outputs an α map cannot mix (attention over windows, a
layer norm), its output pictures are mixed instead: each pixel is a linear mean of the two
blends whose strengths lie around its own. A pixel whose strength is a level has that blend's
value exactly.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from dnid.dni.spatial import resize

LEVELS = 9


def run_levels(
    run: Callable[[float], Tensor], strengths: Tensor, between: tuple[float, float]
) -> Tensor:
    """`run(s)` gives N×C×(k·h)×(k·w) at one strength; `strengths` is h×w within `between`.

    The levels divide `between` evenly; only those that some pixel needs are run.
    """
    low, high = min(between), max(between)
    step = (high - low) / (LEVELS - 1)
    if step == 0:
        return run(low)
    place = ((strengths - low) / step).clamp(0, LEVELS - 1)
    mixed: Tensor | None = None
    for level in range(LEVELS):
        share = (1 - (place - level).abs()).clamp_(min=0)
        if not bool((share > 0).any()):
            continue
        result = run(high if level == LEVELS - 1 else low + level * step)
        part = result * resize(share[None, None, None], (result.shape[-2], result.shape[-1]))[0]
        mixed = part if mixed is None else mixed.add_(part)
    assert mixed is not None  # Σ shares = 1 at each pixel
    return mixed
