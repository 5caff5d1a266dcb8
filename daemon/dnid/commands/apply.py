"""`dnid apply`: from picture files to picture files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dnid.commands import auto, effects, files
from dnid.commands.effects import Wish
from dnid.commands.files import Target
from dnid.commands.parts import make_engine
from dnid.errors import BadImage, BadInput, BadMask, NotFinite, OutOfMemory
from dnid.recipe import DEVICES, Execution, Recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnid.commands import Commands
    from dnid.engine.result import Progress, Restored

EXAMPLES = """examples:
  dnid apply photo.jpg -o clean.png --denoise 0.4
  dnid apply web.jpg -o clean.png --dejpeg auto --denoise 0.2
  dnid apply small.png -o large.png --scale 4 --sharpness 0.5
  dnid apply shots/*.tif -o cleaned/ --denoise 0.6 --format tiff
  dnid apply photo.jpg -o clean.png --denoise 0.8 --mask sky.png --outside 0.1
  dnid apply flower.jpg -o soft.png --dof 0.6
"""


def add_parser(commands: Commands) -> None:
    apply = commands.add_parser(
        "apply",
        help="restore pictures",
        description="Restore pictures. Starts the daemon when none runs.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    apply.add_argument("inputs", nargs="+", type=Path, metavar="IN", help="JPEG, PNG, TIFF, WebP …")
    apply.add_argument(
        "-o", "--output", required=True, metavar="OUT|FOLDER",
        help="a file, or for several pictures a folder",
    )  # fmt: skip
    apply.add_argument(
        "--format", choices=("png", "tiff", "jpeg", "webp"),
        help="of the files in a folder (default png)",
    )  # fmt: skip
    apply.add_argument("-q", "--quiet", action="store_true", help="no progress, no summary")
    effects.add_options(apply)
    _add_execution(apply)
    apply.set_defaults(run=_apply)


def _add_execution(apply: argparse.ArgumentParser) -> None:
    how = apply.add_argument_group("how to compute")
    how.add_argument(
        "--device", choices=DEVICES, default="auto",
        help="(default auto: a GPU where there is one)",
    )  # fmt: skip
    how.add_argument(
        "--exact-tiles", action="store_true",
        help="read the networks' whole receptive field around each tile: slower, and equal to the "
        "untiled result (without it: within a quarter of an 8-bit step)",
    )  # fmt: skip
    how.add_argument("--in-process", action="store_true", help="compute here, without the daemon")


class _Restorer(auto.Proposer, Protocol):
    """An Engine here, or a Client of the daemon: both restore alike."""

    def restore(
        self,
        image: NDArray[Any],
        recipe: Recipe,
        mask: NDArray[Any] | None = ...,
        *,
        how: Execution = ...,
        progress: Callable[[Progress], None] = ...,
    ) -> Restored: ...


@dataclass(frozen=True)
class _Task:
    """What is done to every picture."""

    wishes: Sequence[Wish]
    mask: NDArray[Any] | None
    how: Execution
    quiet: bool


def _apply(options: argparse.Namespace) -> int:
    wishes = effects.wishes(options)
    targets = files.plan(options.inputs, options.output, options.format, options.mask)
    mask = _read_mask(options.mask) if options.mask else None
    how = Execution(options.device, options.exact_tiles)
    task = _Task(wishes, mask, how, options.quiet)
    if options.in_process:
        return _restore_all(make_engine(), task, targets)
    from dnid.service.client import Client

    with Client.connect(starting=lambda: _tell_start(options.quiet)) as client:
        return _restore_all(client, task, targets)


def _tell_start(quiet: bool) -> None:
    if not quiet:
        print("Starting the daemon …", file=sys.stderr)


def _restore_all(restorer: _Restorer, task: _Task, targets: Sequence[Target]) -> int:
    """Every picture in turn; one that fails is told, and the others are still done."""
    failures = 0
    for target in targets:
        try:
            _restore(restorer, task, target)
        except (BadInput, NotFinite, OutOfMemory) as error:
            failures += 1
            print(f"dnid: {target.source}: {error}", file=sys.stderr)
    return 1 if failures else 0


def _restore(restorer: _Restorer, task: _Task, target: Target) -> None:
    from dnid import picture

    photo = picture.read(target.source)
    picture.check_holds(target.kind, photo.pixels)
    target.make_folder()
    recipe, chosen = auto.decide(task.wishes, target.source, photo.pixels, restorer)
    with _ProgressBar(target.source.name, hidden=task.quiet) as bar:
        result = restorer.restore(photo.pixels, recipe, task.mask, how=task.how, progress=bar.show)
    picture.write(photo.with_pixels(result.pixels), target.path, target.kind)
    if not task.quiet:
        where = f"{result.device} {result.format}" if result.format else ""
        note = "approximate" if result.approximate else ""
        details = f"{result.seconds:.2f} s", where, note, *chosen.values()
        print(f"{target.path}  ({', '.join(filter(None, details))})")


def _read_mask(path: Path) -> NDArray[Any]:
    from dnid import picture

    try:
        return picture.read_mask(path)
    except BadImage as error:
        raise BadMask(f"{path}: {error}") from error


class _ProgressBar:
    def __init__(self, name: str, *, hidden: bool) -> None:
        from tqdm import tqdm

        disable = True if hidden else None  # None: hidden where stderr is no terminal
        self.bar = tqdm(desc=name, unit="tile", leave=False, disable=disable, total=None)

    def show(self, progress: Progress) -> None:
        self.bar.set_postfix_str("" if progress.state == "running" else progress.state)
        if progress.total:
            self.bar.total = progress.total
            self.bar.update(progress.done - self.bar.n)

    def __enter__(self) -> _ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()
