"""A network by the name and the options that a pack gives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from torch import nn

from dnid.errors import PackDamaged

N = TypeVar("N", bound=nn.Module)


def build_one_of(
    kinds: Mapping[str, type[N]], what: str, name: str, options: Mapping[str, Any]
) -> N:
    """With fresh weights. Raises PackDamaged for a name or options that do not fit."""
    kind = kinds.get(name)
    if kind is None:
        known = ", ".join(sorted(kinds))
        raise PackDamaged(f"Unknown {what} {name[:80]!r}; this version knows: {known}.")
    try:
        return kind(**options)
    except (TypeError, ValueError) as error:
        raise PackDamaged(f"The options of {name!r} do not fit: {error}") from error
