"""Every error the project raises on purpose.

DniError                     a sentence for the user; `code` goes over the wire
├── BadInput
│   ├── BadImage             bad-image        empty, huge, wrong channels, not finite
│   ├── BadMask              bad-mask         other size, more than one channel
│   ├── BadRecipe            bad-recipe       unknown effect, strength outside 0..1
│   └── NoSubject            no-subject       nothing stands out, and no mask says where
├── PackError
│   ├── PackNotFound         pack-not-found
│   └── PackDamaged          pack-damaged     hash, key or shape does not fit
├── EngineError
│   ├── OutOfMemory          out-of-memory    even the smallest tile does not fit
│   ├── NotFinite            not-finite       NaN or infinity even in float32
│   └── DeviceUnavailable    device-unavailable
├── Cancelled                cancelled
├── ServiceError
│   ├── BadMessage           bad-message      does not follow PROTOCOL.md
│   ├── BadVersion           bad-version      another protocol version
│   ├── Busy                 busy             too many jobs wait
│   ├── DaemonUnavailable    daemon-unavailable
│   ├── DaemonDied           daemon-died
│   └── AlreadyRunning       already-running
└── InternalError            internal         unknown; the traceback is in the log

The message of each is one plain sentence that says what to do. An exception
outside this tree is a bug: it is logged whole and sent as `internal`.
"""

from __future__ import annotations

from typing import ClassVar


class DniError(Exception):
    """Root of the tree."""

    code: ClassVar[str] = "internal"


class BadInput(DniError):
    """What the user gave cannot be used."""


class BadImage(BadInput):
    code = "bad-image"


class BadMask(BadInput):
    code = "bad-mask"


class BadRecipe(BadInput):
    code = "bad-recipe"


class NoSubject(BadInput):
    code = "no-subject"


class PackError(DniError):
    """A model pack cannot be used."""


class PackNotFound(PackError):
    code = "pack-not-found"


class PackDamaged(PackError):
    code = "pack-damaged"


class EngineError(DniError):
    """The computation could not be finished."""


class OutOfMemory(EngineError):
    code = "out-of-memory"


class NotFinite(EngineError):
    code = "not-finite"


class DeviceUnavailable(EngineError):
    code = "device-unavailable"


class Cancelled(DniError):
    code = "cancelled"


class ServiceError(DniError):
    """The way to the daemon failed."""


class BadMessage(ServiceError):
    code = "bad-message"


class BadVersion(ServiceError):
    code = "bad-version"


class Busy(ServiceError):
    code = "busy"


class DaemonUnavailable(ServiceError):
    code = "daemon-unavailable"


class DaemonDied(ServiceError):
    code = "daemon-died"


class AlreadyRunning(ServiceError):
    code = "already-running"


class InternalError(DniError):
    code = "internal"


def from_code(code: str, message: str) -> DniError:
    """The error that a wire code stands for (`InternalError` for one we do not know)."""
    return _BY_CODE.get(code, InternalError)(message)


_BY_CODE: dict[str, type[DniError]] = {
    kind.code: kind
    for kind in (
        BadImage, BadMask, BadRecipe, NoSubject, PackNotFound, PackDamaged, OutOfMemory, NotFinite,
        DeviceUnavailable, Cancelled, BadMessage, BadVersion, Busy, DaemonUnavailable,
        DaemonDied, AlreadyRunning, InternalError,
    )
}  # fmt: skip
