"""Work that nobody waits for any more is cancelled, in the real GIMP."""

from __future__ import annotations

import numpy as np
import pytest
from tests.gimp.desktop import Desktop
from tests.gimp.real_gimp import wait_for
from tests.gimp.test_dialog import picture, requests  # noqa: F401  picture is a fixture
from tests.gimp.test_hand import NOISE, WIDE, said, value

pytestmark = pytest.mark.gimp

NOTE_ENDS = """
import gc
(live,) = (found for found in gc.get_objects() if type(found).__name__ == "LivePreview")
ends, answered = {}, live._answered

def note(message):
    if message.kind != "progress":
        ends[message.id] = message.body.get("code", message.kind)
    answered(message)

live._answered = note
"""
RUNNING = """
running = live._latest.running
far = running is not None and running[1].box.width > 2000
answer = running[0] if far and not live._latest._cancelled else None
"""


@pytest.mark.parametrize("what", ["slider", "picture"])
def test_a_drag_cancels_what_runs(desktop: Desktop, picture: int, what: str) -> None:  # noqa: F811
    """What is computed for an earlier wish is cancelled, and the last wish alone is asked for."""
    desktop.gimp.use_fake("stalls")
    image = desktop.show(WIDE)
    desktop.call(image)
    (first,) = wait_for("the request", lambda: requests(desktop))
    x, y = desktop.handle(NOISE) if what == "slider" else desktop.middle("Preview", "Layout")
    away = 20 if what == "slider" else 60  # the line is in the middle, where the hand would take it
    x += 0 if what == "slider" else 100
    desktop.xdotool("mousemove", x, y, "mousedown", 1)
    for at in (x + away // 2, x + away):
        desktop.xdotool("mousemove", at, y)
    desktop.xdotool("mouseup", 1)
    wait_for("the next request", lambda: len(requests(desktop)) > 1)
    if what == "slider":
        wished = lambda: requests(desktop)[-1]["recipe"]["stages"][0]["strength"]  # noqa: E731
        wait_for("the last wish", lambda: wished() == pytest.approx(value(desktop) / 100))
        assert value(desktop) > 50
    else:
        assert requests(desktop)[-1]["recipe"] == first["recipe"]
    sent = [head for head in desktop.gimp.sent() if head["kind"] in ("restore", "cancel")]
    kinds = [head["kind"] for head in sent]
    assert kinds[:3] == ["restore", "cancel", "restore"]
    assert kinds[::2] == ["restore"] * len(kinds[::2]), "one runs at a time"
    assert kinds[1::2] == ["cancel"] * len(kinds[1::2])
    for earlier, cancel in zip(sent[::2], sent[1::2], strict=False):
        assert cancel["job"] == earlier["id"]


def test_the_daemon_ends_a_job_that_is_cancelled(desktop: Desktop, picture: int) -> None:  # noqa: F811
    """With the real daemon: a preview that is no longer wished ends cancelled, the last comes."""
    desktop.gimp.use_daemon()
    image = desktop.show(np.tile(WIDE, (3, 2, 1)))
    desktop.call(image)
    wait_for("the preview", lambda: said(desktop, "Exact preview"))
    desktop.gimp.inside(NOTE_ENDS)
    for _ in range(4):
        desktop.click("−", "Button")
    job = wait_for("a long job", lambda: desktop.gimp.inside(RUNNING))
    x, y = desktop.handle(NOISE)
    desktop.xdotool("mousemove", x, y, "mousedown", 1, "mousemove", x + 20, y, "mouseup", 1)
    ended = wait_for("its end", lambda: desktop.gimp.inside("answer = ends.get(job)", job=job))
    assert ended == "cancelled"
    desktop.click("25 %", "Button")
    wait_for("the preview", lambda: said(desktop, "Exact preview"))
