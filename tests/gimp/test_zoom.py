"""The preview below 100 %, in the real GIMP: all of a large picture, moved, and on one grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.gimp.desktop import TO_SLIDER, Desktop
from tests.gimp.real_gimp import wait_for
from tests.gimp.test_dialog import COLOUR, picture, requests  # noqa: F401  picture is a fixture
from tests.gimp.test_hand import SPOT, said, spot

pytestmark = pytest.mark.gimp

NEGATIVE = 255 - COLOUR
LARGE = np.full((3400, 5600, 3), COLOUR, np.uint8)
LARGE[1632:1768, 2732:2868] = SPOT
for _row in (slice(0, 136), slice(-136, None)):
    for _column in (slice(0, 136), slice(-136, None)):
        LARGE[_row, _column] = SPOT


def exact(desktop: Desktop) -> None:
    """Wait until what is seen is what one gets."""
    wait_for("the exact preview", lambda: said(desktop, "Exact preview"))


@pytest.fixture
def large(desktop: Desktop, picture: int) -> str:  # noqa: F811
    """Show a large picture with spots in its middle and corners, as its negative; the dialog."""
    shown = desktop.show(LARGE)
    window = desktop.call(shown)
    exact(desktop)
    desktop.xdotool("key", *TO_SLIDER, "End", "alt+w")
    wait_for("the negative", lambda: spot(desktop))
    return window


def corners(desktop: Desktop) -> list[bool]:
    """Return whether the picture's four corners are seen, as spots around the view's middle."""
    left, top, width, height = desktop.area("Preview", "Layout")
    view = desktop.seen()[top : top + height, left : left + width].astype(float)
    found = np.abs(view - (255.0 - SPOT)).max(axis=2) <= 1.5
    found[height // 2 - 30 : height // 2 + 30] = False
    halves = (slice(0, height // 2), slice(height // 2, None))
    sides = (slice(0, width // 2), slice(width // 2, None))
    return [int(found[half, side].sum()) > 20 for half in halves for side in sides]


def test_a_large_picture_fits(desktop: Desktop, large: str, output: Path) -> None:
    """Fit shows all four corners, in a larger window too; the next step nearer is 25 %."""
    desktop.click("Fit", "Button")
    wait_for("all of it", lambda: corners(desktop) == [True] * 4)
    exact(desktop)
    desktop.screenshot(output / "fit-large.png")
    assert corners(desktop) == [True] * 4
    width = desktop.area("Preview", "Layout")[2]
    desktop.xdotool("windowmove", large, 0, 0, "windowsize", large, 1280, 880)
    wait_for("more room", lambda: desktop.area("Preview", "Layout")[2] > width + 50)
    wait_for("all of it", lambda: corners(desktop) == [True] * 4)
    exact(desktop)
    _x, _y, size = spot(desktop) or (0, 0, 0)
    assert size == pytest.approx(desktop.area("Preview", "Layout")[2], abs=4), "from side to side"
    desktop.click("−", "Button")
    desktop.click("+", "Button")
    wait_for("25 %", lambda: (at := spot(desktop)) and at[2] == 34)
    assert desktop.area("25 %", "Button")
    assert corners(desktop) == [False] * 4


def test_moving_it_far_away(desktop: Desktop, large: str) -> None:
    """At 25 % it follows the mouse pixel by pixel, and what comes to be seen is the picture."""
    desktop.click("Fit", "Button")
    desktop.click("+", "Button")
    x, y, _width = wait_for("25 %", lambda: (at := spot(desktop)) and at[2] == 34 and at)
    desktop.drag_on_screen((x, y), (x - 90, y + 60))
    wait_for("the spot", lambda: (at := spot(desktop)) and at[:2] == (x - 90, y + 60))
    exact(desktop)
    assert spot(desktop) == (x - 90, y + 60, 34)
    desktop.drag_on_screen((x, y), (x + 900, y + 900))
    wait_for("a corner", lambda: corners(desktop) == [True, False, False, False])
    exact(desktop)
    left, top, width, height = desktop.area("Preview", "Layout")
    expected = np.broadcast_to(NEGATIVE, (height, width, 3)).copy()
    expected[:34, :34] = 255 - SPOT

    def others() -> int:
        """Pixels that are not as expected."""
        seen = desktop.seen()[top : top + height, left : left + width]
        return int((np.abs(seen - expected).max(axis=2) > 1.5).sum())

    # Where the spot ends, the picture's filter mixes, and so does the corner of the frame. The
    # line may say exact a moment before the screen shows it.
    wait_for("the picture", lambda: others() < 200)


@pytest.mark.parametrize("zoom", ["67 %", "33 %"])
def test_before_and_after_lie_on_one_grid(desktop: Desktop, picture: int, zoom: str) -> None:  # noqa: F811
    """A result that is the picture itself looks the same as it to the last bit.

    The map is black, so that the daemon's answer is the picture's own pixels.
    """
    noise = np.random.default_rng(5).integers(0, 255, (1900, 2900, 3), np.uint8)
    image = desktop.show(noise)
    black = "add_mask(image(on).get_layers()[0], bytes(width * height))"
    desktop.gimp.do(black, on=image, width=2900, height=1900)
    desktop.call(image)
    exact(desktop)
    choose = """
from gi.repository import Gtk
combos = [widget for widget in widgets() if isinstance(widget, Gtk.ComboBoxText)]
answer = any(combo.set_active_id("layer-mask") for combo in combos)
"""
    assert desktop.gimp.inside(choose)
    wait_for("the map", lambda: requests(desktop)[-1]["mask"])
    left, top, width, height = desktop.area("Preview", "Layout")
    desktop.xdotool("key", "alt+w")
    while not said(desktop, zoom):
        desktop.click("−", "Button")
    middle = left + width // 2, top + height // 2
    desktop.drag_on_screen(middle, (middle[0] - 37, middle[1] + 23))
    exact(desktop)
    below = slice(top + 40, top + height), slice(left, left + width)  # without the word Before
    after = wait_for("the picture", lambda: (now := desktop.seen()[below]).std() > 10 and [now])[0]
    desktop.xdotool("mousemove", *desktop.middle("Before", "Button"), "mousedown", 1)
    wait_for("before", lambda: said(desktop, "Before") and desktop.area("Before", "Label"))
    before = desktop.seen()[below]
    desktop.xdotool("mouseup", 1)
    assert np.array_equal(before, after)
