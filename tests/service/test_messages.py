"""What a request may say."""

from __future__ import annotations

from typing import Any

import pytest
from tests.service.processes import restore_header

from dnid.engine.result import PackUsed, Progress, Proposed, Restored
from dnid.errors import BadImage, BadMask, BadMessage, BadRecipe, BadVersion, Cancelled, DniError
from dnid.recipe import Execution, Recipe, Stage
from dnid.service import messages
from dnid.service.messages import Auto, Cancel, Hello, Picture, Restore, Shutdown

GRAY = {"height": 2, "width": 3, "channels": 1, "dtype": "u8"}

ENLARGE = {"stages": [{"effect": "sr", "strength": 0, "scale": 4}]}


def test_restore() -> None:
    """A restore is read whole; keys that are not known are ignored."""
    header = restore_header("7", mask=GRAY, device="cpu", exact_tiles=True, colour="blue")
    wanted = Recipe((Stage("denoise", 1.0),))
    image = Picture(2, 3, 1, "u8")
    assert messages.parse_request(header) == Restore(
        "7", wanted, image, image, None, Execution("cpu", exact_tiles=True)
    )


def test_other_requests() -> None:
    """The small requests are read whole."""
    hello = {"v": 1, "kind": "hello", "id": "a", "client": "gimp"}
    assert messages.parse_request(hello) == Hello("a", "gimp")
    cancel = {"v": 1, "kind": "cancel", "id": "b", "job": "7"}
    assert messages.parse_request(cancel) == Cancel("b", "7")


def test_auto() -> None:
    """It is a restore without a mask, and its answer has a strength for each effect."""
    header = restore_header("7", kind="auto")
    auto = Auto("7", Recipe((Stage("denoise", 1.0),)), Picture(2, 3, 1, "u8"))
    assert messages.parse_request(header) == auto
    proposed = Proposed({"denoise": 0.25}, 0.5, (PackUsed("denoise", "00"),))
    assert messages.auto_answer("7", proposed) == {
        "v": 1, "kind": "auto", "id": "7", "strengths": {"denoise": 0.25}, "seconds": 0.5,
        "packs": [{"id": "denoise", "sha256": "00"}],
    }  # fmt: skip
    for changes, error in (({"image": None}, BadMessage), ({"recipe": None}, BadRecipe)):
        with pytest.raises(error):
            messages.parse_request(header | changes)


def test_every_version_may_say_hello_and_goodbye() -> None:
    """A program of another version can tell and end a daemon, and nothing else."""
    assert messages.parse_request({"v": 9, "kind": "shutdown", "id": ""}) == Shutdown("")
    with pytest.raises(BadVersion):
        messages.parse_request({"v": 9, "kind": "status", "id": ""})


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"v": None}, BadMessage),
        ({"v": True}, BadMessage),
        ({"v": 2}, BadVersion),
        ({"kind": "paint"}, BadMessage),
        ({"kind": 3}, BadMessage),
        ({"id": 7}, BadMessage),
        ({"id": "x" * 65}, BadMessage),
        ({"device": 1}, BadRecipe),
        ({"exact_tiles": 1}, BadRecipe),
        ({"recipe": None}, BadRecipe),
        ({"recipe": {"stages": [{"effect": "denoise", "strength": 2}]}}, BadRecipe),
        ({"image": None}, BadMessage),
        ({"image": GRAY | {"height": 2.0}}, BadMessage),
        ({"image": GRAY | {"width": True}}, BadMessage),
        ({"image": GRAY | {"dtype": "f64"}}, BadMessage),
        ({"image": GRAY | {"height": 0}}, BadImage),
        ({"image": GRAY | {"height": -2}}, BadImage),
        ({"image": GRAY | {"height": 2**20 + 1}}, BadImage),
        ({"image": GRAY | {"height": 2**20, "width": 2**20}}, BadImage),
        ({"image": GRAY | {"height": 10**30}}, BadImage),
        ({"image": GRAY | {"height": 2**19}, "recipe": ENLARGE}, BadImage),
        ({"image": GRAY | {"height": 5000, "width": 5000}, "recipe": ENLARGE}, BadImage),
        ({"image": GRAY | {"channels": 5}}, BadImage),
        ({"image": GRAY | {"channels": 0}}, BadImage),
        ({"mask": GRAY | {"width": 4}}, BadMask),
        ({"mask": GRAY | {"channels": 3}}, BadMask),
        ({"mask": "all"}, BadMessage),
    ],
)
def test_restores_that_are_refused(changes: dict[str, Any], error: type[DniError]) -> None:
    """Each key has its type and its bounds, and its own error."""
    with pytest.raises(error):
        messages.parse_request(restore_header("7") | changes)


def test_answers() -> None:
    """Answers carry what PROTOCOL.md says, and no more."""
    start = {"v": 1, "kind": "progress", "id": "7"}
    queued = messages.progress_answer("7", Progress("queued", ahead=2))
    assert queued == start | {"state": "queued", "ahead": 2}
    running = messages.progress_answer("7", Progress("running", done=1, total=4))
    assert running == start | {"state": "running", "done": 1, "total": 4}
    restored = Restored(None, "cpu", "float32", 0.5, (PackUsed("a", "00"),), approximate=True)  # type: ignore[arg-type]
    result = messages.result_answer("7", Picture(2, 3, 1, "u8"), restored)
    assert result == {
        "v": 1, "kind": "result", "id": "7", "image": GRAY, "seconds": 0.5, "device": "cpu",
        "format": "float32", "packs": [{"id": "a", "sha256": "00"}], "approximate": True,
        "spatial": None,
    }  # fmt: skip
    error = messages.error_answer("7", Cancelled("Stopped."))
    assert error == start | {"kind": "error", "code": "cancelled", "message": "Stopped."}
