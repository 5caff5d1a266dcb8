"""Where the daemon is: the runtime folder, the connection file, one instance a user.

$XDG_RUNTIME_DIR/dnid/        0700; DNID_RUNTIME_DIR names another
    lock                      held by the living daemon, and by nothing else
    connection.json           0600; written when the daemon can be reached
    socket                    where ipc is possible
"""

from __future__ import annotations

import json
import logging
import os
import re
import stat
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import platformdirs
import zmq

from dnid import __version__
from dnid.errors import AlreadyRunning, DaemonUnavailable
from dnid.lock import try_lock
from dnid.service.log import log_file
from dnid.service.messages import PROTOCOL

MAX_IPC_PATH = 100
"""Bytes; the systems' own limits are 104 (macOS) and 108 (Linux)."""
MAX_FILE_BYTES = 64 * 1024
CLAIM_SECONDS = 20.0
"""How long a new daemon waits for one that is about to end."""

log = logging.getLogger(__name__)

_TCP = re.compile(r"tcp://127\.0\.0\.1:[0-9]{1,5}", re.ASCII)


@dataclass(frozen=True)
class Connection:
    """What the connection file says."""

    protocol: int
    endpoint: str
    server_key: str | None
    """Z85 CURVE key where the endpoint is TCP."""
    pid: int
    version: str
    log: str


def _default_folder() -> Path:
    if sys.platform == "linux" and not os.environ.get("XDG_RUNTIME_DIR"):
        system = f"/run/user/{os.getuid()}"
        if not os.access(system, os.W_OK):  # none for this user, and /tmp is everybody's
            return platformdirs.user_state_path("dnid", appauthor=False) / "run"
    return platformdirs.user_runtime_path("dnid", appauthor=False)


def runtime_folder() -> Path:
    """The user's own, made where there is none. Raises DaemonUnavailable when others reach it."""
    override = os.environ.get("DNID_RUNTIME_DIR")
    folder = Path(override).absolute() if override else _default_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if sys.platform != "win32":
            _make_private(folder)
    except OSError as error:
        raise DaemonUnavailable(
            f"The folder {folder} cannot be used ({error.strerror});"
            " name a folder of your own in DNID_RUNTIME_DIR."
        ) from error
    return folder


def bind(socket: zmq.Socket[bytes], folder: Path) -> Connection:
    """Bind first, to ipc in the folder or else to TCP, and then say what it got."""
    server_key = None if _bind_ipc(socket, folder) else _bind_tcp(socket)
    endpoint = socket.getsockopt_string(zmq.LAST_ENDPOINT)
    log.info("dnid %s, process %d, serves at %s", __version__, os.getpid(), endpoint)
    return Connection(PROTOCOL, endpoint, server_key, os.getpid(), __version__, str(log_file()))


def find() -> Connection | None:
    """The living daemon, or None. Raises DaemonUnavailable when its file cannot be trusted."""
    folder = runtime_folder()
    path = folder / "connection.json"
    try:
        if _lock_is_free(folder):  # what lies there is a dead daemon's
            return None
        return _parse(_read_private(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DaemonUnavailable(
            f"{path} cannot be used ({error}): end the daemon, process {_holder(folder)}."
        ) from error


def _holder(folder: Path) -> str:
    return (folder / "lock").read_text("utf-8").strip() or "unknown"


def is_running() -> bool:
    """Whether a daemon lives, be it starting, serving or ending."""
    return not _lock_is_free(runtime_folder())


class Instance:
    """The right to be the user's one daemon, from `claim` to `release`."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self._lock = lock

    @classmethod
    def claim(cls, folder: Path) -> Instance:
        """Sweeps what a dead daemon left. Raises AlreadyRunning."""
        lock = _open_lock(folder)
        begin = time.monotonic()
        while not try_lock(lock):
            waited = time.monotonic() - begin
            # One that looks holds the lock for a moment; one that ends has withdrawn its file.
            serves = (folder / "connection.json").exists() and waited > 0.2
            if serves or waited > CLAIM_SECONDS:
                os.close(lock)
                raise AlreadyRunning("A daemon runs already; `dnid stop` ends it.")
            time.sleep(0.02)
        os.truncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())  # for who cannot read the connection file
        instance = cls(folder, lock)
        instance.withdraw()
        return instance

    def publish(self, connection: Connection) -> None:
        """Write the connection file: beside, then renamed, so that nobody reads half of it."""
        beside = self.folder / "connection.json.new"
        beside.unlink(missing_ok=True)
        beside.touch(mode=0o600)
        beside.write_text(json.dumps(asdict(connection)) + "\n", encoding="utf-8")
        beside.replace(self.folder / "connection.json")

    def withdraw(self) -> None:
        """Nobody finds the daemon any more."""
        (self.folder / "connection.json").unlink(missing_ok=True)

    def release(self) -> None:
        (self.folder / "socket").unlink(missing_ok=True)
        os.close(self._lock)


def _bind_ipc(socket: zmq.Socket[bytes], folder: Path) -> bool:
    path = folder / "socket"
    too_long = len(os.fsencode(path)) > MAX_IPC_PATH
    if sys.platform == "win32" or too_long or os.environ.get("DNID_TRANSPORT") == "tcp":
        return False
    try:
        socket.bind(f"ipc://{path}")
    except zmq.ZMQError as error:  # some file systems have no sockets
        log.warning("No socket at %s: %s", path, error)
        return False
    return True


def _bind_tcp(socket: zmq.Socket[bytes]) -> str:
    """The key without which nobody else on this machine gets an answer."""
    public, secret = zmq.curve_keypair()
    socket.setsockopt(zmq.CURVE_SECRETKEY, secret)
    socket.setsockopt(zmq.CURVE_SERVER, 1)
    socket.bind("tcp://127.0.0.1:*")
    return public.decode()


def _parse(text: str) -> Connection:
    table = json.loads(text)
    if not isinstance(table, dict):
        raise ValueError("it is not a JSON object")
    values: dict[str, Any] = {}
    for name, kinds in _FIELDS.items():
        if type(table.get(name)) not in kinds:
            raise ValueError(f"`{name}` does not fit")
        values[name] = table[name]
    connection = Connection(**values)
    if not (connection.endpoint.startswith("ipc:///") or _is_secured_tcp(connection)):
        raise ValueError(f"no daemon has the address {connection.endpoint[:80]!r}")
    return connection


_FIELDS: dict[str, tuple[type, ...]] = {
    "protocol": (int,),
    "endpoint": (str,),
    "server_key": (str, type(None)),
    "pid": (int,),
    "version": (str,),
    "log": (str,),
}


def _is_secured_tcp(connection: Connection) -> bool:
    key = connection.server_key
    return _TCP.fullmatch(connection.endpoint) is not None and key is not None and len(key) == 40


def _make_private(folder: Path) -> None:
    """Mend the mode of the user's own folder; raise PermissionError for anything else."""
    state = folder.lstat()
    if not stat.S_ISDIR(state.st_mode):
        raise PermissionError(0, "it is a link or a file, not a folder")
    if state.st_uid != os.getuid():
        raise PermissionError(0, "it belongs to another user")
    parent = folder.parent.stat()
    open_to_all = parent.st_mode & 0o022 and not parent.st_mode & stat.S_ISVTX
    if parent.st_uid not in (0, os.getuid()) or open_to_all:
        raise PermissionError(0, "others can replace it")
    if stat.S_IMODE(state.st_mode) != 0o700:
        folder.chmod(0o700)


def _read_private(path: Path) -> str:
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    with open(descriptor, encoding="utf-8") as file:  # noqa: PTH123 (a descriptor)
        state = os.fstat(descriptor)
        if sys.platform != "win32" and (state.st_uid != os.getuid() or state.st_mode & 0o077):
            raise PermissionError("others can read or write it")
        if not stat.S_ISREG(state.st_mode) or state.st_size > MAX_FILE_BYTES:
            raise ValueError("it is no connection file")
        return file.read()


def _open_lock(folder: Path) -> int:
    return os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)


def _lock_is_free(folder: Path) -> bool:
    lock = _open_lock(folder)
    try:
        return try_lock(lock, shared=True)
    finally:
        os.close(lock)
