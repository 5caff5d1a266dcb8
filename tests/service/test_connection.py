"""The runtime folder, the connection file and the lock."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from dnid.errors import AlreadyRunning, DaemonDied, DaemonUnavailable
from dnid.service import connection
from dnid.service.channel import Channel, ask
from dnid.service.connection import Connection, Instance

SOME = Connection(1, "ipc:///run/user/1/dnid/socket", None, 4711, "0.1.0", "/log/dnid.log")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_is_the_users_own(runtime: Path) -> None:
    """It is made with mode 0700, and a mode that was opened is mended."""
    assert mode(connection.runtime_folder()) == 0o700
    runtime.chmod(0o755)
    assert mode(connection.runtime_folder()) == 0o700


def test_a_link_is_no_runtime_folder(runtime: Path, tmp_path: Path) -> None:
    """A link, which someone else may have laid, is refused."""
    runtime.symlink_to(tmp_path)
    with pytest.raises(DaemonUnavailable, match="link"):
        connection.runtime_folder()


def test_a_file_is_no_runtime_folder(runtime: Path) -> None:
    """A file in the folder's place is refused with the remedy."""
    runtime.touch()
    with pytest.raises(DaemonUnavailable, match="DNID_RUNTIME_DIR"):
        connection.runtime_folder()


def test_a_folder_that_others_can_replace(runtime: Path) -> None:
    """A folder in a place where everyone may rename it is refused."""
    runtime.parent.chmod(0o777)
    with pytest.raises(DaemonUnavailable, match="replace"):
        connection.runtime_folder()
    runtime.parent.chmod(0o1777)
    connection.runtime_folder()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_folder_of_another_user(runtime: Path) -> None:
    """Another user's folder is refused."""
    runtime.mkdir()
    os.chown(runtime, 12345, 12345)
    with pytest.raises(DaemonUnavailable, match="another user"):
        connection.runtime_folder()


def test_connection_file_bytes(runtime: Path) -> None:
    """The file is what PROTOCOL.md shows, for its user alone."""
    instance = Instance.claim(connection.runtime_folder())
    instance.publish(SOME)
    path = runtime / "connection.json"
    assert path.read_text() == (
        '{"protocol": 1, "endpoint": "ipc:///run/user/1/dnid/socket", "server_key": null,'
        ' "pid": 4711, "version": "0.1.0", "log": "/log/dnid.log"}\n'
    )
    assert mode(path) == 0o600
    assert connection.find() == SOME
    instance.release()


def test_a_dead_daemons_file_means_nothing(runtime: Path) -> None:
    """Without its lock a connection file is not believed, and the next daemon sweeps it."""
    instance = Instance.claim(connection.runtime_folder())
    instance.publish(SOME)
    instance.release()
    assert connection.find() is None
    assert not connection.is_running()
    Instance.claim(runtime).release()
    assert not (runtime / "connection.json").exists()


def test_without_a_runtime_folder_of_the_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The folder is the same at every look, below the user's home and not in everybody's /tmp."""
    for name in ("DNID_RUNTIME_DIR", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(os, "access", lambda *_: False)
    looks = [connection.runtime_folder() for _ in range(3)]
    assert looks == [tmp_path / "state" / "dnid" / "run"] * 3


def test_one_instance(runtime: Path) -> None:
    """While one daemon serves, no other can be claimed."""
    instance = Instance.claim(connection.runtime_folder())
    instance.publish(SOME)
    with pytest.raises(AlreadyRunning):
        Instance.claim(runtime)
    instance.release()


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": "tcp://10.0.0.1:99", "server_key": "k" * 40},
        {"endpoint": "tcp://127.0.0.1:99", "server_key": None},
        {"endpoint": "ipc://elsewhere"},
        {"pid": "4711"},
        {"protocol": None},
    ],
)
def test_files_that_are_not_trusted(change: dict[str, object]) -> None:
    """A file that sends pictures elsewhere, or does not fit, is refused with the remedy."""
    instance = Instance.claim(connection.runtime_folder())
    instance.publish(SOME)
    table = dataclasses.asdict(SOME) | change
    (instance.folder / "connection.json").write_text(json.dumps(table))
    with pytest.raises(DaemonUnavailable, match=f"end the daemon, process {os.getpid()}"):
        connection.find()
    instance.release()


def test_a_file_that_others_can_read() -> None:
    """A connection file open to others is not used: it may hold a key."""
    instance = Instance.claim(connection.runtime_folder())
    instance.publish(SOME)
    (instance.folder / "connection.json").chmod(0o644)
    with pytest.raises(DaemonUnavailable, match="others"):
        connection.find()
    instance.release()


@pytest.mark.timeout(60)
def test_a_daemon_that_dies_while_greeting(tmp_path: Path) -> None:
    """A connection that breaks before hello is answered is told, and closing it does not hang."""
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        dying = threading.Thread(target=lambda: listener.accept()[0].close())
        dying.start()
        channel = Channel(dataclasses.replace(SOME, endpoint=f"ipc://{path}"))
        with pytest.raises(DaemonDied):
            ask(channel, "hello", client="test")
        channel.close()
        dying.join()
