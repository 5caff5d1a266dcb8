"""Which file becomes which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dnid.errors import BadInput

_ENDINGS = {"png": "png", "tiff": "tif", "jpeg": "jpg", "webp": "webp"}


@dataclass(frozen=True)
class Target:
    source: Path
    path: Path
    kind: str
    """The format that is written, one of picture.WRITERS."""

    def make_folder(self) -> None:
        """Raises BadInput."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(
                f"Cannot make the folder {self.path.parent}: {error.strerror}."
            ) from error


def plan(inputs: Sequence[Path], output: str, kind: str | None, mask: Path | None) -> list[Target]:
    """What each picture becomes. Raises BadInput before anything is computed."""
    place = Path(output)
    if len(inputs) > 1 or place.is_dir() or output.endswith(("/", "\\")):
        targets = _into_folder(inputs, place, kind or "png")
    else:
        targets = [_to_file(inputs[0], place, kind)]
    _check(targets, mask)
    return targets


def _into_folder(inputs: Sequence[Path], folder: Path, kind: str) -> list[Target]:
    from dnid import picture

    if len(inputs) > 1 and folder.suffix.lower() in picture.SUFFIXES and not folder.is_dir():
        raise BadInput(f"For several pictures -o names a folder; {folder} looks like a file.")
    return [Target(path, folder / f"{path.stem}.{_ENDINGS[kind]}", kind) for path in inputs]


def _to_file(source: Path, path: Path, kind: str | None) -> Target:
    from dnid import picture

    if not path.parent.is_dir():
        raise BadInput(f"There is no folder {path.parent}.")
    named = picture.format_of(path)
    if kind not in (None, named):
        raise BadInput(f"{path.name} is the name of a {named.upper()}, not of a {kind}.")
    return Target(source, path, named)


def _check(targets: Sequence[Target], mask: Path | None) -> None:
    """Nothing that is read is written over, and nothing is written twice."""
    written: dict[Path, Path] = {}
    for target in targets:
        source, path = target.source, target.path
        if path in written:
            raise BadInput(f"{written[path]} and {source} would both become {path}.")
        written[path] = source
        if _is_same(path, source):
            raise BadInput(f"{path} is the original; choose another name or folder.")
        if mask is not None and _is_same(path, mask):
            raise BadInput(f"{path} is the mask; choose another name or folder.")


def _is_same(path: Path, other: Path) -> bool:
    return path.exists() and other.exists() and path.samefile(other)
