"""The most memory that a restoration takes: a process of its own, whose peak it is.

    python -m dnid.bench.memory HEIGHT WIDTH FOLDER…

prints it in mebibytes, or nothing where the system does not tell it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dnid.bench.pictures import make_photo
from dnid.engine.engine import Engine
from dnid.engine.memory import keep_freed_blocks
from dnid.packs.store import PackStore
from dnid.recipe import Recipe, Stage


def peak_mb(size: tuple[int, int], folders: Sequence[Path]) -> float | None:
    """Peak resident MiB of a fresh process that denoises a picture of height × width."""
    words = [*map(str, size), *map(str, folders)]
    command = [sys.executable, "-m", "dnid.bench.memory", *words]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(found) if found.strip() else None


def main(words: Sequence[str]) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    height, width, *folders = words
    keep_freed_blocks()
    engine = Engine(PackStore([Path(folder) for folder in folders]))
    engine.restore(make_photo(int(height), int(width)), Recipe((Stage("denoise", 0.5),)))
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit:.0f}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
