"""What a photographer sees and does: the real GIMP's windows, driven by mouse and keyboard."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.gimp.real_gimp import DNID, RealGimp, Screen, wait_for

pytestmark = pytest.mark.gimp

DIALOG = "^Restore with DNI$"
SIZE = (1280, 872)
CANCEL = (1004, 875)  # the button beside the progress bar, on the screen
SLIDER = {50: (273, 29), 90: (343, 29)}  # where the handle is, from the dialog's corner


class Desktop:
    """GIMP on a screen of its own, with a hand on its mouse and keyboard."""

    def __init__(self, folder: Path) -> None:
        self.screen = Screen(folder)
        try:
            self.gimp = RealGimp(folder, self.screen.display)
        except BaseException:
            self.screen.stop()
            raise

    def stop(self) -> None:
        """Close GIMP, then the screen."""
        self.gimp.stop()
        self.screen.stop()

    def xdotool(self, *words: object) -> str:
        """Run xdotool and return what it prints; finding nothing is no error."""
        return self.gimp.run("xdotool", *map(str, words), check=False).strip()

    def windows(self, name: str) -> list[str]:
        """Return the visible windows whose title matches."""
        return self.xdotool("search", "--onlyvisible", "--name", name).split()

    def window(self, name: str) -> str:
        """Wait for a window and return it."""
        return wait_for(f"the window {name}", lambda: self.windows(name))[-1]

    def show(self, pixels: np.ndarray) -> int:
        """Open a picture in the main window, made large, and return its id."""
        height, width, _ = pixels.shape
        code = """
answer = new_image(width, height)
new_layer(answer, pixels, "R'G'B' u8", width, height)
Gimp.Display.new(answer)
"""
        image = self.gimp.do(code, pixels=pixels, width=width, height=height)
        main = self.main_window()
        self.xdotool("windowmove", main, 0, 0, "windowsize", main, *SIZE)
        return image

    def main_window(self) -> str:
        """Return the main window, brought to the front."""
        main = self.window("Untitled.*GIMP$")
        self.xdotool("windowactivate", "--sync", main)
        return main

    def press(self, key: str, what: str, name: str) -> str:
        """Press a key until it has opened a new window (a menu has no title); return that."""
        before = self.windows(name)

        def opened() -> list[str]:
            return [window for window in self.windows(name) if window not in before]

        self.xdotool("key", key)
        return wait_for(what, opened)[-1]

    def choose_restore(self) -> str:
        """Choose Filters > Enhance > Restore with DNI… and return the dialog."""
        self.main_window()
        self.press("alt+r", "the Filters menu", "")
        self.press("h", "the Enhance menu", "")
        return self.press("t", "the dialog", DIALOG)

    def drag(self, window: str, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Drag with the left button, in the window's own coordinates, in small steps."""
        words: list[object] = ["mousemove", "--window", window, *start, "mousedown", 1]
        for step in range(1, 11):
            x, y = (round(a + (b - a) * step / 10) for a, b in zip(start, end, strict=True))
            words += ["mousemove", "--window", window, x, y]
        self.xdotool(*words, "mouseup", 1)

    def screenshot(self, path: Path) -> None:
        """Write what the screen shows."""
        shot = self.gimp.folder / path.name
        self.gimp.run("import", "-window", "root", str(shot))
        shutil.copy(shot, path)


@pytest.fixture(scope="module")
def the_desktop(gimp_is_here: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    """Start one GIMP with windows for these tests."""
    desktop = Desktop(tmp_path_factory.mktemp("desktop"))
    yield desktop
    desktop.stop()


@pytest.fixture
def desktop(the_desktop: Desktop) -> Iterator[Desktop]:
    """Lend it, with the fake bridge in place, and close its pictures afterwards."""
    the_desktop.gimp.use_fake()
    yield the_desktop
    for window in the_desktop.windows(DIALOG):
        the_desktop.xdotool("windowclose", window)
    close = """
for number in range(1, 100):
    if Gimp.Display.id_is_valid(number):
        Gimp.Display.get_by_id(number).delete()
"""
    the_desktop.gimp.do(close)


def photo() -> np.ndarray:
    """Return a noisy picture of a round thing, H×W×3 of uint8."""
    y, x = np.mgrid[-1:1:480j, -1.5:1.5:720j]
    light = np.clip(1.1 - np.hypot(x + 0.2, y + 0.25), 0, 1) * (np.hypot(x, y) < 0.8)
    colours = 40 + light[..., None] * (200, 120, 60)
    noise = np.random.default_rng(4).normal(0, 25, colours.shape)
    return np.clip(np.rint(colours + noise), 0, 255).astype(np.uint8)


PHOTO = photo()


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
    dialog = desktop.choose_restore()
    desktop.drag(dialog, SLIDER[50], SLIDER[90])
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
    desktop.xdotool("key", "alt+p")
    desktop.press("space", "the list of maps", "")
    desktop.xdotool("key", "Down", "Return")
    desktop.xdotool("key", "alt+b", "ctrl+a", "3", "0", "Tab")
    desktop.screenshot(output / "dialog-map.png")
    desktop.xdotool("key", "alt+o")
    wait_for("the new layer", lambda: len(layers(desktop, image)) == 2)
    (header,) = [header for header in desktop.gimp.sent() if header["kind"] == "restore"]
    assert header["mask"] == {"height": 480, "width": 720, "channels": 1, "dtype": "u8"}
    assert header["recipe"]["stages"][0]["outside"] == 0.3

    repeat = "answer = restore(image(on), image(on).get_layers()[1:], 'WITH_LAST_VALS')['status']"
    assert desktop.gimp.do(repeat, on=image) == "success"
    again = [header for header in desktop.gimp.sent() if header["kind"] == "restore"][1]
    assert (again["recipe"], again["mask"]) == (header["recipe"], header["mask"])


@pytest.mark.parametrize("mask", ["none", "selection"])
def test_replace_is_one_undo_step(desktop: Desktop, mask: str) -> None:
    """Ctrl+Z once gives every pixel and the selection back."""
    image = desktop.show(PHOTO)
    code = """
on = image(on)
on.select_ellipse(Gimp.ChannelOps.REPLACE, 100, 100, 400, 300)
before = raw_pixels(on.get_selection())
restore(on, on.get_layers(), output="replace", mask=mask, denoise=100.0, outside=30.0)
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
    desktop.xdotool("key", "Return")
    wait_for("the job", lambda: "restore" in [header["kind"] for header in gimp.sent()])
    desktop.screenshot(output / "progress.png")
    desktop.xdotool("mousemove", *CANCEL, "click", 1)
    wait_for("the bridge to see the end", lambda: gimp.sent()[-1]["kind"] == "end of input")
    wait_for("the plug-in to end", lambda: gimp.plug_in() is None)
    assert layers(desktop, image) == ["photo"]
    assert np.array_equal(top_pixels(desktop, image), PHOTO)
    desktop.screenshot(output / "cancelled.png")
