"""Pictures that come in pairs, told by their names: `*_real.*` and `*_mean.*`."""

from __future__ import annotations

import re
from pathlib import Path

from dnid.errors import BadInput
from dnipack.photos import find_photos


def find_pairs(folder: Path, patterns: tuple[str, str]) -> list[tuple[Path, Path]]:
    """(degraded, truth) for every two pictures whose names have the same text at the stars.

    Capitals do not count. Raises BadInput when a pattern has no star, fits nothing, or
    leaves a degraded picture without its truth.
    """
    degraded, truth = (_by_stars(folder, pattern) for pattern in patterns)
    if missing := sorted(degraded.keys() - truth.keys()):
        raise BadInput(f"{degraded[missing[0]].name} has no picture beside it: {patterns[1]}.")
    return [(degraded[key], truth[key]) for key in sorted(degraded)]


def _by_stars(folder: Path, pattern: str) -> dict[tuple[str, ...], Path]:
    """What the stars stand for → the picture."""
    if "*" not in pattern:
        raise BadInput(f"The pattern {pattern!r} needs a * where the names of a pair are alike.")
    expression = re.compile("(.*)".join(map(re.escape, pattern.split("*"))), re.IGNORECASE)
    matches = {path: expression.fullmatch(path.name) for path in find_photos(folder)}
    found = {tuple(map(str.lower, m.groups())): path for path, m in matches.items() if m}
    if not found:
        raise BadInput(f"No pictures {pattern} in {folder}.")
    return found
