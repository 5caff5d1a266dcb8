"""What a pack's options may ask for: checked before a single weight is made."""

from __future__ import annotations

from collections.abc import Sequence

MAX_CHANNELS = 2048
"""Far beyond any network worth running."""


def check_each(name: str, values: Sequence[object], low: int, high: int) -> None:
    """Raises ValueError unless all are integers (no booleans) from `low` to `high`."""
    if not all(type(value) is int and low <= value <= high for value in values):
        raise ValueError(f"{name}: integers from {low} to {high} are needed")
