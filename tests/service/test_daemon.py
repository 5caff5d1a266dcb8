"""A daemon process and its clients."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
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
    recipe,
    restore_header,
)
from zmq.utils.monitor import recv_monitor_message

from dnid.engine.result import PackUsed, Progress
from dnid.errors import (
    BadImage,
    BadVersion,
    Cancelled,
    DaemonDied,
    DaemonUnavailable,
    InternalError,
    NotFinite,
    PackDamaged,
)
from dnid.recipe import Execution, Recipe, Stage
from dnid.service import connection
from dnid.service.client import Client, daemon_status, stop_daemon

Daemon = Callable[..., "subprocess.Popen[str]"]
Connect = Callable[..., Client]
Raw = Callable[[], RawClient]

LONG_RECIPE = {"stages": [{"effect": "x" * (2**20 - 300), "strength": 1}]}
SMALL = picture(4, 5, 3, "uint8")


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 4])
def test_pixels_arrive_and_return(
    daemon: Daemon, client: Connect, dtype: str, channels: int
) -> None:
    """A picture goes to the engine and back with every bit, and with what was used on it."""
    daemon()
    image = picture(301, 203, channels, dtype)
    told: list[Progress] = []
    result = client().restore(image, recipe(), how=Execution("cpu"), progress=told.append)
    full = 1 if dtype == "float32" else np.iinfo(dtype).max
    assert result.pixels.tobytes() == (image.dtype.type(full) - image).tobytes()
    assert (result.pixels.shape, result.pixels.dtype) == (image.shape, image.dtype)
    assert (result.device, result.format, result.seconds) == ("cpu", "float32", 0.5)
    assert result.packs == (PackUsed("fake", "00"),)
    assert told[0].state in ("queued", "loading")
    assert told[-1] == Progress("running", done=2, total=2)


def test_a_mask_arrives(daemon: Daemon, client: Connect) -> None:
    """The mask reaches the engine as H×W, pixel for pixel."""
    daemon()
    mask = picture(4, 5, 1, "float32")[..., 0].round()
    result = client().restore(SMALL, recipe(), mask)
    assert np.array_equal(result.pixels, np.where(mask[..., None] > 0, 255 - SMALL, SMALL))


def test_an_enlarged_picture_returns(daemon: Daemon, client: Connect) -> None:
    """A result has its own size."""
    daemon()
    larger = Recipe((Stage("sr", 0.5, scale=4),))
    result = client().restore(SMALL, larger)
    assert np.array_equal(result.pixels, (255 - SMALL).repeat(4, 0).repeat(4, 1))
    assert (result.approximate, result.spatial) == (True, None)


def test_status_and_packs(daemon: Daemon, client: Connect, tmp_path: Path) -> None:
    """A daemon tells who it is, what it does and what it has; asking starts none."""
    assert daemon_status() is None
    process = daemon()
    assert client().packs() == [{"id": "fake", "effect": "denoise"}]
    status = daemon_status()
    assert status is not None
    assert (status["pid"], status["running"], status["queued"]) == (process.pid, 0, 0)
    assert (status["threads"], status["devices"], status["networks"]) == (1, ["cpu"], [])
    assert status["log"] == str(tmp_path / "log" / "dnid.log")
    assert "serves at ipc://" in Path(status["log"]).read_text()


def test_the_engines_errors_arrive(daemon: Daemon, client: Connect) -> None:
    """A known error keeps its kind and words; a bug is told as internal and logged whole."""
    daemon()
    one = client()
    with pytest.raises(NotFinite, match="The picture burst"):
        one.restore(SMALL, recipe("explosive"))
    with pytest.raises(InternalError, match="log"):
        one.restore(SMALL, recipe("buggy"))
    assert 'ZeroDivisionError("a bug")' in Path(one.status()["log"]).read_text()
    assert one.restore(SMALL, recipe()).pixels.shape == SMALL.shape


def test_an_engine_that_cannot_be_made(daemon: Daemon, client: Connect) -> None:
    """Who needs the engine is told why there is none; the daemon goes on."""
    daemon("broken")
    one = client()
    for _ in range(2):
        with pytest.raises(PackDamaged, match="shelf"):
            one.restore(SMALL, recipe())
        with pytest.raises(PackDamaged, match="shelf"):
            one.packs()
    assert one.status()["devices"] == []


def test_a_running_job_can_be_cancelled(daemon: Daemon, client: Connect) -> None:
    """Cancelling ends the running job, and the daemon takes the next."""
    daemon()
    one, told = client(), list[Progress]()
    with pytest.raises(Cancelled):
        one.restore(
            SMALL,
            recipe("endless"),
            progress=told.append,
            cancelled=lambda: any(progress.state == "running" for progress in told),
        )
    assert one.restore(SMALL, recipe()).pixels.shape == SMALL.shape


def test_a_waiting_job_can_be_cancelled(daemon: Daemon, raw: Raw) -> None:
    """Cancelling takes a job out of the queue; the job before it runs on."""
    daemon()
    one = raw()
    one.send(restore_header("first", "endless"), b"123456")
    one.send(restore_header("second"), b"123456")
    one.send({"v": 1, "kind": "cancel", "id": "c", "job": "second"})
    answers = [one.receive() for _ in range(2)]
    while not {"error", "cancel"} <= {answer["kind"] for answer in answers}:
        answers.append(one.receive())
    (error,) = (answer for answer in answers if answer["kind"] == "error")
    assert (error["id"], error["code"]) == ("second", "cancelled")
    assert one.answer_to({"v": 1, "kind": "status", "id": "s"})["running"] == 1
    places = [answer["ahead"] for answer in answers if answer.get("state") == "queued"]
    assert places[-1] == 1


def test_a_cancel_hits_no_other_clients_job(daemon: Daemon, raw: Raw) -> None:
    """Two clients use the same id; the cancel of one leaves the job of the other."""
    daemon()
    one, other = raw(), raw()
    one.send(restore_header("7", "endless"), b"123456")
    while one.receive().get("state") != "running":
        pass
    other.send({"v": 1, "kind": "cancel", "id": "c", "job": "7"})
    assert other.receive()["kind"] == "cancel"
    assert other.answer_to({"v": 1, "kind": "status", "id": "s"})["running"] == 1
    one.send({"v": 1, "kind": "cancel", "id": "c", "job": "7"})
    while (answer := one.receive())["kind"] != "error":
        pass
    assert (answer["id"], answer["code"]) == ("7", "cancelled")


def test_two_clients_with_the_same_id(daemon: Daemon, raw: Raw) -> None:
    """Each gets the answer to its own job."""
    daemon()
    one, other = raw(), raw()
    one.send(restore_header("7"), b"\0\0\0\0\0\0")
    other.send(restore_header("7"), b"\1\1\1\1\1\1")
    for each, pixel in ((one, b"\xff"), (other, b"\xfe")):
        while True:
            _, *payload = each.socket.recv_multipart()
            if payload:
                break
        assert payload == [pixel * 6]


def test_a_job_of_a_client_that_is_gone(daemon: Daemon, client: Connect, raw: Raw) -> None:
    """Its running and its waiting jobs end, and others are served."""
    daemon()
    gone = raw()
    gone.send(restore_header("1", "endless"), b"123456")
    gone.send(restore_header("2", "endless"), b"123456")
    while gone.receive().get("state") != "running":
        pass
    gone.context.destroy(linger=0)
    assert client().restore(SMALL, recipe()).pixels.shape == SMALL.shape


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([b""], "bad-message"),
        ([b"\xc1"], "bad-message"),
        ([b"\x90"], "bad-message"),
        ([b"\x00" * (2**20 + 1)], "bad-message"),
        ([{"v": 1, "kind": "dance", "id": "1"}], "bad-message"),
        ([{"v": 2, "kind": "status", "id": "1"}], "bad-version"),
        ([{"v": 1, "kind": "status", "id": "1"}, b"pixels"], "bad-message"),
        ([restore_header("1")], "bad-message"),
        ([restore_header("1"), b"123456", b"123456"], "bad-message"),
        ([restore_header("1"), b"12345"], "bad-image"),
        ([restore_header("1"), b"1234567"], "bad-image"),
        ([restore_header("1", mask=restore_header("")["image"]), b"123456", b"1"], "bad-mask"),
        ([restore_header("1", recipe={"stages": [{"effect": "glow"}]}), b"123456"], "bad-recipe"),
        ([restore_header("1", recipe=LONG_RECIPE), b"123456"], "bad-recipe"),
    ],
)
def test_messages_that_are_refused(
    daemon: Daemon, raw: Raw, parts: list[object], code: str
) -> None:
    """A message that does not fit is answered with its error, and the daemon goes on."""
    daemon()
    one = raw()
    answer = one.answer_to(*parts)
    assert (answer["kind"], answer["code"]) == ("error", code)
    assert answer["id"] == (parts[0]["id"] if isinstance(parts[0], dict) else "")
    assert one.answer_to({"v": 1, "kind": "status", "id": "2"})["kind"] == "status"


def test_an_unfinished_id_cannot_be_used_again(daemon: Daemon, raw: Raw) -> None:
    """A second job of the same id is refused while the first one runs."""
    daemon()
    one = raw()
    one.send(restore_header("7", "endless"), b"123456")
    answer = one.answer_to(restore_header("7"), b"123456")
    assert answer["code"] == "bad-message"


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
    eventually(lambda: [thread.name for thread in threading.enumerate()].count("reaper") == 1)
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


def test_a_picture_too_large_is_not_sent(daemon: Daemon, client: Connect) -> None:
    """The daemon refuses it by its header, whatever comes as pixels."""
    daemon()
    with pytest.raises(BadImage, match="megapixels"):
        client().restore(np.zeros((0, 5, 3), np.uint8), recipe())


def test_the_client_needs_no_torch() -> None:
    """Neither the client nor the server loads torch; the bridge does without numpy, too."""
    script = "import sys, {}; print({{'torch', 'numpy', 'dnid.engine.engine'}} & set(sys.modules))"
    for module, loaded in (("client", "{'numpy'}"), ("server", "{'numpy'}"), ("bridge", "set()")):
        command = [sys.executable, "-c", script.format(f"dnid.service.{module}")]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        assert result.stdout.strip() == loaded
