"""A daemon process and its clients."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.service.processes import (
    RawClient,
    picture,
    recipe,
    restore_header,
)

from dnid.engine.result import PackUsed, Progress
from dnid.errors import (
    BadImage,
    Cancelled,
    InternalError,
    NotFinite,
    PackDamaged,
)
from dnid.recipe import Execution, Recipe, Stage
from dnid.service.client import Client, daemon_status

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


def test_a_picture_too_large_is_not_sent(daemon: Daemon, client: Connect) -> None:
    """The daemon refuses it by its header, whatever comes as pixels."""
    daemon()
    with pytest.raises(BadImage, match="megapixels"):
        client().restore(np.zeros((0, 5, 3), np.uint8), recipe())
