"""`dnid bench`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dnid.commands.parts import installed_packs

if TYPE_CHECKING:
    from dnid.commands import Commands


def add_parser(commands: Commands) -> None:
    bench = commands.add_parser(
        "bench",
        help="measure the engine on this machine",
        description="Measure what the engine costs beyond the bare network, and the same network "
        "in other runtimes (installed by `pip install dnid[bench]`), as ratios of things timed in "
        "turn. Let nothing else run meanwhile.",
    )
    bench.add_argument("--quick", action="store_true", help="small pictures, for a first look")
    bench.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    bench.set_defaults(run=_bench)


def _bench(options: argparse.Namespace) -> int:
    from dnid.bench import FULL, QUICK, bench
    from dnid.engine.memory import keep_freed_blocks

    keep_freed_blocks()
    sizes = QUICK if options.quick else FULL
    figures = bench(installed_packs(), sizes, lambda step: print(f"… {step}", file=sys.stderr))
    text = json.dumps(figures, indent=2)
    if options.json:
        options.json.write_text(text + "\n")
    print(text)
    return 0
