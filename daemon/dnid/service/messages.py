"""What the headers say (daemon/PROTOCOL.md), as plain values, checked at birth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from dnid.engine.limits import MAX_PIXELS, check_size
from dnid.engine.result import Progress, Proposed, Restored, Subject
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
class Whole:
    """The picture of which a restore's image is a part."""

    height: int
    width: int
    top: int
    left: int
    """In pixels of the whole picture."""
    image: Picture
    """All of it, as a rule much smaller."""
    mask: Picture | None

    @classmethod
    def from_dict(cls, table: object) -> Whole:
        """Raises BadMessage."""
        if not isinstance(table, Mapping):
            raise BadMessage("`whole` is a map of `height`, `width`, `top`, `left` and `image`.")
        mask = table.get("mask")
        return cls(
            height=_field(table, "height", int),
            width=_field(table, "width", int),
            top=_field(table, "top", int),
            left=_field(table, "left", int),
            image=Picture.from_dict(table.get("image")),
            mask=None if mask is None else Picture.from_dict(mask),
        )


@dataclass(frozen=True)
class Restore:
    id: str
    recipe: Recipe
    image: Picture
    mask: Picture | None
    whole: Whole | None
    how: Execution

    @property
    def frames(self) -> list[Picture]:
        """In the order in which they come."""
        whole = [] if self.whole is None else [self.whole.image, self.whole.mask]
        return [form for form in (self.image, self.mask, *whole) if form is not None]


@dataclass(frozen=True)
class Auto:
    """Asks which strengths fit the picture."""

    id: str
    recipe: Recipe
    image: Picture


@dataclass(frozen=True)
class FindSubject:
    """Asks what the picture is of."""

    id: str
    image: Picture
    pack: str | None


@dataclass(frozen=True)
class Cancel:
    id: str
    job: str
    """The id of a job of the same client."""


@dataclass(frozen=True)
class Shutdown:
    id: str


WITH_PIXELS = (Restore, Auto, FindSubject)
Request = Hello | ListPacks | AskStatus | Restore | Auto | FindSubject | Cancel | Shutdown


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
        case "subject":
            pack = None if header.get("pack") is None else _field(header, "pack", str)
            return FindSubject(name, _parse_image(header), pack)
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


def subject_answer(name: str, image: Picture, subject: Subject) -> Header:
    return answer(
        "subject",
        name,
        image=image.to_dict(),
        seconds=subject.seconds,
        packs=[asdict(pack) for pack in subject.packs],
    )


def _parse_restore(header: Header, name: str) -> Restore:
    recipe, image = _parse_work(header)
    mask = None if header.get("mask") is None else Picture.from_dict(header["mask"])
    if mask is not None and mask.shape != (image.height, image.width, 1):
        raise BadMask(
            f"The mask must be gray and {image.width} × {image.height} pixels like the picture, "
            f"not {mask.width} × {mask.height}."
        )
    whole = None if header.get("whole") is None else Whole.from_dict(header["whole"])
    if whole is not None:
        for height, width in ((whole.height, whole.width), whole.image.shape[:2]):
            check_size(height, width)
    how = Execution(**{key: header[key] for key in ("device", "exact_tiles") if key in header})
    return Restore(name, recipe, image, mask, whole, how)


def _parse_work(header: Header) -> tuple[Recipe, Picture]:
    recipe = Recipe.from_dict(header.get("recipe"))
    return recipe, _parse_image(header, recipe.scale)


def _parse_image(header: Header, scale: int = 1) -> Picture:
    image = Picture.from_dict(header.get("image"))
    check_size(image.height, image.width, scale)
    if not 1 <= image.channels <= 4:
        raise BadImage(f"A picture has 1 to 4 channels, not {image.channels}.")
    return image


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
