"""Options of a degradation: a number, or [lowest, highest] to draw from; a probability."""

from __future__ import annotations

from collections.abc import Sequence

from dnid.errors import BadInput

Interval = float | Sequence[float]


def bounds(value: Interval, what: str, least: float, most: float) -> tuple[float, float]:
    """(lowest, highest). Raises BadInput for what is not one number or two that rise."""
    pair = (
        tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,) * 2
    )
    numbers = all(type(number) in (int, float) for number in pair)
    if not numbers or len(pair) != 2 or not least <= pair[0] <= pair[1] <= most:
        raise BadInput(
            f"The {what} must be a number from {least:g} to {most:g}, or two such that rise."
        )
    return pair[0], pair[1]


def check_probability(value: float, what: str) -> None:
    """Raises BadInput for what is not in 0..1."""
    bounds(value, f"probability `{what}`", 0, 1)
    if isinstance(value, Sequence):
        raise BadInput(f"The probability `{what}` is one number.")
