"""The bridge process, as a plug-in sees it."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.service.processes import PATIENCE, BridgeProcess, eventually, restore_header

from dnid.service import connection
from dnid.service.bridge import Bridge as InProcess
from dnid.service.client import Client, daemon_status

Bridge = Callable[..., BridgeProcess]
STATUS = {"v": 1, "kind": "status", "id": "s"}


def test_it_starts_the_daemon(bridge: Bridge) -> None:
    """It says that it starts one and that it is there; a second bridge finds it."""
    first, _ = (one := bridge()).receive()
    assert Path(first.pop("log")).name == "dnid.log", "where to look if it does not start"
    assert first == {"v": 1, "kind": "bridge", "id": "", "state": "starting"}
    connected, _ = one.receive()
    found = connection.find()
    assert found is not None
    assert connected == {
        "v": 1,
        "kind": "bridge",
        "id": "",
        "state": "connected",
        "version": found.version,
        "pid": found.pid,
        "log": found.log,
    }
    assert bridge().receive()[0] == connected


def test_pixels_arrive_and_return(bridge: Bridge) -> None:
    """A 16-bit picture with its mask goes through the bridge and back with every bit."""
    one = bridge()
    image = {"height": 301, "width": 203, "channels": 2, "dtype": "u16"}
    mask = {"height": 301, "width": 203, "channels": 1, "dtype": "u8"}
    pixels = os.urandom(301 * 203 * 2 * 2)
    header = restore_header("7", image=image, mask=mask)
    one.send(header, pixels, b"\xff" * (301 * 203))
    answer, payload = one.receive_until("result", "error")
    assert answer["image"] == image
    assert payload == [bytes(255 - byte for byte in pixels)]


def test_messages_one_after_the_other(bridge: Bridge) -> None:
    """Requests need not wait for each other; every answer has its id."""
    one = bridge()
    one.send({"v": 1, "kind": "hello", "id": "a", "client": "test"})
    one.send(restore_header("b"), b"123456")
    one.send({"v": 1, "kind": "packs", "id": "c"})
    one.send({"v": 1, "kind": "dance", "id": "d"})
    one.send(restore_header("e"), b"12345")
    kinds = {}
    while len(kinds) < 5:
        header, _ = one.receive_until("hello", "result", "packs", "error")
        kinds[header["id"]] = header.get("code", header["kind"])
    wanted = {"a": "hello", "b": "result", "c": "packs", "d": "bad-message", "e": "bad-image"}
    assert kinds == wanted
    assert one.end() == 0


def test_cancel(bridge: Bridge) -> None:
    """A cancel passes the bridge and ends the job."""
    one = bridge()
    one.send(restore_header("7", "endless"), b"123456")
    while one.receive()[0].get("state") != "running":
        pass
    one.send({"v": 1, "kind": "cancel", "id": "c", "job": "7"})
    answer, _ = one.receive_until("error")
    assert (answer["id"], answer["code"]) == ("7", "cancelled")


@pytest.mark.parametrize("way", ["end of file", "SIGTERM", "nobody reads"])
def test_the_end_cancels(bridge: Bridge, way: str) -> None:
    """When its program goes the bridge goes, and its jobs with it."""
    one = bridge()
    one.send(restore_header("7", "endless"), b"123456")
    while one.receive()[0].get("state") != "running":
        pass
    match way:
        case "end of file":
            assert one.end() == 0
        case "SIGTERM":
            one.process.send_signal(signal.SIGTERM)
            assert one.process.wait(PATIENCE) == 0
        case "nobody reads":
            assert one.process.stdout
            one.process.stdout.close()
            assert one.process.wait(PATIENCE) == 0
    eventually(lambda: (daemon_status() or {})["running"] == 0)


def test_sigterm_while_nothing_happens(bridge: Bridge) -> None:
    """SIGTERM ends a bridge that waits."""
    one = bridge()
    while one.receive()[0]["state"] != "connected":
        pass
    one.process.send_signal(signal.SIGTERM)
    assert one.process.wait(PATIENCE) == 0


def test_a_signal_whose_exception_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a signal handler raises while a destructor runs is ignored; the bridge ends yet."""
    more = threading.Event()
    inside = InProcess(lambda _: more.wait() and 0, len, [])
    monkeypatch.setattr(inside, "_connect", lambda name: None)

    def wait() -> None:
        with contextlib.suppress(KeyboardInterrupt):
            inside.be_told_to_end()

    monkeypatch.setattr(inside, "_wait", wait)
    assert inside.run() == 0
    more.set()
    assert inside.ended.wait(PATIENCE)
    inside.incoming.close()


def test_a_killed_daemon(bridge: Bridge) -> None:
    """Every unfinished request is told, and the next one gets a new daemon."""
    one = bridge()
    for name in ("1", "2"):
        one.send(restore_header(name, "endless"), b"123456")
    while one.receive()[0].get("state") != "running":
        pass
    found = connection.find()
    assert found is not None
    os.kill(found.pid, signal.SIGKILL)
    answers = [one.receive_until("error")[0] for _ in range(2)]
    assert {(answer["id"], answer["code"]) for answer in answers} == {
        ("1", "daemon-died"),
        ("2", "daemon-died"),
    }
    one.send(STATUS)
    states = [one.receive()[0].get("state") for _ in range(2)]
    assert states == ["starting", "connected"]
    assert one.receive()[0]["pid"] != found.pid


def test_a_daemon_that_cannot_start(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told at the start, and again to each request."""
    monkeypatch.setenv("DNID_RUNTIME_DIR", "/dev/null/run")
    one = bridge()
    for name in ("", "s"):
        answer, _ = one.receive_until("error")
        assert (answer["id"], answer["code"]) == (name, "daemon-unavailable")
        one.send(STATUS)


@pytest.mark.parametrize(
    "data",
    [
        b"Hello, bridge!",
        struct.pack("<I", 2) + b"[]",
        struct.pack("<I", 9) + b"not JSON.",
        struct.pack("<I", 17) + b'{"frames":[1e100]}',
        struct.pack("<I", 100) + b"cut off",
        struct.pack("<I", 14) + b'{"frames":[9]}abc',
    ],
)
def test_garbage(bridge: Bridge, data: bytes) -> None:
    """Input that cannot be read is answered with one error, and the bridge ends with 2."""
    one = bridge()
    while one.receive()[0].get("state") != "connected":
        pass
    one.write(data)
    assert one.process.stdin
    one.process.stdin.close()
    answer, _ = one.receive()
    assert (answer["kind"], answer["id"], answer["code"]) == ("error", "", "bad-message")
    assert one.process.stdout
    assert one.process.stdout.read() == b""
    assert one.process.wait(PATIENCE) == 2


def test_words_that_messagepack_cannot_say(bridge: Bridge) -> None:
    """A number too large for the wire is refused, and the bridge goes on."""
    one = bridge()
    one.send({"v": 2**70, "kind": "status", "id": "1"})
    answer, _ = one.receive_until("error")
    assert (answer["id"], answer["code"]) == ("1", "bad-message")
    one.send(STATUS)
    assert one.receive()[0]["kind"] == "status"


def test_other_clients_are_not_disturbed(bridge: Bridge, client: Callable[[], Client]) -> None:
    """A bridge that ends leaves the daemon to the others."""
    one = bridge()
    one.send(STATUS)
    one.receive_until("status")
    other = client()
    assert one.end() == 0
    assert other.status()["running"] == 0
