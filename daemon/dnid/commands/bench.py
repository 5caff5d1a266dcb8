"""`dnid bench`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dnid.commands.parts import installed_packs
from dnid.errors import BadInput

if TYPE_CHECKING:
    from dnid.commands import Commands


def add_parser(commands: Commands) -> None:
    bench = commands.add_parser(
        "bench",
        help="measure the engine on this machine",
        description="Measure what the engine costs beyond the bare network, and the same network "
        "in other runtimes (installed by `pip install dnid[bench]`), as ratios of things timed in "
        "turn. Takes some minutes; let nothing else run meanwhile.",
    )
    bench.add_argument("--quick", action="store_true", help="small pictures, for a first look")
    bench.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    bench.add_argument("--plot", type=Path, metavar="FILE.png", help="draw them as bars")
    bench.add_argument(
        "--realesr", type=Path, metavar="FOLDER",
        help="with Real-ESRGAN's general x4v3 pair as safetensors: compare with it as well",
    )  # fmt: skip
    bench.set_defaults(run=_bench)


def _bench(options: argparse.Namespace) -> int:
    from dnid.bench import table
    from dnid.bench.figures import FULL, QUICK, bench
    from dnid.engine.memory import keep_freed_blocks

    for path in (options.json, options.plot):
        if path is not None and not path.parent.is_dir():
            raise BadInput(f"There is no folder {path.parent}.")
    if options.plot:
        table.check_can_plot()
    keep_freed_blocks()
    sizes = QUICK if options.quick else FULL
    figures = bench(installed_packs(), sizes, _tell, options.realesr)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if options.plot:
        table.plot(figures, options.plot)
    for line in table.lines(figures):
        print(line)
    return 0


def _tell(step: str) -> None:
    print(f"… {step}", file=sys.stderr)
