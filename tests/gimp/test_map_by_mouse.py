"""The strength map, chosen with the mouse in the real GIMP's dialog."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.gimp.desktop import Desktop
from tests.gimp.real_gimp import wait_for
from tests.gimp.test_dialog import (  # noqa: F401  picture is a fixture
    COLOUR,
    FLAT,
    has,
    picture,
    wait_for_after,
)

pytestmark = pytest.mark.gimp

ITEMS = """
from gi.repository import Gtk
answer = [place(widget) for widget in widgets() if isinstance(widget, Gtk.MenuItem)]
"""
WITH_MASK_AND_CHANNEL = """
on = image(on)
width, height = on.get_width(), on.get_height()
half, rest = width // 2, width - width // 2
add_mask(on.get_layers()[0], (bytes(half) + bytes([255]) * rest) * height)
on.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, width, height // 2)
Gimp.Selection.save(on).set_name("upper half")
Gimp.Selection.none(on)
"""


def choose(desktop: Desktop, shown: str, place: int) -> None:
    """Open the list that shows this text, and click on its item at a place from the top."""
    desktop.click(shown, "ComboBox")
    items = wait_for("the list", lambda: desktop.gimp.inside(ITEMS))
    left, top, width, height = items[place]
    desktop.xdotool("mousemove", left + width // 3, top + height // 2, "click", 1)


def test_a_strength_map_by_mouse(desktop: Desktop, picture: int, output: Path) -> None:  # noqa: F811
    """Clicked in the list, a layer mask or channel is what varies the strength; Invert turns it."""
    desktop.gimp.do(WITH_MASK_AND_CHANNEL, on=picture)
    desktop.call(picture)
    wait_for_after(desktop, 0.5)
    desktop.xdotool("key", "alt+w")
    left, top, width, height = desktop.area("Preview", "Layout")

    def half(strength: float, corner: tuple[int, int]) -> bool:
        """Return whether nearly a quarter of the view, with this corner, has this strength."""
        x, y = (left + corner[0] * width // 2, top + corner[1] * height // 2)
        found = has(desktop, strength)[y + 40 : y + height // 2 - 40, x + 4 : x + width // 2 - 4]
        return bool(found.all())

    def quarters(*strengths: float) -> bool:
        """Return whether the view's quarters have these strengths, row by row."""
        corners = [(0, 0), (1, 0), (0, 1), (1, 1)]
        return all(half(*each) for each in zip(strengths, corners, strict=True))

    choose(desktop, "None: the same everywhere", 1)
    wait_for("the layer mask", lambda: quarters(0, 0.5, 0, 0.5))
    choose(desktop, "Layer mask", 2)
    wait_for("the channel", lambda: quarters(0.5, 0.5, 0, 0))
    desktop.screenshot(output / "channel.png")
    desktop.click("Invert", "CheckButton")
    wait_for("the negative", lambda: quarters(0, 0, 0.5, 0.5))
    desktop.xdotool("key", "alt+o")
    assert desktop.status() == "success"
    code = "answer = raw_pixels(image(on).get_layers()[0])"
    pixels = np.frombuffer(desktop.gimp.do(code, on=picture), np.uint8).reshape(FLAT.shape)
    assert (pixels[:240] == COLOUR).all()
    assert np.abs(pixels[240:] - 127.5).max() <= 0.5
