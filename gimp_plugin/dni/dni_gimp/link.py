"""The only door to the daemon: `dnid bridge` as a child process.

Framing and messages are those of daemon/PROTOCOL.md, section "Bridge framing".
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from .words import _, told

PROTOCOL = 1
MAX_HEADER = 1 << 20  # bytes
MAX_FRAMES = 4
MAX_FRAME = 1 << 32  # bytes
GRACE = 3.0  # seconds that a bridge may take to cancel its jobs and end
NO_WINDOW = 0x08000000 if sys.platform == "win32" else 0  # no console flashes up on Windows

REINSTALL = _("Please run the installer of dnid again.")

NO_SUBJECT = "no-subject"
"""The code for a photo in which nothing stands out: the daemon and the way to it are well."""


class LinkError(Exception):
    """The daemon, or the way to it, failed; `str()` is one sentence for the user.

    `code` is one of PROTOCOL.md's error codes.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Frame:
    """A raw frame on its way out, told as its length and sent piece by piece."""

    length: int
    """Bytes; the pieces must add up to it."""
    pieces: Iterable[bytes]


@dataclass(frozen=True)
class Message:
    """A message from the bridge."""

    kind: str
    id: str
    body: Mapping[str, Any]
    """The whole header."""
    frames: Sequence[bytes] = ()


@dataclass(frozen=True)
class _End:
    """The last thing in a link's inbox: nothing more can come."""

    error: LinkError


def read_command(path: Path) -> list[str]:
    """Return the bridge's command line from the `daemon.json` that the installer wrote."""
    try:
        command = json.loads(path.read_text(encoding="utf-8"))["command"]
    except FileNotFoundError:
        text = _("The plug-in does not know where dnid is.")
        raise LinkError("daemon-unavailable", f"{text} {REINSTALL}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        text = _("{path} cannot be read ({because}).").format(path=path, because=error)
        raise LinkError("daemon-unavailable", f"{text} {REINSTALL}") from None
    if not command or not isinstance(command, list) or not all(isinstance(w, str) for w in command):
        text = _("{path} names no command.").format(path=path)
        raise LinkError("daemon-unavailable", f"{text} {REINSTALL}")
    return command


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` without what GIMP's bundles set for their own Python and libraries."""
    bundled = ("PYTHON", "DYLD_", "GI_TYPELIB_PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "__PYVENV")
    return {name: value for name, value in environ.items() if not name.startswith(bundled)}


class Link:
    """A running bridge; use it as a context manager.

    A thread reads what the bridge says into the inbox, so that neither side ever blocks the
    other. `wake` is called from that thread after each message, for a main loop that cannot wait.
    """

    def __init__(self, command: Sequence[str], wake: Callable[[], None] = lambda: None) -> None:
        self._wake = wake
        self._inbox: queue.SimpleQueue[Message | _End] = queue.SimpleQueue()
        self._ids = count(1)
        self.log: str | None = None
        """Where the daemon's log is, as soon as the bridge has told it."""
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  closed in close()
        try:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env=child_environment(os.environ),
                creationflags=NO_WINDOW,
            )
        except OSError as error:
            self._stderr.close()
            text = _("{program} cannot be started ({because}).")
            text = text.format(program=command[0], because=error.strerror)
            raise LinkError("daemon-unavailable", f"{text} {REINSTALL}") from None
        self._reader = threading.Thread(target=self._read_all, daemon=True)
        self._reader.start()

    def __enter__(self) -> Link:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the bridge, which cancels what it has not finished; the daemon stays."""
        _close_quietly(self._child.stdin)  # what also happens when GIMP kills the plug-in
        try:
            self._child.wait(timeout=GRACE)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._reader.join()
        _close_quietly(self._child.stdout)
        self._stderr.close()

    def new_id(self) -> str:
        """Return an id for a request, for who must know it before it is sent."""
        return str(next(self._ids))

    def send(
        self,
        kind: str,
        body: Mapping[str, Any],
        frames: Sequence[Frame] = (),
        request: str | None = None,
    ) -> str:
        """Send a request and return its id. After an error here only `close` is of use."""
        request = request or self.new_id()
        header = {"v": PROTOCOL, "kind": kind, "id": request, **body}
        header["frames"] = [frame.length for frame in frames]
        text = json.dumps(header).encode()
        pipe = self._child.stdin
        if pipe is None or len(text) > MAX_HEADER:
            raise LinkError("bad-message", "The request is too long.")
        if any(frame.length > MAX_FRAME for frame in frames):
            raise LinkError(
                "bad-image", _("The picture is too large for dnid: please restore it in parts.")
            )
        try:
            pipe.write(len(text).to_bytes(4, "little") + text)
            for frame in frames:
                _write_frame(pipe, frame)
            pipe.flush()
        except OSError:
            self._child.kill()
            raise self._wait_for_end(request) from None
        except BaseException:
            self._child.kill()  # the rest of a half-sent message would be read as the next one
            raise
        return request

    def receive(self, timeout: float | None = None) -> Message | None:
        """Return the next message, or None after `timeout` seconds without one."""
        try:
            message = self._inbox.get(timeout=timeout)
        except queue.Empty:
            return None
        if isinstance(message, _End):
            self._inbox.put(message)
            raise message.error
        return message

    def cancel(self, job: str) -> None:
        """Ask for the end of the `restore` with this id; its answer is an `error` `cancelled`."""
        self.send("cancel", {"job": job})

    def _wait_for_end(self, request: str) -> LinkError:
        """Return the error that says best why this request could not be written."""
        while True:
            message = self._inbox.get()
            if isinstance(message, _End):
                self._inbox.put(message)
                return message.error
            if message.kind == "error" and message.id == request:
                return error_of(message)

    def _read_all(self) -> None:
        pipe = self._child.stdout
        error = None  # the bridge's own, of no request: what it died of, unless it recovers
        try:
            while pipe is not None and (message := read_message(pipe)) is not None:
                if message.id == "":
                    self.log = message.body.get("log") or self.log
                    error = error_of(message) if message.kind == "error" else None
                self._inbox.put(message)
                self._wake()
        except LinkError as unreadable:
            error = unreadable
        self._inbox.put(_End(error or self._silence()))
        self._wake()

    def _silence(self) -> LinkError:
        """Return the error for a bridge that closed its end: its last words, if it had any."""
        self._child.wait()
        self._stderr.seek(0)
        words = self._stderr.read()[-2000:].decode(errors="replace").strip().splitlines()
        because = f" ({words[-1].strip()[:200]})" if words else ""
        text = _("The connection to the DNI daemon ended unexpectedly{because}. Please try again.")
        return LinkError("daemon-died", text.format(because=because))


def error_of(message: Message) -> LinkError:
    """Return what an `error` message says."""
    code = str(message.body.get("code", "internal"))
    text = message.body.get("message")
    return LinkError(code, told(str(text)) if text else _("The daemon failed without saying why."))


def read_message(pipe: IO[bytes]) -> Message | None:
    """Read one message; None at the end of the stream."""
    size = pipe.read(4)
    if not size:
        return None
    length = int.from_bytes(size, "little")
    if len(size) < 4 or length > MAX_HEADER:
        raise _unreadable("its header has an impossible length")
    try:
        header = json.loads(_read_exactly(pipe, length))
        version, kind, request = header["v"], header["kind"], header["id"]
        lengths = header.get("frames", [])
    except (ValueError, KeyError, TypeError):
        raise _unreadable("its header is not one") from None
    if version != PROTOCOL:
        raise LinkError(
            "bad-version",
            _(
                "The plug-in speaks version {ours} of dnid's protocol "
                "and the daemon version {theirs}."
            ).format(ours=PROTOCOL, theirs=version)
            + f" {REINSTALL}",
        )
    if not _are_lengths(lengths):
        raise _unreadable("its frames have impossible lengths")
    return Message(str(kind), str(request), header, [_read_exactly(pipe, n) for n in lengths])


def _are_lengths(lengths: object) -> bool:
    return (
        isinstance(lengths, list)
        and len(lengths) <= MAX_FRAMES
        and all(type(n) is int and 0 <= n <= MAX_FRAME for n in lengths)
    )


def _read_exactly(pipe: IO[bytes], length: int) -> bytes:
    data = pipe.read(length)
    if len(data) < length:
        raise _unreadable("it ended in the middle of a message")
    return data


def _write_frame(pipe: IO[bytes], frame: Frame) -> None:
    left = frame.length
    for piece in frame.pieces:
        left -= len(piece)
        pipe.write(piece)
    if left:
        raise ValueError(f"the pieces of a frame differ from its length by {left} bytes")


def _unreadable(why: str) -> LinkError:
    text = _("The daemon's answer cannot be read ({why}).").format(why=why)
    return LinkError("bad-message", f"{text} {REINSTALL}")


def _close_quietly(pipe: IO[bytes] | None) -> None:
    """Close a pipe whose other end may be gone, with bytes still unwritten."""
    if pipe is not None:
        try:
            pipe.close()
        except OSError:
            pipe.close()
