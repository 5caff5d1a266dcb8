"""Depth of field in the dialog, in the real GIMP: the whole picture, and the subject as a mask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.gimp.desktop import TO_SLIDER, Desktop
from tests.gimp.real_gimp import wait_for
from tests.gimp.test_dialog import (  # noqa: F401  picture is a fixture
    COLOUR,
    FLAT,
    has,
    picture,
    requests,
    wait_for_after,
)
from tests.gimp.test_hand import said, value

pytestmark = pytest.mark.gimp

LARGE = np.full((1500, 2400, 3), COLOUR, np.uint8)
MASK = """
mask = image(on).get_layers()[-1].get_mask()
size = mask.get_width(), mask.get_height()
data = mask.get_buffer().get(Gegl.Rectangle.new(0, 0, *size), 1.0, "Y u8", Gegl.AbyssPolicy.NONE)
middle = size[1] // 2 * size[0]
answer = [*size, data[middle], data[middle + size[0] // 2 - 1], data[middle + size[0] // 2]]
"""


def switch_to_depth(desktop: Desktop) -> None:
    desktop.click("Remove noise", "CheckButton")
    desktop.click("Blur the background", "CheckButton")
    wait_for("dof", lambda: stages(desktop)[-1:] == ["dof"])


def stages(desktop: Desktop) -> list[str]:
    asked = [header["recipe"]["stages"] for header in requests(desktop)]
    return [stage["effect"] for stage in asked[-1]] if asked else []


def last(desktop: Desktop) -> dict[str, Any]:
    return requests(desktop)[-1]


def test_a_part_brings_its_whole(desktop: Desktop, picture: int) -> None:  # noqa: F811
    """A preview of a part sends a small copy of all of the picture; other effects do not."""
    large = desktop.show(LARGE)
    desktop.call(large)
    wait_for_after(desktop, 0.5)
    assert "whole" not in last(desktop), "other effects need no more than a halo"
    switch_to_depth(desktop)
    wait_for("the whole", lambda: "whole" in last(desktop))
    asked = last(desktop)
    whole, part = asked["whole"], asked["image"]
    assert (whole["width"], whole["height"]) == (2400, 1500)
    assert whole["image"] == {"width": 1024, "height": 640, "channels": 3, "dtype": "u8"}
    assert 0 < whole["left"] < whole["left"] + part["width"] < 2400
    assert whole["mask"] is None


def test_the_subject_becomes_a_mask(
    desktop: Desktop,
    picture: int,  # noqa: F811
    output: Path,
) -> None:
    """Black where it is, chosen as the strength map at once; the layer looks as before."""
    desktop.call(picture)
    wait_for_after(desktop, 0.5)
    switch_to_depth(desktop)
    desktop.click("Find subject", "Button")
    wait_for("the map", lambda: last(desktop)["mask"] is not None)
    height, width = FLAT.shape[:2]
    part = last(desktop)["image"]
    assert ("whole" in last(desktop)) == ((part["height"], part["width"]) != (height, width))
    wait_for("black and white", lambda: has(desktop, 0.5).any() and has(desktop, 0.0).any())
    desktop.screenshot(output / "subject.png")
    desktop.xdotool("key", "alt+o")
    assert desktop.status() == "success"
    assert desktop.gimp.do(MASK, on=picture) == [width, height, 0, 0, 255]


CAN_RESTORE = "answer = find('Restore', 'Button').is_sensitive()"
NO_SUBJECT = "No clear subject was found in this picture"


def test_a_photo_without_a_subject(desktop: Desktop, picture: int, output: Path) -> None:  # noqa: F811
    """It is told how to go on, without the remedies for a daemon; the other effects are seen."""
    desktop.gimp.use_fake("sees-no-subject")
    desktop.call(picture)
    wait_for_after(desktop, 0.5)
    desktop.click("Blur the background", "CheckButton")
    wait_for("the sentence", lambda: said(desktop, NO_SUBJECT))
    wait_for("the others", lambda: said(desktop, "Exact preview · without the blur"))
    wait_for_after(desktop, 0.5)
    desktop.screenshot(output / "no-subject.png")
    assert not said(desktop, "Try again")
    assert not said(desktop, "Show the log")
    assert not desktop.gimp.inside(CAN_RESTORE), "it would end with the same sentence"
    desktop.xdotool("key", *TO_SLIDER, "End")
    wait_for_after(desktop, 1.0)
    assert value(desktop) == 100
    assert said(desktop, NO_SUBJECT)
    desktop.click("Blur the background", "CheckButton")
    wait_for("no more of it", lambda: not said(desktop, NO_SUBJECT))
    assert desktop.gimp.inside(CAN_RESTORE)
    desktop.click("Find subject", "Button")
    wait_for("the sentence", lambda: said(desktop, NO_SUBJECT))
    assert not said(desktop, "Try again")
    assert has(desktop, 1.0).sum() > 10_000


HAS = """
layer = image(on).get_layers()[-1]
answer = [layer.get_mask() is not None, [each.get_name() for each in image(on).get_channels()]]
"""


def find_and_cancel(desktop: Desktop, shown: int) -> list[Any]:
    """Find the subject, wait until it is the map, close the dialog; return what is there then."""
    desktop.gimp.use_fake()  # which forgets what was asked before
    desktop.call(shown)
    wait_for_after(desktop, 0.5)
    desktop.click("Find subject", "Button")
    wait_for("the map", lambda: last(desktop)["mask"] is not None)
    desktop.xdotool("key", "Escape")
    assert desktop.status() == "cancel"
    return list(desktop.gimp.do(HAS, on=shown))


def test_a_cancel_takes_the_found_subject_away(desktop: Desktop, picture: int) -> None:  # noqa: F811
    """The mask or channel that the dialog made goes with it; what was there before stays."""
    assert find_and_cancel(desktop, picture) == [False, []]
    code = "add_mask(image(on).get_layers()[0], bytes([255]) * (720 * 480))"
    desktop.gimp.do(code, on=picture)
    desktop.gimp.do("Gimp.Selection.save(image(on)).set_name('mine')", on=picture)
    assert find_and_cancel(desktop, picture) == [True, ["mine"]]
