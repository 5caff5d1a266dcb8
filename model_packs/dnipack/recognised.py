"""What was found out about weights that came from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

State = Mapping[str, Tensor]


@dataclass(frozen=True)
class Recognised:
    architecture: str
    """As a manifest names it."""
    options: dict[str, Any]
    """Its arguments."""
    state: dict[str, Tensor]
    """The weights in that network's own layout."""
