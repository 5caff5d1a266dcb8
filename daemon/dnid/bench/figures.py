"""All figures of `dnid bench`, measured side by side in one run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dnid.bench import costs
from dnid.bench.compare import compare
from dnid.bench.costs import STRENGTH, Subject
from dnid.bench.memory import peak_mb
from dnid.bench.realesr import store_with_pair
from dnid.engine.engine import Engine
from dnid.packs.store import PackStore
from dnid.recipe import Stage

Told = Callable[[str], None]
Figures = dict[str, Any]


@dataclass(frozen=True)
class Sizes:
    """Heights and widths in pixels."""

    photo: tuple[int, int]
    """For overhead and masks."""
    large: tuple[int, int]
    """For the peak of memory."""
    peers: tuple[int, int]
    small: tuple[int, int]
    """For peers with a network that enlarges: sixteen times the pixels come out."""
    rounds: int


FULL = Sizes((3000, 4000), (4000, 6000), (2000, 3000), (768, 1024), rounds=3)
QUICK = Sizes((1000, 1500), (1500, 2000), (768, 1024), (384, 512), rounds=2)


def bench(store: PackStore, sizes: Sizes, told: Told, realesr: Path | None = None) -> Figures:
    """All figures by their names; `told` gets a word before each, and for what is left out.

    `realesr` is the folder with Real-ESRGAN's pair. Raises PackNotFound or BadInput.
    """
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        pair = None if realesr is None else store_with_pair(realesr, Path(folder))
        denoise = Subject.make(Engine(store), Stage("denoise", STRENGTH))
        figures = _costs(denoise, store, sizes, told)
        peers = {"denoise": compare(denoise, sizes.peers, sizes.rounds - 1, told)}
        if pair is None:
            told("realesr is left out: --realesr names the folder with its checkpoints")
        else:
            enlarge = Subject.make(Engine(pair), Stage("sr", STRENGTH, scale=4))
            peers["realesr"] = compare(enlarge, sizes.small, sizes.rounds - 1, told)
    return {
        **_rounded(figures),
        "peers": {name: _rounded(found) for name, found in peers.items()},
        "format": denoise.runner.choice.format,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def _costs(denoise: Subject, store: PackStore, sizes: Sizes, told: Told) -> dict[str, float]:
    many = 10 * sizes.rounds
    told("overhead over the bare network")
    found = costs.overhead(denoise, sizes.photo, sizes.rounds)
    told("strength for each pixel")
    found |= costs.spatial(denoise, many)
    found |= costs.half_mask(denoise, sizes.photo, sizes.rounds)
    told("blend and preview")
    found |= costs.blend(denoise, many)
    found |= costs.preview(denoise, many)
    told("memory")
    peak = peak_mb(sizes.large, store.folders)
    return found if peak is None else found | {"peak_rss_24mp_mb": peak}


def _rounded(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in figures.items()}
