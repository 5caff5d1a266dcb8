"""A way to the user's daemon, started where there is none. Needs neither torch nor numpy."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from typing import IO, Any

import zmq

from dnid.errors import (
    BadMessage,
    BadVersion,
    Cancelled,
    DaemonDied,
    DaemonUnavailable,
    from_code,
)
from dnid.service import connection, wire
from dnid.service.connection import Connection
from dnid.service.log import log_file
from dnid.service.messages import PROTOCOL, Header, answer

# -P: a file of the user's current folder must not pass for a module.
DAEMON_COMMAND = (sys.executable, "-P", "-m", "dnid.cli", "serve", "--on-demand")
START_SECONDS = 60.0
ANSWER_SECONDS = 60.0
"""For what the daemon answers without working; loading torch can hold it up."""

if sys.platform == "win32":  # not run here
    _DETACHED = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
else:
    _DETACHED = 0

HOUR_MS = 3_600_000

Message = tuple[Header, list[zmq.Frame]]

_GONE = (
    zmq.EVENT_DISCONNECTED
    | zmq.EVENT_CLOSED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)


class Channel:
    """A DEALER to one daemon that also notices, at once, when the daemon is gone.

    For one thread. It never turns to another daemon: a dead one takes its channel along.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        # Never, that is; with -1 closing hangs when the daemon died while they shook hands.
        self._socket.setsockopt(zmq.RECONNECT_IVL, HOUR_MS)
        if connection.server_key is not None:
            public, secret = zmq.curve_keypair()
            self._socket.setsockopt(zmq.CURVE_PUBLICKEY, public)
            self._socket.setsockopt(zmq.CURVE_SECRETKEY, secret)
            self._socket.setsockopt(zmq.CURVE_SERVERKEY, connection.server_key.encode())
        self._monitor = self._socket.get_monitor_socket(_GONE)
        self._poller = zmq.Poller()
        self.register(self._poller)
        self._socket.connect(connection.endpoint)

    def register(self, poller: zmq.Poller) -> None:
        """Have `poller` wake when `receive(0)` has something to say."""
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._monitor, zmq.POLLIN)

    def send(self, header: Header, frames: Sequence[wire.Frame] = ()) -> None:
        """Frames are sent from where they lie: leave them unchanged. Raises DaemonDied."""
        try:
            parts = [wire.pack_header(header), *frames]
            self._socket.send_multipart(parts, zmq.NOBLOCK, copy=False)
        except zmq.Again as error:
            raise self._died() from error

    def receive(self, timeout: float) -> Message | None:
        """The next message, None after `timeout` seconds without. Raises DaemonDied."""
        ready = dict(self._poller.poll(max(0, round(timeout * 1000))))
        try:
            header, *frames = self._socket.recv_multipart(zmq.NOBLOCK, copy=False)
        except zmq.Again:
            # What the daemon sent before it ended has been read by now.
            if self._monitor in ready:
                raise self._died() from None
            return None
        return wire.unpack_header(header.buffer), frames

    def close(self, linger: float = 0.0) -> None:
        """Give what was sent `linger` seconds to leave."""
        self._socket.disable_monitor()
        self._monitor.close()
        self._context.destroy(round(linger * 1000))

    def _died(self) -> DaemonDied:
        return DaemonDied(f"The daemon ended (its log: {self.connection.log}); run it again.")


def open_channel(
    *,
    start: bool = True,
    command: Sequence[str] = DAEMON_COMMAND,
    starting: Callable[[], None] = lambda: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Channel:
    """A channel to the living daemon, which has said hello; started when there is none.

    Raises DaemonUnavailable, BadVersion and Cancelled.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if found := connection.find():
            with contextlib.suppress(DaemonDied):
                return _greet(found)
            time.sleep(0.02)  # it is ending and holds its lock a little longer
        elif start:
            starting()
            _start(command, cancelled)
        else:
            raise DaemonUnavailable("No daemon runs; `dnid serve` starts one.")
    raise DaemonUnavailable(f"The daemon does not stay; its log is {log_file()}.")


def ask(channel: Channel, kind: str, **fields: Any) -> Header:  # noqa: ANN401
    """One request that is answered without working. Raises the error that is answered."""
    channel.send(answer(kind, kind, **fields))
    deadline = time.monotonic() + ANSWER_SECONDS
    while message := channel.receive(deadline - time.monotonic()):
        header, _ = message
        if header.get("id") == kind:
            return checked(header, kind)
    raise DaemonUnavailable(
        f"The daemon does not answer; end process {channel.connection.pid} and run it again."
    )


def checked(header: Header, *kinds: str) -> Header:
    """The header, when it is one of these kinds. Raises the error that it tells, or BadMessage."""
    match header:
        case {"kind": "error", "code": str(code), "message": str(text)}:
            raise from_code(code, text)
        case {"kind": str(kind)} if kind in kinds:
            return header
    raise BadMessage("The daemon answers what was not asked; update it and run it again.")


def _greet(found: Connection) -> Channel:
    channel = Channel(found)
    try:
        hello = ask(channel, "hello", client=f"dnid/{os.getpid()}")
        if hello.get("v") != PROTOCOL:
            raise BadVersion(
                f"The running daemon is of another release ({found.version});"
                " stop it with `dnid stop` and run it again."
            )
    except BaseException:
        channel.close()
        raise
    return channel


def _start(command: Sequence[str], cancelled: Callable[[], bool]) -> None:
    """Start a daemon apart from this process, and wait until it, or a faster one, is there."""
    with tempfile.TemporaryFile() as stderr:
        try:
            process = _spawn(command, stderr)
        except OSError as error:
            raise DaemonUnavailable(f"{command[0]} cannot be started: {error.strerror}.") from error
        deadline = time.monotonic() + START_SECONDS
        while connection.find() is None:
            if cancelled():
                raise Cancelled("Cancelled while the daemon was starting.")
            if process.returncode is not None and not connection.is_running():
                raise DaemonUnavailable(f"The daemon cannot be started: {_last_line(stderr)}")
            if time.monotonic() > deadline:
                raise DaemonUnavailable(
                    f"The daemon takes too long to start; its log is {log_file()}."
                )
            time.sleep(0.02)


def _spawn(command: Sequence[str], stderr: IO[bytes]) -> subprocess.Popen[bytes]:
    folder = connection.runtime_folder()
    places = {"DNID_RUNTIME_DIR": str(folder), "DNID_LOG_DIR": str(log_file().parent)}
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        cwd=folder,  # the current folder may be on a card that is to be taken out
        env=os.environ | places,
        start_new_session=True,  # the terminal's Ctrl-C is not meant for it
        creationflags=_DETACHED,
    )
    # Sets its returncode and reaps it, should it end before this process does.
    threading.Thread(target=process.wait, name="reaper", daemon=True).start()
    return process


def _last_line(file: IO[bytes]) -> str:
    file.seek(0)
    lines = file.read().decode(errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "it does not say why.")
