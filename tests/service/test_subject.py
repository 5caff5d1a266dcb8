"""What a picture is of, and restoring a part of one, over the wire."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.service.processes import RawClient, picture, restore_header

from dnid.engine.result import PackUsed, Subject
from dnid.errors import BadImage, BadMessage, DniError, NoSubject
from dnid.service import messages
from dnid.service.client import Client
from dnid.service.messages import FindSubject, Picture, Whole

Daemon = Callable[..., "subprocess.Popen[str]"]
Connect = Callable[..., Client]
Raw = Callable[[], RawClient]

GRAY = {"height": 2, "width": 3, "channels": 1, "dtype": "u8"}
WHOLE = {"height": 9, "width": 8, "top": 5, "left": 4, "image": GRAY, "mask": None}


def test_the_request_and_its_answer() -> None:
    """The literal headers."""
    header = {"v": 1, "kind": "subject", "id": "9", "image": GRAY}
    assert messages.parse_request(header) == FindSubject("9", Picture(2, 3, 1, "u8"), None)
    assert messages.parse_request(header | {"pack": "mine"}) == FindSubject(
        "9", Picture(2, 3, 1, "u8"), "mine"
    )
    found = Subject(np.zeros((2, 3, 1), np.uint8), 0.5, (PackUsed("dof", "00"),))
    assert messages.subject_answer("9", Picture(2, 3, 1, "u8"), found) == {
        "v": 1, "kind": "subject", "id": "9", "image": GRAY, "seconds": 0.5,
        "packs": [{"id": "dof", "sha256": "00"}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"pack": 3}, BadMessage),
        ({"image": None}, BadMessage),
        ({"image": GRAY | {"channels": 5}}, BadImage),
    ],
)
def test_a_subject_that_is_refused(changes: dict[str, Any], error: type[DniError]) -> None:
    """Each key has its type and its bounds."""
    header = {"v": 1, "kind": "subject", "id": "9", "image": GRAY}
    with pytest.raises(error):
        messages.parse_request(header | changes)


@pytest.mark.parametrize(
    ("whole", "error"),
    [
        ("all", BadMessage),
        (WHOLE | {"top": None}, BadMessage),
        (WHOLE | {"left": 1.0}, BadMessage),
        (WHOLE | {"image": None}, BadMessage),
        (WHOLE | {"height": 0}, BadImage),
        (WHOLE | {"height": 10**7}, BadImage),
        (WHOLE | {"image": GRAY | {"width": 10**9}}, BadImage),
    ],
)
def test_a_whole_that_is_refused(whole: object, error: type[DniError]) -> None:
    """Before anything is taken for it."""
    with pytest.raises(error):
        messages.parse_request(restore_header("1", whole=whole))


def test_the_forms_of_the_frames() -> None:
    """In the order in which they come: image, mask, and the same of the whole."""
    header = restore_header("1", mask=GRAY, whole=WHOLE | {"mask": GRAY | {"width": 7}})
    request = messages.parse_request(header)
    assert isinstance(request, messages.Restore)
    one, other = Picture(2, 3, 1, "u8"), Picture(2, 7, 1, "u8")
    assert request.whole == Whole(9, 8, 5, 4, one, other)
    assert request.frames == [one, one, one, other]


def test_the_subject_comes_back(daemon: Daemon, client: Connect) -> None:
    """As a plane of bytes; its error keeps its code."""
    daemon()
    image, connected = picture(31, 23, 3, "uint8"), client()
    found = connected.subject(image)
    np.testing.assert_array_equal(found.pixels, np.where(image[..., :1] > 127, 255, 0))
    assert (found.seconds, found.packs) == (0.25, (PackUsed("fake", "00"),))
    with pytest.raises(NoSubject, match="Nothing stands out"):
        connected.subject(image, "blind")


def test_a_part_arrives_with_its_whole(daemon: Daemon, raw: Raw) -> None:
    """Where it lies, the whole picture and the whole mask, each from its own frame."""
    daemon()
    one = raw()
    header = restore_header("1", "parts", mask=GRAY, whole=WHOLE | {"mask": GRAY})
    one.send(header, b"123456", b"\xff" * 6, b"abcdef", b"\1\2\3\4\5\6")
    while (message := one.socket.recv_multipart())[0].find(b"result") < 0:
        assert message[0].find(b"error") < 0
    assert list(message[1]) == [255 - n for n in (9, 8, 5, 4, 3, ord("f"), 6)]


def test_frames_of_the_whole_are_asked_for(daemon: Daemon, raw: Raw) -> None:
    """A whole picture without its frame is no message."""
    daemon()
    answer = raw().answer_to(restore_header("1", whole=WHOLE), b"123456")
    assert (answer["kind"], answer["code"]) == ("error", "bad-message")
