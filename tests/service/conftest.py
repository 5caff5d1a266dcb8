"""Real processes: a daemon and a bridge around an engine of a few lines (fake_daemon.py)."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.service.processes import BridgeProcess, RawClient, daemon_command, eventually, reapers

from dnid.errors import DaemonUnavailable
from dnid.service import connection
from dnid.service.client import Client


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime folder and a log of the test's own; no daemon outlives the test."""
    monkeypatch.setenv("DNID_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("DNID_LOG_DIR", str(tmp_path / "log"))
    monkeypatch.delenv("DNID_TRANSPORT", raising=False)
    yield tmp_path / "run"
    with contextlib.suppress(DaemonUnavailable):  # a test about folders that cannot be used
        eventually(_no_daemon_lives)


def _no_daemon_lives() -> bool:
    if found := connection.find():
        os.kill(found.pid, signal.SIGKILL)
    # One that was started may not be found yet.
    return not connection.is_running() and not reapers()


@pytest.fixture
def daemon() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a daemon and waits until it can be found."""
    processes = []

    def start(*words: str, wait: bool = True) -> subprocess.Popen[str]:
        process = subprocess.Popen(daemon_command(*words), stderr=subprocess.PIPE, text=True)
        processes.append(process)
        if wait:
            eventually(connection.find)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture
def client() -> Iterator[Callable[..., Client]]:
    """Connects; `start=True` starts the fake daemon where none runs."""
    with contextlib.ExitStack() as stack:
        yield lambda start=False: stack.enter_context(
            Client.connect(start=start, command=daemon_command("--on-demand"))
        )


@pytest.fixture
def raw() -> Iterator[Callable[[], RawClient]]:
    clients = []

    def connect() -> RawClient:
        clients.append(RawClient())
        return clients[-1]

    yield connect
    for each in clients:
        each.context.destroy(linger=0)


@pytest.fixture
def bridge() -> Iterator[Callable[..., BridgeProcess]]:
    bridges = []

    def start(*words: str) -> BridgeProcess:
        bridges.append(BridgeProcess(*words))
        return bridges[-1]

    yield start
    for each in bridges:
        each.kill()
