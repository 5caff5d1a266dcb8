"""What a restoration tells on its way, and what comes of it. Needs neither torch nor numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Progress:
    """How far a restoration is."""

    state: str
    """`queued` (in the daemon), `loading` (a pack is read, the device measured) or `running`."""
    done: int = 0
    """Tiles, over all stages."""
    total: int = 0
    ahead: int = 0
    """Jobs before this one, while it is queued."""


@dataclass(frozen=True)
class PackUsed:
    id: str
    sha256: str
    """Of the pack's manifest, which holds the hashes of its anchors."""


@dataclass(frozen=True)
class Restored:
    pixels: NDArray[Any]
    """H×W×C: the input's channels and dtype, and its size times the recipe's scale."""
    device: str
    """`cpu`, `cuda:0`"""
    format: str
    """The networks' number format; empty when no stage had anything to do."""
    seconds: float
    """In the engine."""
    packs: tuple[PackUsed, ...]
    approximate: bool = False
    """Whether tiles saw less than their network looks at, and were blended over instead."""
    spatial: str | None = None
    """How a mask was followed: `one-pass`, or `levels` where a network's layers do not allow
    that (whole blends, mixed between neighbouring strengths); None without a mask."""


@dataclass(frozen=True)
class Subject:
    pixels: NDArray[Any]
    """H×W×1 uint8: 255 where the subject is."""
    seconds: float
    """In the engine."""
    packs: tuple[PackUsed, ...]


@dataclass(frozen=True)
class Proposed:
    strengths: dict[str, float]
    """Effect → 0..1."""
    seconds: float
    """In the engine."""
    packs: tuple[PackUsed, ...]
