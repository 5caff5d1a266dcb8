"""Depth of field in the dialog, in the real GIMP: the whole picture, and the subject as a mask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.gimp.desktop import Desktop
from tests.gimp.real_gimp import wait_for
from tests.gimp.test_dialog import (  # noqa: F401  picture is a fixture
    COLOUR,
    FLAT,
    has,
    picture,
    requests,
    wait_for_after,
)

pytestmark = pytest.mark.gimp

LARGE = np.full((1500, 2400, 3), COLOUR, np.uint8)
MASK = """
mask = image(on).get_layers()[0].get_mask()
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
    desktop.close_dialogs()
    assert desktop.gimp.do(MASK, on=picture) == [width, height, 0, 0, 255]
