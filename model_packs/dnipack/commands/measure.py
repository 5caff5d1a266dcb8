"""`dni-pack measure`: measure a pack on photos whose truth is known."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from dnid.engine.auto import propose
from dnid.engine.device import find_device
from dnid.engine.memory import keep_freed_blocks
from dnid.engine.runner import PackRunner
from dnid.errors import BadInput
from dnipack.build import write_atomically
from dnipack.commands.parts import (
    add_features,
    add_kind,
    add_pack,
    add_positions,
    add_recipe,
    cases_at,
    check_output,
    distance_in,
    find_pack,
    numbers,
)  # fmt: skip
from dnipack.levels import Kind, kind_for
from dnipack.measure import (
    Case,
    LevelResult,
    Metric,
    measure,
    metrics_for,
    paired_photos,
)
from dnipack.photos import to_pixels

if TYPE_CHECKING:
    from dnipack.commands import Commands


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "measure",
        help="measure a pack on photos whose truth is known",
        description="Degrade photos to each level, restore them at 21 slider positions, and print "
        "the mean PSNR and SSIM of the input, at the best position, and at the one a calibrated "
        "slider has for the level; of pairs, whose level is not known, at the one that the pack "
        "proposes (auto). RGB; for super-resolution luma without the border.",
    )
    add_pack(parser)
    parser.add_argument("--data", type=Path, required=True, help="folder of photos")
    parser.add_argument(
        "--levels", type=numbers, metavar="L,L…",
        help="σ of noise (20,30,40,50,60) or camera (2,4,8,16,24), quality of jpeg (10,20,30,40), "
        "radius of lens in % (0.25,0.5,1,2)".replace("%", "%%"),
    )  # fmt: skip
    add_kind(parser)
    add_recipe(parser)
    parser.add_argument(
        "--pairs", nargs=2, metavar=("DEGRADED", "TRUTH"),
        help="file names when photos are degraded already, such as '*_real.*' '*_mean.*'",
    )  # fmt: skip
    add_positions(parser)
    add_features(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    check_output(options.json)
    keep_freed_blocks()
    runner = PackRunner(find_pack(options.pack), find_device("auto"))
    metrics = metrics_for(runner.pack.manifest.scale, distance_in(options.features))
    if options.pairs:
        what, results = "pairs", _pairs(runner, options, metrics)
    else:
        kind = kind_for(runner.pack.manifest, options.kind)
        what, results = kind.about, _levels(runner, options, metrics, kind)
    print(
        f"{runner.pack.manifest.id} on {len(results[0].pictures)} photos, {what}, "
        f"in {runner.choice.format}"
    )
    _print(results)
    if options.json:
        write_atomically(options.json, json.dumps([asdict(r) for r in results], indent=1).encode())
    return 0


def _levels(
    runner: PackRunner, options: argparse.Namespace, metrics: dict[str, Metric], kind: Kind
) -> list[LevelResult]:
    manifest = runner.pack.manifest
    levels: Sequence[float] = options.levels or kind.measured or [manifest.scale]
    count, cases = cases_at(options, kind, manifest.scale)
    results = []
    with tqdm(total=count * len(levels), unit="picture", disable=None) as bar:
        for level in levels:
            nominal = min(max(kind.strength(level), 0.0), 1.0)
            results.append(
                measure(
                    runner, cases(level), metrics, level, partial(_always, nominal),
                    options.positions, bar.update,
                )
            )  # fmt: skip
    return results


def _always(position: float, case: Case) -> float:
    return position


def _pairs(
    runner: PackRunner, options: argparse.Namespace, metrics: dict[str, Metric]
) -> list[LevelResult]:
    if runner.pack.manifest.scale > 1:
        raise BadInput("Pairs are for packs that keep the size of a picture.")
    with tqdm(unit="picture", disable=None) as bar:
        cases = paired_photos(options.data, tuple(options.pairs))
        proposed = None if (estimator := runner.pack.estimator()) is None else (
            lambda case: propose(estimator, to_pixels(case.degraded))
        )  # fmt: skip
        positions = options.positions
        return [measure(runner, cases, metrics, None, proposed, positions, bar.update)]


def _print(results: Sequence[LevelResult]) -> None:
    metrics = list(results[0].untouched)
    print("  level  position  " + "  ".join(f"{name:>9}" for name in metrics))
    for result in results:
        level = "pairs" if result.level is None else f"{result.level:g}"
        best, _ = result.best
        column = result.positions.index(best)
        rows = [("input", result.untouched)]
        rows += [(f"best {best:.2f}", {name: result.curves[name][column] for name in metrics})]
        if result.own:
            own = "auto" if result.level is None else "own"
            rows += [(f"{own} {result.mean_own:.2f}", result.at_own)]
        for position, figures in rows:
            shown = "  ".join(f"{figures[name]:9.{3 + (name == 'ssim')}f}" for name in metrics)
            print(f"{level:>7}  {position:>9}  {shown}")
        name, gain = result.worst_gain(best)
        print(f"         least gain at {best:.2f}: {gain:+.2f} dB, {name}")
        if result.own and result.level is None:
            name, gain = result.worst_gain()
            print(f"         least gain at auto: {gain:+.2f} dB, {name}")
