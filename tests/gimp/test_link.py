"""The plug-in's way to the daemon, without a GIMP: framing, errors, environment."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest

from dni_gimp.link import (
    Frame,
    Link,
    LinkError,
    child_environment,
    read_command,
    read_message,
)

FAKE = [sys.executable, str(Path(__file__).with_name("fake_bridge.py"))]


def framed(header: object, *frames: bytes) -> io.BytesIO:
    """Return the bytes of one message."""
    text = json.dumps(header).encode()
    return io.BytesIO(len(text).to_bytes(4, "little") + text + b"".join(frames))


def test_a_message_is_these_bytes() -> None:
    """A message is a length, a JSON header and the raw frames."""
    text = b'{"v":1,"kind":"result","id":"7","frames":[2,3]}'
    stream = io.BytesIO(b"\x2f\0\0\0" + text + b"ab" + b"cde" + b"next")
    message = read_message(stream)
    assert message is not None
    assert (message.kind, message.id, message.frames) == ("result", "7", [b"ab", b"cde"])
    assert stream.read() == b"next"


def test_the_end_between_messages_is_no_error() -> None:
    """A bridge may end after a whole message."""
    assert read_message(io.BytesIO(b"")) is None


@pytest.mark.parametrize(
    "data",
    [
        b"\x01\0",
        b"\xff\xff\xff\xff{}",
        b"\x09\0\0\0{}",
        b"\x02\0\0\0{}",
        b"\x02\0\0\0[]",
        b"\x02\0\0\0{{",
        b"\x02\0\0\0\xff\xff",
        framed({"v": 1, "kind": "k", "id": "1", "frames": [-1]}).getvalue(),
        framed({"v": 1, "kind": "k", "id": "1", "frames": [2.5]}).getvalue(),
        framed({"v": 1, "kind": "k", "id": "1", "frames": [1 << 60]}).getvalue(),
        framed({"v": 1, "kind": "k", "id": "1", "frames": [0] * 5}).getvalue(),
        framed({"v": 1, "kind": "k", "id": "1", "frames": 3}).getvalue(),
        framed({"v": 1, "kind": "k", "id": "1", "frames": [3]}, b"ab").getvalue(),
    ],
    ids=repr,
)
def test_nonsense_is_refused(data: bytes) -> None:
    """Truncated and impossible messages are one error, with a remedy."""
    with pytest.raises(LinkError, match="run the installer") as caught:
        read_message(io.BytesIO(data))
    assert caught.value.code == "bad-message"


def test_another_protocol_version_is_named() -> None:
    """A daemon of another version is told as such, with both versions."""
    with pytest.raises(LinkError, match=r"version 1 .* version 2") as caught:
        read_message(framed({"v": 2, "kind": "hello", "id": ""}))
    assert caught.value.code == "bad-version"


def test_request_and_answer(tmp_path: Path) -> None:
    """A request arrives whole at the bridge, and its answer has the request's id."""
    log = tmp_path / "log"
    with Link([*FAKE, "refuses", str(log)]) as link:
        first = link.send("restore", {"recipe": "ä"}, [Frame(5, [b"ab", b"cde"])])
        second = link.send("status", {})
        connected, one, two = (link.receive(timeout=60) for _ in range(3))
    assert connected is not None
    assert (connected.kind, connected.body["state"]) == ("bridge", "connected")
    assert [one and one.id, two and two.id] == [first, second]
    assert first != second
    headers = [json.loads(line) for line in log.read_text().splitlines()]
    assert headers[0] == {"v": 1, "kind": "restore", "id": first, "recipe": "ä", "frames": [5]}
    assert headers[-1] == {"kind": "end of input"}, "the bridge is ended by its input's end"


def test_nothing_to_receive() -> None:
    """Waiting for a message may end without one."""
    with Link([*FAKE, "stalls"]) as link:
        assert link.receive(timeout=60) is not None
        assert link.receive(timeout=0.01) is None


def test_cancel_names_the_job(tmp_path: Path) -> None:
    """A cancel carries the id of the job, which then ends with an error."""
    log = tmp_path / "log"
    with Link([*FAKE, "stalls", str(log)]) as link:
        job = link.send("restore", {})
        link.cancel(job)
        messages = [link.receive(timeout=60) for _ in range(4)]
    last = messages[-1]
    assert last is not None
    assert (last.kind, last.id, last.body["code"]) == ("error", job, "cancelled")


def test_wake_is_called_for_each_message() -> None:
    """A main loop can be woken instead of waiting."""
    calls: list[None] = []
    with Link([*FAKE, "starting"], wake=lambda: calls.append(None)) as link:
        link.receive(timeout=60)
        link.receive(timeout=60)
    assert len(calls) == 3, "starting, connected, and the end"


@pytest.mark.parametrize("again", [1, 2])
def test_a_bridge_that_ends_is_an_error_with_its_last_words(again: int) -> None:
    """Every later receive tells the same."""
    with Link([*FAKE, "dead"]) as link:
        for _ in range(again):
            with pytest.raises(LinkError, match=r"No module named dnid.*try again") as caught:
                link.receive(timeout=60)
    assert caught.value.code == "daemon-died"


def test_sending_to_a_dead_bridge_is_the_same_error() -> None:
    """A large picture that nobody reads any more ends in the bridge's last words."""
    large = Frame(1 << 24, [bytes(1 << 20)] * 16)
    dead = pytest.raises(LinkError, match="No module named dnid")
    with Link([*FAKE, "dead"]) as link, dead as caught:
        link.send("restore", {}, [large])
    assert caught.value.code == "daemon-died"


def test_a_picture_beyond_the_limit_is_refused() -> None:
    """A frame of more than 4 GiB is not even begun."""
    large = pytest.raises(LinkError, match="in parts")
    with Link([*FAKE, "refuses"]) as link, large:
        link.send("restore", {}, [Frame((1 << 32) + 1, [])])


def test_a_wrong_length_is_refused() -> None:
    """Pieces that do not add up to the frame's length end the link, for it is out of step."""
    with Link([*FAKE, "stalls"]) as link, pytest.raises(ValueError, match="differ"):
        link.send("restore", {}, [Frame(5, [b"ab"])])


def test_a_command_that_cannot_be_started(tmp_path: Path) -> None:
    """A missing program is one sentence with the remedy."""
    with pytest.raises(LinkError, match=r"nothing.*run the installer") as caught:
        Link([str(tmp_path / "nothing")])
    assert caught.value.code == "daemon-unavailable"


def test_read_command(tmp_path: Path) -> None:
    """The installer's file holds the command."""
    path = tmp_path / "daemon.json"
    path.write_text('{"command": ["/a b/dnid", "bridge"]}')
    assert read_command(path) == ["/a b/dnid", "bridge"]


@pytest.mark.parametrize("text", [None, "", "{}", "[]", '{"command": []}', '{"command": "dnid"}'])
def test_read_command_refuses(tmp_path: Path, text: str | None) -> None:
    """A missing or damaged file says to run the installer."""
    path = tmp_path / "daemon.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(LinkError, match="run the installer"):
        read_command(path)


def test_the_child_gets_no_python_of_gimps() -> None:
    """What GIMP's bundles set for their own Python and libraries stays behind."""
    bundled = {
        "PYTHONHOME": "/g",
        "PYTHONPATH": "/g",
        "LD_LIBRARY_PATH": "/g",
        "DYLD_LIBRARY_PATH": "/g",
        "GI_TYPELIB_PATH": "/g",
    }
    kept = {"PATH": "/usr/bin", "XDG_RUNTIME_DIR": "/run/user/1"}
    assert child_environment({**bundled, **kept}) == kept


def test_a_child_starts_despite_gimps_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python that would not start with GIMP's PYTHONHOME does start."""
    monkeypatch.setitem(os.environ, "PYTHONHOME", "/nowhere")
    with Link([*FAKE, "refuses"]) as link:
        message = link.receive(timeout=60)
    assert message is not None
    assert message.kind == "bridge"
