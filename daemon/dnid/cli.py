"""`dnid`: restore photos with blended networks; the one place that wires the parts together."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dnid import __version__
from dnid.errors import BadImage, BadInput, BadMask, BadRecipe, DniError, NotFinite, OutOfMemory
from dnid.recipe import DEVICES, Execution, Recipe, Stage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnid.engine.engine import Engine
    from dnid.engine.result import Progress, Restored

EXIT_ERROR = 1
EXIT_INTERRUPTED = 130

_EXAMPLES = """examples:
  dnid apply photo.jpg -o clean.png --denoise 0.4
  dnid apply shots/*.tif -o cleaned/ --denoise 0.6 --format tiff
  dnid apply photo.jpg -o clean.png --denoise 0.8 --mask sky.png --outside 0.1
"""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except DniError as error:
        print(f"dnid: {error}", file=sys.stderr)
        return EXIT_ERROR
    except KeyboardInterrupt:
        print("dnid: stopped.", file=sys.stderr)
        return EXIT_INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dnid",
        description="Restore photos with networks whose weights are blended for each strength.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"dnid {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_apply(commands)
    packs = commands.add_parser("packs", help="list the installed model packs")
    packs.add_argument("--json", action="store_true", help="print all that is known, as JSON")
    packs.set_defaults(run=_packs)
    status = commands.add_parser("status", help="tell whether the daemon runs, and how")
    status.add_argument("--json", action="store_true", help="print it as JSON")
    status.set_defaults(run=_status)
    _add_serve(commands)
    _add_bench(commands)
    stop = commands.add_parser("stop", help="end the daemon")
    stop.set_defaults(run=_stop)
    bridge = commands.add_parser(
        "bridge",
        help="speak with the daemon over stdin and stdout",
        description="The relay that editors' plug-ins start: see daemon/PROTOCOL.md, Bridge.",
    )
    bridge.set_defaults(run=_bridge)
    return parser


def _add_apply(commands: Any) -> None:  # noqa: ANN401 - argparse keeps the type private
    apply = commands.add_parser(
        "apply",
        help="restore pictures",
        description="Restore pictures. A strength of 0 leaves the picture as it is; 1 is the "
        "strongest network of the pack. Starts the daemon when none runs.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    apply.add_argument("inputs", nargs="+", type=Path, metavar="IN", help="JPEG, PNG, TIFF, WebP …")
    apply.add_argument(
        "-o", "--output", required=True, metavar="OUT|FOLDER",
        help="a file, or for several pictures a folder",
    )  # fmt: skip
    apply.add_argument(
        "--denoise", type=_strength, default=0.0, metavar="S", help="0 to 1 (default 0)"
    )
    apply.add_argument("--denoise-pack", metavar="ID", help="another pack than the default")
    apply.add_argument(
        "--mask", type=Path, metavar="FILE",
        help="gray picture of the same size: white gets the full strength, black --outside",
    )  # fmt: skip
    apply.add_argument(
        "--outside", type=_strength, default=0.0, metavar="S",
        help="strength where the mask is black, 0 to 1 (default 0)",
    )  # fmt: skip
    apply.add_argument(
        "--format", choices=("png", "tiff", "jpeg", "webp"),
        help="of the files in a folder (default png)",
    )  # fmt: skip
    apply.add_argument(
        "--device", choices=DEVICES, default="auto",
        help="where to compute (default auto: a GPU where there is one)",
    )  # fmt: skip
    apply.add_argument(
        "--exact-tiles", action="store_true",
        help="read the networks' whole receptive field around each tile: slower, and equal to the "
        "untiled result (without it: within a quarter of an 8-bit step)",
    )  # fmt: skip
    apply.add_argument("--in-process", action="store_true", help="compute here, without the daemon")
    apply.add_argument("-q", "--quiet", action="store_true", help="no progress, no summary")
    apply.set_defaults(run=_apply)


def _add_serve(commands: Any) -> None:  # noqa: ANN401
    serve = commands.add_parser(
        "serve",
        help="be the daemon",
        description="Serve restorations to this user's programs until stopped. The command line "
        "and the plug-ins start it by themselves when they need it.",
    )
    serve.add_argument("--on-demand", action="store_true", help="end after --idle without work")
    serve.add_argument("--idle", type=float, default=900.0, metavar="SECONDS", help="(default 900)")
    serve.set_defaults(run=_serve)


def _add_bench(commands: Any) -> None:  # noqa: ANN401
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


def _strength(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


class _Restorer(Protocol):
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


def _apply(options: argparse.Namespace) -> int:
    targets = _targets(options.inputs, options.output, options.format, options.mask)
    stage = Stage("denoise", options.denoise, options.outside, options.denoise_pack)
    recipe = Recipe((stage,))
    if options.outside and options.mask is None:
        raise BadRecipe("--outside needs a --mask.")
    mask = _read_mask(options.mask) if options.mask else None
    if options.in_process:
        return _apply_all(_engine(), recipe, mask, targets, options)
    from dnid.service.client import Client

    starting = None if options.quiet else lambda: print("Starting the daemon …", file=sys.stderr)
    with Client.connect(starting=starting or (lambda: None)) as client:
        return _apply_all(client, recipe, mask, targets, options)


def _apply_all(
    restorer: _Restorer,
    recipe: Recipe,
    mask: NDArray[Any] | None,
    targets: Sequence[tuple[Path, Path, str]],
    options: argparse.Namespace,
) -> int:
    """Every picture in turn; one that fails is told, and the others are still done."""
    failures = 0
    for source, target, kind in targets:
        try:
            _apply_one(restorer, recipe, mask, source, target, kind, options)
        except (BadInput, NotFinite, OutOfMemory) as error:
            failures += 1
            print(f"dnid: {source}: {error}", file=sys.stderr)
    return EXIT_ERROR if failures else 0


def _apply_one(
    restorer: _Restorer,
    recipe: Recipe,
    mask: NDArray[Any] | None,
    source: Path,
    target: Path,
    kind: str,
    options: argparse.Namespace,
) -> None:
    from dnid import picture

    photo = picture.read(source)
    picture.check_holds(kind, photo.pixels)
    _make_folder(target.parent)
    how = Execution(options.device, options.exact_tiles)
    with _ProgressBar(source.name, hidden=options.quiet) as bar:
        result = restorer.restore(photo.pixels, recipe, mask, how=how, progress=bar.show)
    picture.write(photo.with_pixels(result.pixels), target, kind)
    if not options.quiet:
        where = f", {result.device} {result.format}" if result.format else ""
        print(f"{target}  ({result.seconds:.2f} s{where})")


def _read_mask(path: Path) -> NDArray[Any]:
    from dnid import picture

    try:
        return picture.read_mask(path)
    except BadImage as error:
        raise BadMask(f"{path}: {error}") from error


def _targets(
    inputs: Sequence[Path], output: str, kind: str | None, mask: Path | None
) -> list[tuple[Path, Path, str]]:
    """(input, output, format) for each picture. Raises BadInput before anything is computed."""
    from dnid import picture

    place = Path(output)
    if len(inputs) > 1 or place.is_dir() or output.endswith(("/", "\\")):
        if len(inputs) > 1 and place.suffix.lower() in picture.SUFFIXES and not place.is_dir():
            raise BadInput(f"For several pictures -o names a folder; {output} looks like a file.")
        kind = kind or "png"
        targets = [(path, place / f"{path.stem}.{_ENDINGS[kind]}", kind) for path in inputs]
    else:
        if not place.parent.is_dir():
            raise BadInput(f"There is no folder {place.parent}.")
        named = picture.format_of(place)
        if kind not in (None, named):
            raise BadInput(f"{place.name} is the name of a {named.upper()}, not of a {kind}.")
        targets = [(inputs[0], place, named)]
    _check_targets(targets, mask)
    return targets


def _check_targets(targets: Sequence[tuple[Path, Path, str]], mask: Path | None) -> None:
    """Nothing that is read is written over, and nothing is written twice."""
    written: dict[Path, Path] = {}
    for source, target, _ in targets:
        if target in written:
            raise BadInput(f"{written[target]} and {source} would both become {target}.")
        written[target] = source
        if _is_same(target, source):
            raise BadInput(f"{target} is the original; choose another name or folder.")
        if mask is not None and _is_same(target, mask):
            raise BadInput(f"{target} is the mask; choose another name or folder.")


def _is_same(path: Path, other: Path) -> bool:
    return path.exists() and other.exists() and path.samefile(other)


_ENDINGS = {"png": "png", "tiff": "tif", "jpeg": "jpg", "webp": "webp"}


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"Cannot make the folder {folder}: {error.strerror}.") from error


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


def _packs(options: argparse.Namespace) -> int:
    from dnid.packs.store import PackStore, default_folders

    packs = PackStore(default_folders()).describe()
    if options.json:
        print(json.dumps(packs, indent=2, ensure_ascii=False))
        return 0
    for pack in packs:
        if "error" in pack:
            print(f"{pack['id']:16} cannot be used: {pack['error']}")
        else:
            path = " → ".join(pack["path"])
            print(f"{pack['id']:16} {pack['effect']:8} {path}  ({pack['licence']})")
    return 0


def _status(options: argparse.Namespace) -> int:
    from dnid.service.client import daemon_status

    status = daemon_status()
    if options.json:
        print(json.dumps(status or {"pid": None}, indent=2))
    elif status is None:
        print("The daemon does not run; it starts when it is needed.")
    else:
        for key, value in status.items():
            print(f"{key:10} {value}")
    return 0


def _serve(options: argparse.Namespace) -> int:
    from dnid.service.server import serve

    return serve(_engine, options.on_demand, options.idle)


def _bench(options: argparse.Namespace) -> int:
    from dnid.bench import FULL, QUICK, bench
    from dnid.engine.memory import keep_freed_blocks
    from dnid.packs.store import PackStore, default_folders

    keep_freed_blocks()
    sizes = QUICK if options.quick else FULL
    figures = bench(
        PackStore(default_folders()), sizes, lambda step: print(f"… {step}", file=sys.stderr)
    )
    text = json.dumps(figures, indent=2)
    if options.json:
        options.json.write_text(text + "\n")
    print(text)
    return 0


def _stop(_: argparse.Namespace) -> int:
    from dnid.service.client import stop_daemon

    print("Stopped." if stop_daemon() else "The daemon does not run.")
    return 0


def _bridge(_: argparse.Namespace) -> int:
    from dnid.service.bridge import run_bridge

    return run_bridge(sys.stdin.buffer, sys.stdout.buffer)


def _engine() -> Engine:
    from dnid.engine.engine import Engine
    from dnid.engine.memory import keep_freed_blocks
    from dnid.packs.store import PackStore, default_folders

    keep_freed_blocks()
    return Engine(PackStore(default_folders()))


if __name__ == "__main__":
    sys.exit(main())
