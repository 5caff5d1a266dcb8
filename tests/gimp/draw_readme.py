"""The README's pictures of the dialog:   python -m tests.gimp.draw_readme

A real GIMP on a screen in memory, the real daemon, the shipped packs and the sample photo.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from tests.gimp.desktop import TO_SLIDER, Desktop
from tests.gimp.real_gimp import wait_for
from tests.gimp.test_hand import said

SAMPLE = Path(__file__).parents[2] / "installer" / "sample"
FRAME = 20
"""Pixels of the window's frame above it."""


def draw(desktop: Desktop, strength: int, mask: bool, output: Path) -> None:
    """Open the dialog on the sample photo, with noise at `strength` from 50 up, and write it."""
    with Image.open(SAMPLE / "cat.png") as image:
        photo = np.asarray(image.convert("RGB"))
    image_id = desktop.show(photo)
    if mask:
        ramp = np.clip(np.linspace(-1.5, 2.2, photo.shape[1]), 0, 1) * 255
        pixels = np.repeat(ramp.astype(np.uint8)[None], len(photo), 0).tobytes()
        code = "add_mask(image(on).get_layers()[0], pixels)"
        desktop.gimp.do(code, on=image_id, pixels=pixels)
    window = desktop.call(image_id)
    if mask:
        desktop.xdotool("key", "alt+m")
        desktop.press("space", "the list of maps", "")
        desktop.xdotool("key", "Down", "Return")
    desktop.xdotool("key", *TO_SLIDER, *["Right"] * (strength - 50))
    wait_for("the exact preview", lambda: said(desktop, "Exact preview"), 120)
    left, top = desktop.place(window)
    size = desktop.xdotool("getwindowgeometry", "--shell", window)
    words = dict(word.split("=") for word in size.split())
    right, bottom = left + int(words["WIDTH"]), top + int(words["HEIGHT"])
    top, bottom = top - 2 * FRAME, bottom - FRAME  # xdotool counts the frame twice
    Image.fromarray(desktop.seen()[top:bottom, left:right]).save(output, optimize=True)
    desktop.close_dialogs()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        desktop = Desktop(Path(folder))
        try:
            desktop.gimp.use_daemon()
            draw(desktop, 55, False, SAMPLE / "dialog.png")
            draw(desktop, 85, True, SAMPLE / "dialog-map.png")
        finally:
            desktop.stop()


if __name__ == "__main__":
    main()
