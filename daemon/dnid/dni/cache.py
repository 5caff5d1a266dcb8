"""Blends that were computed lately: a slider that goes back, a mask with two strengths."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

from torch import Tensor

MAX_BYTES = 256 << 20
"""Some sixteen blends of a network with four million weights."""


class BlendCache:
    """Vectors of weights by key, the least recently used forgotten beyond `max_bytes`.

    Not thread-safe: the engine's one worker uses it.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.max_bytes = max_bytes
        self.nbytes = 0
        self._vectors: OrderedDict[Hashable, Tensor] = OrderedDict()

    def vector(self, key: Hashable, make: Callable[[], Tensor]) -> Tensor:
        """The vector that `make` gave for this key, or gives now. Not to be written to."""
        if key in self._vectors:
            self._vectors.move_to_end(key)
            return self._vectors[key]
        vector = make()
        self._vectors[key] = vector
        self.nbytes += vector.nbytes
        while self.nbytes > self.max_bytes:
            _, oldest = self._vectors.popitem(last=False)
            self.nbytes -= oldest.nbytes
        return vector
