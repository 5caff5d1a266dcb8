"""A picture that is a part of a larger one, for networks that must see all of it.

Needs neither torch nor numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Part:
    """Where a picture lies in the whole one, and what that looks like; a preview needs no more."""

    height: int
    width: int
    """Of the whole picture, in its own pixels."""
    top: int
    left: int
    """Of the part, in the same."""
    image: NDArray[Any]
    """The whole picture, H×W×C of any size: a thousand pixels are plenty."""
    mask: NDArray[Any] | None
    """The whole mask, H×W of the size of `image`; None without a mask."""
