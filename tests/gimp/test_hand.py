"""A hand on the dialog's mouse in the real GIMP: sliders, line, picture, buttons."""

from __future__ import annotations

import os
import signal
from itertools import dropwhile
from pathlib import Path

import numpy as np
import pytest
from tests.gimp.desktop import TO_SLIDER, Desktop
from tests.gimp.real_gimp import wait_for
from tests.gimp.test_dialog import (  # noqa: F401  picture is a fixture
    COLOUR,
    FLAT,
    columns,
    has,
    names,
    picture,
    requests,
    wait_for_after,
)

pytestmark = pytest.mark.gimp

NOISE = "Remove noise"
SPOT = np.array([250, 240, 10])
WIDE = np.full((900, 1600, 3), COLOUR, np.uint8)
WIDE[430:470, 780:820] = SPOT


def value(desktop: Desktop, slider: str = NOISE) -> float:
    """Return where a slider is, in percent."""
    code = "answer = find(name, 'Scale').get_value()"
    return float(desktop.gimp.inside(code, name=slider))


def said(desktop: Desktop, beginning: str) -> bool:
    """Return whether something in the window begins so."""
    code = """
found = [widget.get_accessible().get_name() or "" for widget in widgets()]
answer = any(text.startswith(beginning) for text in found)
"""
    return bool(desktop.gimp.inside(code, beginning=beginning))


def spot(desktop: Desktop) -> tuple[int, int, int] | None:
    """Return the middle and the width of the spot on the screen, in the result of strength 1."""
    found = np.abs(desktop.seen() - (255.0 - SPOT)).max(axis=2) <= 1.5
    if not found.any():
        return None
    y, x = np.nonzero(found)
    return (x.min() + x.max()) // 2, (y.min() + y.max()) // 2, x.max() - x.min() + 1


@pytest.fixture
def wide(desktop: Desktop, picture: int) -> int:  # noqa: F811
    """Show a picture larger than the view, with a spot in its middle, as its negative."""
    shown = desktop.show(WIDE)
    desktop.call(shown)
    wait_for_after(desktop, 0.5)
    desktop.xdotool("key", *TO_SLIDER, "End", "alt+w")
    wait_for("the negative", lambda: spot(desktop))
    return shown


def test_dragging_the_slider(desktop: Desktop, picture: int) -> None:  # noqa: F811
    """While the hand moves, the preview follows; what was wished meanwhile is given up."""
    desktop.call(picture)
    wait_for_after(desktop, 0.5)
    x, y = desktop.handle(NOISE)
    for at in (20, 40):
        desktop.xdotool("mousemove", x + at - 20, y, "mousedown", 1, "mousemove", x + at, y)
        wait_for("the slider", lambda: desktop.handle(NOISE)[0] == x + at)  # noqa: B023
        wait_for_after(desktop, value(desktop) / 100)
        desktop.xdotool("mouseup", 1)
    assert 60 < value(desktop) < 80
    assert requests(desktop)[-1]["recipe"]["stages"][0]["strength"] <= 1


def test_a_mix_follows_the_hand(desktop: Desktop, picture: int) -> None:  # noqa: F811
    """Where the exact result does not come, a mix of those that are there is seen meanwhile."""
    desktop.gimp.use_fake("tires")
    desktop.call(picture)
    wait_for_after(desktop, 0.5)
    ahead = lambda: requests(desktop)[-1]["recipe"]["stages"][0]["strength"] == 1  # noqa: E731
    wait_for("what lies ahead", ahead)
    x, y = desktop.handle(NOISE)
    desktop.xdotool("mousemove", x, y, "mousedown", 1, "mousemove", x + 30, y)
    wait_for("the slider", lambda: value(desktop) > 60)
    wait_for_after(desktop, value(desktop) / 100)
    assert said(desktop, "Restoring: 1 of 4")
    desktop.xdotool("mousemove", x - 40, y)
    wait_for("the slider", lambda: value(desktop) < 40)
    wait_for_after(desktop, value(desktop) / 100)
    desktop.xdotool("mouseup", 1)


def is_exact(line: str) -> bool:
    return line.startswith("Exact preview")


LISTEN = """
import gc
from dni_gimp.dialog import Studio
studio = next(each for each in gc.get_objects() if isinstance(each, Studio))
told = []
studio._status.connect("notify::label", lambda label, _: told.append(label.get_text()))
"""


def test_what_is_computed_ahead_is_not_told(desktop: Desktop, picture: int) -> None:  # noqa: F811
    """Under an exact picture the line says so, also while the ends of the sliders are computed."""
    desktop.call(picture)
    wait_for_after(desktop, 0.5)
    wait_for("the line", lambda: said(desktop, "Exact preview"))
    desktop.gimp.inside(LISTEN)
    desktop.click("Remove JPEG traces", "CheckButton")

    def ahead() -> bool:
        stages = requests(desktop)[-1]["recipe"]["stages"]
        both = [stage["strength"] for stage in stages]
        idle = desktop.gimp.inside("answer = studio.preview._latest.running is None")
        return len(both) == 2 and both[1] == 1 and idle

    wait_for("what lies ahead", ahead)
    # What was exact before the click may have been told once more.
    told = list(dropwhile(is_exact, desktop.gimp.inside("answer = told")))
    exact = next(n for n, text in enumerate(told) if is_exact(text))
    assert "Restoring: 1 of 2 tiles" in told[:exact]
    assert all(is_exact(text) for text in told[exact:])


def test_panning_by_drag(desktop: Desktop, wide: int) -> None:
    """The picture moves with the mouse, pixel by pixel, and then what has come into view."""
    x, y, _width = spot(desktop) or (0, 0, 0)
    desktop.drag_on_screen((x, y), (x - 90, y + 60))
    wait_for("the spot", lambda: (at := spot(desktop)) and at[:2] == (x - 90, y + 60))
    wait_for("the exact preview", lambda: said(desktop, "Exact preview"))
    assert spot(desktop) == (x - 90, y + 60, 40)


def test_a_moved_picture_stays_restored(desktop: Desktop, picture: int) -> None:  # noqa: F811
    """Until the result comes, what was in view before is seen as it became, the rest as it is."""
    desktop.gimp.use_fake("once")
    desktop.call(desktop.show(WIDE))
    wait_for_after(desktop, 0.5)
    desktop.xdotool("key", "alt+w")
    wait_for("no line", lambda: not said(desktop, "After"))
    left, top, width, height = desktop.area("Preview", "Layout")
    rows = slice(top + 60, top + height // 4)
    x, y = left + width // 2, top + height // 2
    desktop.drag_on_screen((x, y), (x - 90, y))

    def moved() -> bool:
        restored = has(desktop, 0.5)[rows, left + 2 : left + width - 92]
        new = has(desktop, 0.0)[rows, left + width - 88 : left + width - 2]
        return bool(restored.all() and new.all())

    wait_for("the part that is known", moved)
    assert said(desktop, "Restoring: 1 of 4") or said(desktop, "Computing")
    desktop.click("+", "Button")
    wait_for("the same, larger", lambda: spot(desktop) is None and has(desktop, 0.5).any())


def test_zooming(desktop: Desktop, wide: int, output: Path) -> None:
    """The wheel keeps what is under the mouse; a double click shows all, another one 100 %."""
    x, y, _width = spot(desktop) or (0, 0, 0)
    desktop.xdotool("mousemove", x, y, "click", 4, "click", 4)
    wait_for("200 %", lambda: (at := spot(desktop)) and at[2] == pytest.approx(80, abs=1))
    wait_for("the exact preview", lambda: said(desktop, "Exact preview"))
    assert desktop.area("200 %", "Button")
    assert (spot(desktop) or ())[:2] == pytest.approx((x, y), abs=2)
    desktop.xdotool("click", "--repeat", 2, "--delay", 40, 1)
    wait_for("all of it", lambda: (at := spot(desktop)) and at[2] < 25)
    desktop.screenshot(output / "zoom-fit.png")
    desktop.click("+", "Button")
    wait_for("nearer", lambda: (at := spot(desktop)) and at[2] > 18)
    desktop.click("50 %", "Button")
    wait_for("100 %", lambda: (at := spot(desktop)) and at[2] == 40)


def test_presets_and_reset(desktop: Desktop, picture: int) -> None:  # noqa: F811
    """GIMP keeps the settings when told to, and brings them back, or the defaults."""
    desktop.call(picture)
    wait_for_after(desktop, 0.5)
    desktop.xdotool("key", *TO_SLIDER, "Home", *["Page_Down"] * 8)
    wait_for("80", lambda: value(desktop) == 80)
    desktop.click("Save Settings", "Button")
    desktop.xdotool("key", *TO_SLIDER, "End")
    wait_for_after(desktop, 1.0)
    desktop.click("Load Saved Settings", "Button")
    wait_for_after(desktop, 0.8)
    assert value(desktop) == 80
    desktop.click("Reset", "Button")
    wait_for("the menu", lambda: said(desktop, "Reset to"))
    desktop.xdotool("key", "Down", "Down", "Return")
    wait_for_after(desktop, 0.5)


def test_the_dialog_begins_with_the_last_values(desktop: Desktop, picture: int) -> None:  # noqa: F811
    """What was restored last is set when the dialog is called again."""
    desktop.call(picture)
    wait_for_after(desktop, 0.5)
    desktop.xdotool("key", *TO_SLIDER, "End", "alt+o")
    assert desktop.status() == "success"
    desktop.call(picture, layer=1)
    wait_for_after(desktop, 1.0)
    assert value(desktop) == 100


def test_a_label_resets_its_slider(desktop: Desktop, picture: int) -> None:  # noqa: F811
    """A double click on its name brings the default back and leaves the effect on."""
    desktop.call(picture)
    wait_for_after(desktop, 0.5)
    desktop.xdotool("key", *TO_SLIDER, "End")
    wait_for_after(desktop, 1.0)
    at = desktop.middle(NOISE, "CheckButton")
    desktop.xdotool("mousemove", *at, "click", "--repeat", 2, "--delay", 40, 1)
    wait_for_after(desktop, 0.5)
    assert value(desktop) == 50
    code = "answer = find(name, 'CheckButton').get_active()"
    assert desktop.gimp.inside(code, name=NOISE)


def test_the_button_for_before(desktop: Desktop, picture: int) -> None:  # noqa: F811
    """For as long as it is held, the picture is seen as it was."""
    desktop.call(picture)
    wait_for_after(desktop, 0.5)
    desktop.xdotool("mousemove", *desktop.middle("Before", "Button"), "mousedown", 1)
    wait_for("before, held", lambda: has(desktop, 0.5).sum() < 1000)
    desktop.xdotool("mouseup", 1)
    wait_for_after(desktop, 0.5)


def test_the_daemon_is_killed_while_previewing(desktop: Desktop, picture: int) -> None:  # noqa: F811
    """The bar says so; told to try again, the dialog starts another daemon and goes on."""
    desktop.gimp.use_daemon()
    desktop.call(picture)
    wait_for("the preview", lambda: said(desktop, "Exact preview"))
    killed = desktop.gimp.daemon()
    assert killed is not None
    os.kill(killed, signal.SIGSTOP)  # so that the preview is not done before the daemon ends
    desktop.xdotool("key", *TO_SLIDER, "Left")
    wait_for("the request", lambda: said(desktop, "Computing"))
    os.kill(killed, signal.SIGKILL)
    wait_for("the sentence", lambda: said(desktop, "No preview"))
    assert desktop.area("Show the log", "Button")
    desktop.xdotool("key", "alt+a")
    wait_for("the preview", lambda: said(desktop, "Exact preview"))
    assert desktop.gimp.daemon() not in (None, killed)
