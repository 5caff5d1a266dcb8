"""What the headers say (daemon/PROTOCOL.md), as plain values, checked at birth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from dnid.engine.limits import MAX_PIXELS, check_size
from dnid.engine.result import Progress, Proposed, Restored
from dnid.errors import BadImage, BadMask, BadMessage, BadVersion, DniError
from dnid.recipe import Execution, Recipe

PROTOCOL = 1
MAX_ID = 64
"""Characters."""
MAX_ERROR = 1000
"""Characters."""
MAX_FRAME_BYTES = MAX_PIXELS * 4 * 4

Header = dict[str, Any]
T = TypeVar("T")

_BYTES = {"u8": 1, "u16": 2, "f32": 4}


@dataclass(frozen=True)
class Picture:
    """The form of a frame of pixels: height × width × channels values of one dtype."""

    height: int
    width: int
    channels: int
    """1 gray, 2 gray + alpha, 3 RGB, 4 RGB + alpha."""
    dtype: str
    """`u8`, `u16` or `f32`."""

    @classmethod
    def from_dict(cls, table: object) -> Picture:
        """Raises BadMessage."""
        if not isinstance(table, Mapping):
            raise BadMessage("A picture is a map of `height`, `width`, `channels` and `dtype`.")
        height, width = _field(table, "height", int), _field(table, "width", int)
        channels, dtype = _field(table, "channels", int), _field(table, "dtype", str)
        if dtype not in _BYTES:
            raise BadMessage(f"The dtype of a picture is one of {', '.join(_BYTES)}.")
        return cls(height, width, channels, dtype)

    def to_dict(self) -> Header:
        return asdict(self)

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * _BYTES[self.dtype]


@dataclass(frozen=True)
class Hello:
    id: str
    client: str
    """Name and version, for the log."""


@dataclass(frozen=True)
class ListPacks:
    id: str


@dataclass(frozen=True)
class AskStatus:
    id: str


@dataclass(frozen=True)
class Restore:
    id: str
    recipe: Recipe
    image: Picture
    mask: Picture | None
    how: Execution


@dataclass(frozen=True)
class Auto:
    """Asks which strengths fit the picture."""

    id: str
    recipe: Recipe
    image: Picture


@dataclass(frozen=True)
class Cancel:
    id: str
    job: str
    """The id of a restore or an auto of the same client."""


@dataclass(frozen=True)
class Shutdown:
    id: str


Request = Hello | ListPacks | AskStatus | Restore | Auto | Cancel | Shutdown


def request_id(header: Header) -> str:
    """Raises BadMessage."""
    text = _field(header, "id", str)
    if len(text) > MAX_ID:
        raise BadMessage(f"An id has at most {MAX_ID} characters.")
    return text


def parse_request(header: Header) -> Request:
    """Raises BadMessage, BadVersion, BadImage, BadMask or BadRecipe."""
    kind, name = _field(header, "kind", str), request_id(header)
    # These two keep their form in every version, so that any client can tell and end any daemon.
    if kind not in ("hello", "shutdown"):
        _check_version(header)
    match kind:
        case "hello":
            return Hello(name, _field(header, "client", str))
        case "packs":
            return ListPacks(name)
        case "status":
            return AskStatus(name)
        case "restore":
            return _parse_restore(header, name)
        case "auto":
            return Auto(name, *_parse_work(header))
        case "cancel":
            return Cancel(name, _field(header, "job", str))
        case "shutdown":
            return Shutdown(name)
        case _:
            raise BadMessage(f"There is no request of the kind {kind[:40]!r}.")


def answer(kind: str, name: str, **fields: Any) -> Header:  # noqa: ANN401
    return {"v": PROTOCOL, "kind": kind, "id": name, **fields}


def error_answer(name: str, error: DniError) -> Header:
    # An error quotes what it refuses, which may be as long as a header.
    return answer("error", name, code=error.code, message=str(error)[:MAX_ERROR])


def progress_answer(name: str, progress: Progress) -> Header:
    match progress.state:
        case "queued":
            return answer("progress", name, state="queued", ahead=progress.ahead)
        case "running":
            done, total = progress.done, progress.total
            return answer("progress", name, state="running", done=done, total=total)
        case state:
            return answer("progress", name, state=state)


def result_answer(name: str, image: Picture, restored: Restored) -> Header:
    return answer(
        "result",
        name,
        image=image.to_dict(),
        seconds=restored.seconds,
        device=restored.device,
        format=restored.format,
        approximate=restored.approximate,
        spatial=restored.spatial,
        packs=[asdict(pack) for pack in restored.packs],
    )


def auto_answer(name: str, proposed: Proposed) -> Header:
    return answer(
        "auto",
        name,
        strengths=proposed.strengths,
        seconds=proposed.seconds,
        packs=[asdict(pack) for pack in proposed.packs],
    )


def _parse_restore(header: Header, name: str) -> Restore:
    recipe, image = _parse_work(header)
    mask = None if header.get("mask") is None else Picture.from_dict(header["mask"])
    if mask is not None and mask.shape != (image.height, image.width, 1):
        raise BadMask(
            f"The mask must be gray and {image.width} × {image.height} pixels like the picture, "
            f"not {mask.width} × {mask.height}."
        )
    how = Execution(**{key: header[key] for key in ("device", "exact_tiles") if key in header})
    return Restore(name, recipe, image, mask, how)


def _parse_work(header: Header) -> tuple[Recipe, Picture]:
    image = Picture.from_dict(header.get("image"))
    recipe = Recipe.from_dict(header.get("recipe"))
    check_size(image.height, image.width, recipe.scale)
    if not 1 <= image.channels <= 4:
        raise BadImage(f"A picture has 1 to 4 channels, not {image.channels}.")
    return recipe, image


def _check_version(header: Header) -> None:
    version = _field(header, "v", int)
    if version != PROTOCOL:
        raise BadVersion(
            f"The daemon speaks version {PROTOCOL} of the protocol and this program"
            f" version {version}; install the same release of both."
        )


def _field(table: Mapping[str, Any], key: str, kind: type[T]) -> T:
    value = table.get(key)
    if type(value) is not kind:  # an isinstance would take True for 1
        raise BadMessage(f"`{key}` must be given, as {_NAMES[kind]}.")
    return value


_NAMES: dict[type, str] = {int: "an integer", str: "a string"}
