"""The strength map, chosen with the mouse in the real GIMP's dialog."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.gimp.desktop import TO_SLIDER, Desktop
from tests.gimp.real_gimp import wait_for
from tests.gimp.test_dialog import (  # noqa: F401  picture is a fixture
    COLOUR,
    FLAT,
    has,
    picture,
    wait_for_after,
)
from tests.gimp.test_hand import said

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


def sensitive(desktop: Desktop, name: str) -> bool:
    """Return whether a switch can be used."""
    return bool(desktop.gimp.inside("answer = find(name, 'CheckButton').is_sensitive()", name=name))


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


def test_saved_settings_with_a_map_that_is_not_here(
    desktop: Desktop,
    picture: int,  # noqa: F811
) -> None:
    """A layer without a mask takes settings that name one as if they named none, and goes on."""
    desktop.gimp.do(WITH_MASK_AND_CHANNEL, on=picture)
    desktop.call(picture)
    wait_for_after(desktop, 0.5)
    choose(desktop, "None: the same everywhere", 1)
    wait_for("the layer mask", lambda: sensitive(desktop, "Invert"))
    desktop.click("Save Settings", "Button")
    desktop.close_dialogs()

    desktop.call(desktop.show(FLAT))
    wait_for_after(desktop, 0.5)
    desktop.xdotool("key", *TO_SLIDER, "Home")
    wait_for("nothing", lambda: said(desktop, "The picture as it is"))
    desktop.click("Load Saved Settings", "Button")
    wait_for_after(desktop, 0.5)
    assert not sensitive(desktop, "Invert"), "there is nothing to invert"
    desktop.xdotool("key", *TO_SLIDER, "End")
    wait_for_after(desktop, 1.0)
    desktop.xdotool("key", "alt+o")
    assert desktop.status() == "success"


def test_a_map_that_goes_while_the_dialog_is_open(desktop: Desktop, picture: int) -> None:  # noqa: F811
    """The line says so, the controls go on, and another choice brings the preview back."""
    desktop.gimp.do(WITH_MASK_AND_CHANNEL, on=picture)
    desktop.call(picture)
    wait_for_after(desktop, 0.5)
    choose(desktop, "None: the same everywhere", 1)
    wait_for("the layer mask", lambda: sensitive(desktop, "Invert"))
    take_away = """
import gc
from dni_gimp.dialog import Studio
studio = next(each for each in gc.get_objects() if isinstance(each, Studio))
studio.target.layer.remove_mask(1)  # Gimp.MaskApplyMode.DISCARD
"""
    desktop.gimp.inside(take_away)
    desktop.xdotool("key", *TO_SLIDER, "End")
    wait_for("the sentence", lambda: said(desktop, "This layer has no layer mask"))
    choose(desktop, "Layer mask", 0)
    wait_for_after(desktop, 1.0)
