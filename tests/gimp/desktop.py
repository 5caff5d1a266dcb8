"""The real GIMP's windows on a screen in memory, with a hand on mouse and keyboard."""

from __future__ import annotations

import shutil
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tests.gimp.real_gimp import PATIENCE, RealGimp, wait_for
from tests.gimp.screen import Screen

DIALOG = "^(Restore with DNI|Mit DNI restaurieren)$"
BLEND = "^(Blend a model pack|Modellpaket mischen)$"
MAIN = "(Untitled|Unbenannt).*GIMP$"
SIZE = (1280, 872)
TO_SLIDER = ("alt+n", "alt+n", "Tab")  # from anywhere: the switch of noise, twice, and its slider


class Desktop:
    """GIMP on a screen of its own, with a hand on its mouse and keyboard."""

    def __init__(self, folder: Path, size: str = "1280x900", **options: Any) -> None:
        self.answer: Future[Any] | None = None
        """What the call that was last made answers."""
        self.screen = Screen(folder, size)
        try:
            self.gimp = RealGimp(folder, self.screen.display, **options)
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
        main = self.window(MAIN)
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
        x, y = self.place(window)
        (x1, y1), (x2, y2) = start, end
        self.drag_on_screen((x + x1, y + y1), (x + x2, y + y2))

    def drag_on_screen(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Drag with the left button, in the screen's coordinates."""
        words: list[object] = ["mousemove", *start, "mousedown", 1]
        for step in range(1, 11):
            x, y = (round(a + (b - a) * step / 10) for a, b in zip(start, end, strict=True))
            words += ["mousemove", x, y]
        self.xdotool(*words, "mouseup", 1)

    def call(self, image: int, layer: int = 0, procedure: str = "restore") -> str:
        """Call the plug-in on a layer (0: the topmost) without the menu; return its window."""
        code = """
on = image(on)
answer = restore(on, [on.get_layers()[layer]], "INTERACTIVE", procedure=procedure)
"""
        self.answer = self.gimp.start(code, on=image, layer=layer, procedure=procedure)
        return self.window(f"{DIALOG}|{BLEND}|^DNI$")

    def area(self, name: str, kind: str = "Widget") -> tuple[int, int, int, int]:
        """Return left, top, width and height on the screen of what a screen reader calls so."""
        found = self.gimp.inside("answer = place(find(name, kind))", name=name, kind=kind)
        return tuple(found)

    def middle(self, name: str, kind: str = "Widget") -> tuple[int, int]:
        """Return where on the screen the middle of a widget is."""
        left, top, width, height = self.area(name, kind)
        return left + width // 2, top + height // 2

    def click(self, name: str, kind: str = "Widget") -> None:
        """Click on a widget."""
        self.xdotool("mousemove", *self.middle(name, kind), "click", 1)

    def handle(self, slider: str) -> tuple[int, int]:
        """Return where on the screen the handle of a slider is."""
        x, y = self.gimp.inside("answer = handle(find(name, 'Scale'))", name=slider)
        return x, y

    def status(self) -> str:
        """Wait for the end of the last call and return its status."""
        assert self.answer is not None
        return self.answer.result(PATIENCE)["status"]

    def close_dialogs(self) -> None:
        """Press Escape until the plug-in has ended."""
        while windows := self.windows(f"{DIALOG}|{BLEND}|^DNI"):
            self.xdotool("windowactivate", "--sync", windows[-1], "key", "Escape")
        if self.answer is not None:
            self.answer.result(PATIENCE)
            self.answer = None

    def seen(self) -> np.ndarray:
        """Return what the screen shows, H×W×3 of uint8."""
        shot = self.gimp.folder / "seen.png"
        self.gimp.run("import", "-window", "root", str(shot))
        with Image.open(shot) as picture:
            return np.asarray(picture.convert("RGB"))

    def place(self, window: str) -> tuple[int, int]:
        """Return where a window's own corner is on the screen."""
        words = self.xdotool("getwindowgeometry", "--shell", window).split()
        found = dict(word.split("=") for word in words)
        return int(found["X"]), int(found["Y"])

    def screenshot(self, path: Path) -> None:
        """Write what the screen shows."""
        shot = self.gimp.folder / path.name
        self.gimp.run("import", "-window", "root", str(shot))
        shutil.copy(shot, path)


def photo() -> np.ndarray:
    """Return a noisy picture of a round thing, H×W×3 of uint8."""
    y, x = np.mgrid[-1:1:480j, -1.5:1.5:720j]
    light = np.clip(1.1 - np.hypot(x + 0.2, y + 0.25), 0, 1) * (np.hypot(x, y) < 0.8)
    colours = 40 + light[..., None] * (200, 120, 60)
    noise = np.random.default_rng(4).normal(0, 25, colours.shape)
    return np.clip(np.rint(colours + noise), 0, 255).astype(np.uint8)


PHOTO = photo()
