"""What a photographer sees and does: the real GIMP's windows, driven by mouse and keyboard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.gimp.desktop import PHOTO, TO_SLIDER, Desktop
from tests.gimp.real_gimp import DNID, wait_for

pytestmark = pytest.mark.gimp

CANCEL = (1004, 875)  # the button beside the progress bar, on the screen


def layers(desktop: Desktop, image: int) -> list[str]:
    """Return the layers' names, top to bottom."""
    return [line["name"] for line in desktop.gimp.do("answer = describe(image(on))", on=image)]


def top_pixels(desktop: Desktop, image: int) -> np.ndarray:
    """Return the topmost layer's pixels."""
    data = desktop.gimp.do("answer = raw_pixels(image(on).get_layers()[0])", on=image)
    return np.frombuffer(data, np.uint8).reshape(PHOTO.shape)


def undo(desktop: Desktop) -> None:
    """Press Ctrl+Z in the main window."""
    desktop.main_window()
    desktop.xdotool("key", "ctrl+z")


def test_from_the_menu_to_pixels_and_back(desktop: Desktop, output: Path) -> None:
    """Menu, dialog, a dragged slider, Restore: a new layer of that strength, in one undo step."""
    gimp = desktop.gimp
    gimp.use_daemon()
    image = desktop.show(PHOTO)
    desktop.choose_restore()
    desktop.xdotool("key", *TO_SLIDER, *["Page_Down"] * 4)
    desktop.screenshot(output / "dialog.png")
    desktop.xdotool("key", "Return")
    wait_for("the new layer", lambda: len(layers(desktop, image)) == 2)
    desktop.screenshot(output / "restored.png")

    code = """
note = image(on).get_layers()[0].get_parasite("dni-recipe")
answer = json.loads(bytes(note.get_data()))
"""
    (stage,) = gimp.do(code, on=image)["recipe"]["stages"]
    assert 0.8 < stage["strength"] < 1.0
    source, result = gimp.folder / "in.png", gimp.folder / "out.png"
    Image.fromarray(PHOTO).save(source)
    denoise = ["--denoise", str(stage["strength"])]
    gimp.run(str(DNID), "apply", str(source), "-o", str(result), *denoise)
    with Image.open(result) as expected:
        difference = top_pixels(desktop, image).astype(int) - np.asarray(expected)
    assert np.abs(difference).max() <= 1

    undo(desktop)
    wait_for("the undo", lambda: layers(desktop, image) == ["photo"])
    assert np.array_equal(top_pixels(desktop, image), PHOTO)


def test_strength_map_by_keyboard(desktop: Desktop, output: Path) -> None:
    """By mnemonics: a map, and the strength where it is black; a repeat does the same."""
    image = desktop.show(PHOTO)
    code = "add_mask(image(on).get_layers()[0], bytes(range(0, 240)) * 1440)"
    desktop.gimp.do(code, on=image)
    desktop.choose_restore()
    desktop.xdotool("key", "alt+m")
    desktop.press("space", "the list of maps", "")
    desktop.xdotool("key", "Down", "Return")
    desktop.xdotool("key", *TO_SLIDER, "Tab", "Tab", "Tab", *["Page_Down"] * 3)
    desktop.screenshot(output / "dialog-map.png")
    desktop.xdotool("key", "alt+o")
    wait_for("the new layer", lambda: len(layers(desktop, image)) == 2)
    header = [header for header in desktop.gimp.sent() if header["kind"] == "restore"][-1]
    assert header["mask"] == {"height": 480, "width": 720, "channels": 1, "dtype": "u8"}
    assert header["recipe"]["stages"][0]["outside"] == 0.3

    repeat = "answer = restore(image(on), image(on).get_layers()[1:], 'WITH_LAST_VALS')['status']"
    assert desktop.gimp.do(repeat, on=image) == "success"
    again = [header for header in desktop.gimp.sent() if header["kind"] == "restore"][-1]
    assert (again["recipe"], again["mask"]) == (header["recipe"], header["mask"])


@pytest.mark.parametrize("mask", ["none", "selection"])
def test_replace_is_one_undo_step(desktop: Desktop, mask: str) -> None:
    """Ctrl+Z once gives every pixel and the selection back."""
    image = desktop.show(PHOTO)
    code = """
on = image(on)
on.select_ellipse(Gimp.ChannelOps.REPLACE, 100, 100, 400, 300)
before = raw_pixels(on.get_selection())
restore(on, on.get_layers(), output="replace", mask=mask, denoise=100.0, denoise_outside=30.0)
answer = before == raw_pixels(on.get_selection())
"""
    assert desktop.gimp.do(code, on=image, mask=mask), "the selection is as before"
    assert not np.array_equal(top_pixels(desktop, image), PHOTO)
    undo(desktop)
    wait_for("the undo", lambda: np.array_equal(top_pixels(desktop, image), PHOTO))
    code = "answer = [len(image(on).get_channels()), Gimp.Selection.is_empty(image(on))]"
    assert desktop.gimp.do(code, on=image) == [0, False]


def test_cancel_in_the_main_window(desktop: Desktop, output: Path) -> None:
    """The Cancel button beside GIMP's progress bar ends the job and leaves the picture."""
    gimp = desktop.gimp
    gimp.use_fake("stalls")
    image = desktop.show(PHOTO)
    desktop.choose_restore()
    kinds = lambda: [header["kind"] for header in gimp.sent()]  # noqa: E731
    wait_for("the preview", lambda: "restore" in kinds())
    desktop.xdotool("key", "Return")
    wait_for("the job", lambda: kinds().count("restore") == 2)
    desktop.screenshot(output / "progress.png")
    desktop.xdotool("mousemove", *CANCEL, "click", 1)
    wait_for("the bridge to see the end", lambda: gimp.sent()[-1]["kind"] == "end of input")
    wait_for("the plug-in to end", lambda: gimp.plug_in() is None)
    assert layers(desktop, image) == ["photo"]
    assert np.array_equal(top_pixels(desktop, image), PHOTO)
    desktop.screenshot(output / "cancelled.png")
