"""A link for a main loop: posting returns at once, answers are called back; without a GIMP."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dni_gimp.line import Line
from dni_gimp.link import Link, LinkError, Message

FAKE = [sys.executable, str(Path(__file__).with_name("fake_bridge.py"))]
PATIENCE = 60  # seconds


class Loop:
    """A main loop of which each turn waits for news."""

    def __init__(self, behaviour: str) -> None:
        self.woken = threading.Semaphore(0)
        self.heard: list[Message | LinkError] = []
        self.links = 0
        self.behaviour = behaviour
        self.line = Line(self._open, self.woken.release, self.heard.append)

    def _open(self, wake: Callable[[], None]) -> Link:
        self.links += 1
        return Link([*FAKE, self.behaviour], wake)

    def until(self, condition: Callable[[], object]) -> None:
        """Turn until the condition holds."""
        while not condition():
            assert self.woken.acquire(timeout=PATIENCE), "nothing more comes"
            self.line.pump()

    def ask(self, kind: str = "packs") -> list[Message]:
        """Post a request and return its answers, as they will come."""
        answers: list[Message] = []
        image = {"height": 1, "width": 2, "channels": 1, "dtype": "u8"}
        body = {"recipe": {"stages": []}, "image": image, "mask": None}
        self.line.post(kind, body, [b"ab"] if kind == "restore" else [], answers.append)
        return answers


@pytest.fixture
def loop(request: pytest.FixtureRequest) -> Iterator[Loop]:
    """Lend a loop with a bridge of the parameter's behaviour."""
    made = Loop(getattr(request, "param", "restores"))
    yield made
    made.line.close()


def test_answers_go_to_who_asked(loop: Loop) -> None:
    """Each request has its own answers: the progress and the result."""
    packs, result = loop.ask("packs"), loop.ask("restore")
    loop.until(lambda: result and result[-1].kind == "result")
    assert [message.kind for message in packs] == ["packs"]
    assert [message.kind for message in result] == ["progress"] * 4 + ["result"]
    assert [m.body["state"] for m in loop.heard if isinstance(m, Message)] == ["connected"]


@pytest.mark.parametrize("loop", ["dies"], indirect=True)
def test_a_link_that_ended_is_opened_again(loop: Loop) -> None:
    """Its end is told once; the next request starts another bridge."""
    loop.ask("restore")
    loop.until(lambda: any(isinstance(news, LinkError) for news in loop.heard))
    assert (
        next(str(e) for e in loop.heard if isinstance(e, LinkError)).count("Killed by a test") == 1
    )
    packs = loop.ask("packs")
    loop.until(lambda: packs)
    assert loop.links == 2
    assert sum(isinstance(news, LinkError) for news in loop.heard) == 1


def test_settled_the_link_is_free(loop: Loop) -> None:
    """After `settle`, what was posted has been sent, and the link can be used by itself."""
    loop.ask("restore")
    link = loop.line.settle()
    request = link.send("packs", {})
    ids = []
    while request not in ids:
        message = link.receive(timeout=PATIENCE)
        assert message is not None
        ids.append(message.id)


def test_a_bridge_that_cannot_start() -> None:
    """The request says so itself."""
    line = Line(lambda wake: Link(["/nowhere/dnid"], wake), lambda: None, lambda news: None)
    with pytest.raises(LinkError, match="/nowhere/dnid"):
        line.post("packs", {})
    line.close()
