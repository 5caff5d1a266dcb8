"""How a daemon begins and ends, and where it is found."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import zmq
from tests.service.processes import (
    PATIENCE,
    RawClient,
    daemon_command,
    eventually,
    picture,
    reapers,
    recipe,
    restore_header,
)
from zmq.utils.monitor import recv_monitor_message

from dnid.engine.result import Progress
from dnid.errors import (
    BadVersion,
    Cancelled,
    DaemonDied,
    DaemonUnavailable,
)
from dnid.service import connection
from dnid.service.client import Client, daemon_status, stop_daemon

Daemon = Callable[..., "subprocess.Popen[str]"]
Connect = Callable[..., Client]
Raw = Callable[[], RawClient]

SMALL = picture(4, 5, 3, "uint8")


def test_another_release(daemon: Daemon, client: Connect) -> None:
    """A daemon of another version is told apart, with the remedy, and the remedy works."""
    process = daemon("other-release")
    with pytest.raises(BadVersion, match="dnid stop"):
        client()
    assert stop_daemon()
    assert process.wait(PATIENCE) == 0


def test_a_killed_daemon(daemon: Daemon, client: Connect) -> None:
    """A daemon that is killed is noticed at once, and the next client starts another."""
    process = daemon()

    def kill(progress: Progress) -> None:
        if progress.state == "running":
            process.kill()

    with pytest.raises(DaemonDied, match="run it again"):
        client().restore(SMALL, recipe("endless"), progress=kill)
    process.wait(PATIENCE)
    again = client(start=True)
    assert again.status()["pid"] != process.pid
    assert again.restore(SMALL, recipe()).pixels.shape == SMALL.shape


def test_an_engine_that_ends_the_process(daemon: Daemon, client: Connect) -> None:
    """A crash inside the engine is told as what it is."""
    daemon()
    with pytest.raises(DaemonDied):
        client().restore(SMALL, recipe("deadly"))
    with pytest.raises(DaemonUnavailable, match="No daemon runs"):
        client()


def test_a_second_daemon(daemon: Daemon) -> None:
    """A second daemon ends with one sentence, and the first one goes on."""
    first = daemon()
    second = daemon(wait=False)
    assert second.wait(PATIENCE) == 1
    assert second.stderr
    assert second.stderr.read() == "A daemon runs already; `dnid stop` ends it.\n"
    assert (daemon_status() or {})["pid"] == first.pid


def test_clients_that_start_it_together(tmp_path: Path) -> None:
    """Whoever comes at the same time gets the same daemon."""
    command = daemon_command("--on-demand")

    def pid(_: int) -> int:
        with Client.connect(command=command) as one:
            return int(one.status()["pid"])

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(pid, range(4)))) == 1
    # Those that came too late must have ended, or one would take over after the test.
    eventually(lambda: reapers() == 1)
    log = (tmp_path / "log" / "dnid.log").read_text()
    assert log.count("serves at") == 1


def test_a_daemon_that_cannot_start(client: Connect) -> None:
    """Why it cannot is told in the error."""
    with pytest.raises(DaemonUnavailable, match="the disk is full"):
        Client.connect(command=[sys.executable, "-c", "raise SystemExit('the disk is full')"])
    with pytest.raises(DaemonUnavailable, match="/nowhere/python cannot be started"):
        Client.connect(command=["/nowhere/python"])
    with pytest.raises(DaemonUnavailable, match="dnid serve"):
        client()


def test_idle_stop(client: Connect, runtime: Path) -> None:
    """A daemon on demand ends when nobody asks, and never while it works."""
    command = daemon_command("--on-demand", "idle=0.3")
    with Client.connect(command=command) as one:
        assert one.restore(SMALL, recipe("slow")).pixels.shape == SMALL.shape
    eventually(lambda: not connection.is_running())
    assert sorted(path.name for path in runtime.iterdir()) == ["lock"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals(daemon: Daemon, client: Connect, runtime: Path, number: int) -> None:
    """A signal ends it cleanly: the client is told, nothing is left behind."""
    process = daemon()

    def signal_once(progress: Progress) -> None:
        if progress.state == "running":
            os.kill(process.pid, number)

    with pytest.raises(Cancelled):
        client().restore(SMALL, recipe("endless"), progress=signal_once)
    assert process.wait(PATIENCE) == 0
    assert sorted(path.name for path in runtime.iterdir()) == ["lock"]


def test_stop_cancels(daemon: Daemon, raw: Raw) -> None:
    """`stop_daemon` ends a daemon at work; every job is answered; a second stop finds none."""
    process = daemon()
    one = raw()
    for name in ("1", "2"):
        one.send(restore_header(name, "endless"), b"123456")
    while one.receive().get("state") != "running":
        pass
    assert stop_daemon()
    assert process.wait(PATIENCE) == 0
    codes = {}
    while len(codes) < 2:
        if (answer := one.receive())["kind"] == "error":
            codes[answer["id"]] = answer["code"]
    assert codes == {"1": "cancelled", "2": "cancelled"}
    assert not stop_daemon()


def test_tcp(daemon: Daemon, client: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ipc cannot be, TCP with a key serves as well."""
    monkeypatch.setenv("DNID_TRANSPORT", "tcp")
    daemon()
    found = connection.find()
    assert found is not None
    assert found.endpoint.startswith("tcp://127.0.0.1:")
    image = picture(300, 200, 3, "uint16")
    assert np.array_equal(client().restore(image, recipe()).pixels, 65535 - image)


def test_tcp_without_the_key(daemon: Daemon, raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not have the key from the connection file is turned away without an answer."""
    monkeypatch.setenv("DNID_TRANSPORT", "tcp")
    daemon()
    stranger = raw()
    turned_away = zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_DISCONNECTED
    monitor = stranger.socket.get_monitor_socket(turned_away)
    stranger.send({"v": 1, "kind": "hello", "id": "", "client": "stranger"})
    assert monitor.poll(PATIENCE * 1000)
    recv_monitor_message(monitor)
    assert not stranger.socket.poll(0)
    stranger.socket.disable_monitor()
    monitor.close()


def test_a_path_too_long_for_ipc(
    daemon: Daemon, client: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deep runtime folder is served over TCP."""
    monkeypatch.setenv("DNID_RUNTIME_DIR", str(tmp_path / ("deep" * 25)))
    process = daemon()
    assert client().status()["pid"] == process.pid
    stop_daemon()


def test_the_client_needs_no_torch() -> None:
    """Neither the client nor the server loads torch; the bridge does without numpy, too."""
    script = "import sys, {}; print({{'torch', 'numpy', 'dnid.engine.engine'}} & set(sys.modules))"
    for module, loaded in (("client", "{'numpy'}"), ("server", "{'numpy'}"), ("bridge", "set()")):
        command = [sys.executable, "-c", script.format(f"dnid.service.{module}")]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        assert result.stdout.strip() == loaded
