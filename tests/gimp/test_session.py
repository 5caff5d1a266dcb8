"""From a request to a result, without a GIMP, with a bridge whose strength 1 is the negative."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dni_gimp.link import Link, LinkError
from dni_gimp.session import Layout, Source, _Clock, describe, restore

FAKE = [sys.executable, str(Path(__file__).with_name("fake_bridge.py"))]
IMAGE = Layout(2, 3, 1, "u8")
PIXELS = bytes([0, 10, 20, 100, 200, 255])


def denoise_recipe(strength: float, outside: float = 0.0, **more: int) -> dict[str, object]:
    """Return a recipe of one stage."""
    stage = {"effect": "denoise", "strength": strength, "outside": outside, "pack": None, **more}
    return {"stages": [stage]}


def restore_with(behaviour: str, told: list[tuple[str, float | None]] | None = None) -> bytes:
    """Run one small restoration."""
    news = [] if told is None else told
    with Link([*FAKE, behaviour]) as link:
        result = restore(
            link,
            denoise_recipe(1.0),
            Source(IMAGE, [PIXELS[:3], PIXELS[3:]]),
            None,
            lambda text, fraction: news.append((text, fraction)),
        )
    assert result.layout == IMAGE
    return result.pixels


def test_pixels_come_back() -> None:
    """The result is what the bridge made of the picture."""
    assert restore_with("restores") == bytes(255 - value for value in PIXELS)


def test_a_bridge_may_fail_at_first() -> None:
    """An error of the bridge before the request is forgotten when the request succeeds."""
    assert restore_with("recovers") == bytes(255 - value for value in PIXELS)


def test_mask_and_outside() -> None:
    """White in the mask has the inner strength, black the outer one."""
    mask = Source(IMAGE, [bytes([255, 255, 255, 0, 0, 0])])
    with Link([*FAKE, "restores"]) as link:
        recipe = denoise_recipe(1.0)
        result = restore(link, recipe, Source(IMAGE, [PIXELS]), mask, lambda *_: None)
    assert result.pixels == bytes([255, 245, 235, 100, 200, 255])
    assert result.packs == [{"id": "fake", "sha256": "0" * 64}]


def test_a_result_of_another_size_is_refused() -> None:
    """A picture that is not as large as the recipe says is not put anywhere."""
    with Link([*FAKE, "grows"]) as link, pytest.raises(LinkError, match="another size"):
        restore(link, denoise_recipe(1.0), Source(IMAGE, [PIXELS]), None, lambda *_: None)


def test_upscaling() -> None:
    """The result of a stage that enlarges is that much larger."""
    recipe = denoise_recipe(0.0, scale=2)
    with Link([*FAKE, "restores"]) as link:
        result = restore(link, recipe, Source(IMAGE, [PIXELS]), None, lambda *_: None)
    assert result.layout == Layout(4, 6, 1, "u8")
    assert result.pixels[:6] == bytes([0, 0, 10, 10, 20, 20])


def test_time_left() -> None:
    """After a few seconds the time left follows from the time taken."""
    times = iter([10.0, 11.0, 20.0, 30.0])
    clock = _Clock(lambda: next(times))
    assert [clock.left(done) for done in (None, 0.0, 0.1, 0.25, 0.1)] == [
        "", "", "", ", 30 s left", ", 3 min left",
    ]  # fmt: skip


def test_what_is_told_meanwhile() -> None:
    """A photographer reads what is being done, in order."""
    told: list[tuple[str, float | None]] = []
    restore_with("starting", told)
    news = list(dict.fromkeys(told))
    assert [text for text, _ in news] == [
        "Sending the picture to the DNI daemon",
        *(["Restoring…"] if ("Restoring…", None) in news else []),
        "Starting the DNI daemon (the first time takes longer)",
        "Loading the networks",
        "Restoring…",
        "Restoring: 1 of 2 tiles",
        "Restoring: 2 of 2 tiles",
    ]
    assert [fraction for _, fraction in news[-3:]] == [0.0, 0.5, 1.0]


def test_tiles_are_counted_where_there_is_something_to_count() -> None:
    """Nothing done yet, or one tile alone, is just work."""
    running = {"kind": "progress", "state": "running"}
    told = [describe({**running, "done": d, "total": t}) for d, t in ((0, 3), (0, 1), (1, 1))]
    assert told == [("Restoring…", 0.0), ("Restoring…", 0.0), ("Restoring…", 1.0)]
    assert describe({**running, "done": 1, "total": 2}) == ("Restoring: 1 of 2 tiles", 0.5)


def test_waiting_behind_other_jobs() -> None:
    """A job in the queue says how many are before it."""
    queued = {"kind": "progress", "state": "queued"}
    assert describe({**queued, "ahead": 1}) == ("Waiting for 1 other job", None)
    assert describe({**queued, "ahead": 2}) == ("Waiting for 2 other jobs", None)
    assert describe({**queued, "ahead": 0}) is None


@pytest.mark.parametrize(
    ("behaviour", "code", "sentence"),
    [
        ("refuses", "pack-not-found", "please install one"),
        ("dies", "daemon-died", "ended unexpectedly .*Killed by a test"),
        ("gives-up", "daemon-unavailable", "did not start"),
        ("dead", "daemon-died", "ended unexpectedly .*No module named dnid"),
        ("loses-daemon", "daemon-died", "ended during the work"),
        ("other-version", "bad-version", "version 2"),
        ("lies", "bad-message", "does not fit"),
        ("babbles", "bad-message", "cannot be read"),
    ],
)
def test_every_failure_is_one_sentence(behaviour: str, code: str, sentence: str) -> None:
    """Whatever goes wrong, the user reads what happened and what to do."""
    with pytest.raises(LinkError, match=sentence) as caught:
        restore_with(behaviour)
    assert caught.value.code == code
