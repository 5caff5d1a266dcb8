"""`dni-pack compare`: a pack beside another pack, a checkpoint, or mixing pictures."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from dnid.engine.device import find_device
from dnid.engine.memory import keep_freed_blocks
from dnid.engine.runner import PackRunner
from dnid.errors import BadInput
from dnid.networks import build
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
)
from dnipack.importer import read_source
from dnipack.levels import kind_for
from dnipack.measure import metrics_for
from dnipack.study import Blends, Contender, Fixed, Level, Mixing, MixingNeighbours, score

if TYPE_CHECKING:
    from dnipack.commands import Commands

MIXING, NEIGHBOURS = "mixing", "neighbours"


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "compare",
        help="measure a pack beside another way to do the same",
        description="Degrade photos to each level, let both restore them, and print PSNR, SSIM "
        "and, with --features, the distance of features: each at the slider position where its "
        "PSNR is highest; a checkpoint has no slider.",
    )
    add_pack(parser)
    parser.add_argument(
        "--with", dest="other", required=True, metavar="OTHER",
        help=f"another pack, a checkpoint (.pth, .pt, .safetensors), or `{MIXING}`: the pictures "
        f"at the two ends of the pack's slider, mixed, or `{NEIGHBOURS}`: those of the two anchors "
        "between which the slider stands",
    )  # fmt: skip
    parser.add_argument("--data", type=Path, required=True, help="folder of clean photos")
    parser.add_argument(
        "--levels", type=numbers, metavar="L,L…",
        help="σ of noise (20,30,40,50,60) or camera (2,4,8,16,24), quality of jpeg (10,20,30,40)",
    )  # fmt: skip
    add_kind(parser)
    add_recipe(parser)
    add_positions(parser)
    add_features(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    check_output(options.json)
    keep_freed_blocks()
    runner = PackRunner(find_pack(options.pack), find_device("auto"))
    manifest = runner.pack.manifest
    positions = options.positions
    contenders = [Blends(runner, positions), _other(options.other, runner, positions)]
    metrics = metrics_for(manifest.scale, distance_in(options.features))
    kind = kind_for(manifest, options.kind)
    count, cases = cases_at(options, kind, manifest.scale)
    levels: Sequence[float] = options.levels or kind.measured or [manifest.scale]
    results = []
    with tqdm(total=count * len(levels), unit="picture", disable=None) as bar:
        for level in levels:
            results.append(score(contenders, cases(level), metrics, level, bar.update))
    _print(results)
    if options.json:
        write_atomically(options.json, json.dumps([asdict(r) for r in results], indent=1).encode())
    return 0


def _other(name: str, runner: PackRunner, positions: tuple[float, ...]) -> Contender:
    """Raises BadInput for a network that does not enlarge as the pack does."""
    other: Contender
    if name == MIXING:
        return Mixing(runner, positions)
    if name == NEIGHBOURS:
        return MixingNeighbours(runner, positions)
    if Path(name).is_file():
        source = read_source(Path(name))
        network = build(source.architecture, source.options).eval().requires_grad_(False)
        network.load_state_dict(source.state)
        other, scale = Fixed(Path(name).name, network), int(network.scale)  # type: ignore[arg-type]
    else:
        rival = PackRunner(find_pack(name), runner.device)
        other, scale = Blends(rival, positions), rival.pack.manifest.scale
    if scale != runner.pack.manifest.scale:
        raise BadInput(
            f"{name} enlarges {scale} times and the pack {runner.pack.manifest.scale} times;"
            " they cannot be compared."
        )
    return other


def _print(results: Sequence[Level]) -> None:
    metrics = list(results[0].untouched)
    width = max(len("degraded"), *(len(scores.name) for scores in results[0].scores))
    print(f"{'level':>6}  {'':{width}}    at  " + "  ".join(f"{name:>9}" for name in metrics))
    for result in results:
        print(_row(result.level, "degraded", width, "", list(result.untouched.values())))
        for scores in result.scores:
            figures = [scores.curves[name][scores.best] for name in metrics]
            at = f"{scores.positions[scores.best]:.2f}" if len(scores.positions) > 1 else ""
            print(_row(result.level, scores.name, width, at, figures))


def _row(level: float, name: str, width: int, at: str, figures: Sequence[float]) -> str:
    shown = "  ".join(f"{figure:9.3f}" for figure in figures)
    return f"{level:6g}  {name:{width}}  {at:>4}  {shown}"
