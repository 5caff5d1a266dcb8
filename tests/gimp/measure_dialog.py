"""How soon the dialog answers:   python -m tests.gimp.measure_dialog PHOTO [--screenshot PNG]

A real GIMP on a screen in memory, the real daemon, the shipped denoise pack; xdotool drags the
slider for some seconds, or with --pan the picture, at 25 %, of which then all is shown. An event
is answered when all that it leads to at once has been done, the drawing of the preview included.
The X server's clock, which stamps the events, is the system's own monotonic one; so the time that
an event waits is counted too.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from tests.gimp.desktop import Desktop
from tests.gimp.real_gimp import wait_for

from dnid.bench.costs import Subject
from dnid.bench.timing import in_turn
from dnid.engine.device import probe_picture
from dnid.engine.engine import Engine
from dnid.packs.store import PackStore, default_folders
from dnid.recipe import Stage

SLIDER = "Remove noise"
MOVES = range(240)
PAUSE = 0.02  # seconds between two moves of the mouse

WATCH = """
import time
from gi.repository import GLib
widget = find(name, kind)
waits, paints, stalls, beat = [], [], [], [0.0]
now = lambda: time.clock_gettime(time.CLOCK_MONOTONIC)

def answered(widget, event):
    if event.type.value_nick == "motion-notify" and event.get_time():
        stamp = event.get_time()
        waits.append(now() * 1000 % 2**32 - stamp)
        paints.append([stamp, None])

def painted(clock):
    for paint in paints:
        paint[1] = paint[1] or now() * 1000 % 2**32 - paint[0]

def beats():
    stalls.append(1000 * (now() - beat[0]))
    beat[0] = now()
    return True

beat[0] = now()
listening = widget.connect("event-after", answered)
clock = widget.get_toplevel().get_frame_clock()
painting = clock.connect("after-paint", painted)
beating = GLib.timeout_add(4, beats, priority=GLib.PRIORITY_HIGH)
"""
STOP = """
widget.disconnect(listening)
clock.disconnect(painting)
GLib.source_remove(beating)
answer = [waits, [paint[1] for paint in paints if paint[1]], stalls, time.process_time()]
"""
LIVE = """
import gc
(live,) = (found for found in gc.get_objects() if type(found).__name__ == "LivePreview")
"""
CROP = f"""{LIVE}
crop = live._gatherer.parcel.key[0]
answer = [crop.height, crop.width]
"""
FARTHEST = f"""{LIVE}
live.view.look(live.view.view.zoomed(0.25))
"""
FIT = f"""{LIVE}
began = time.perf_counter()
live.view.look(live.view.view.fitting())
box = live.view.view.box()
answer = [1000 * (time.perf_counter() - began), box.width, box.height]
"""
READY = """
answer = any((w.get_accessible().get_name() or "").startswith("Exact") for w in widgets())
"""


def main() -> None:
    """Measure, print, and leave nothing behind."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("photo", type=Path)
    parser.add_argument("--pan", action="store_true", help="move the picture, not the slider")
    parser.add_argument("--maximise", action="store_true", help="a preview as large as the screen")
    parser.add_argument("--screenshot", type=Path, metavar="PNG")
    arguments = parser.parse_args()
    with Image.open(arguments.photo) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    with tempfile.TemporaryDirectory() as folder:
        desktop = Desktop(Path(folder))
        try:
            measure(desktop, pixels, arguments)
            desktop.close_dialogs()
        finally:
            desktop.stop()


def measure(desktop: Desktop, pixels: np.ndarray, arguments: argparse.Namespace) -> None:
    """Print how long the first preview took, and how long the dialog let the hand wait."""
    desktop.gimp.use_daemon()
    image = desktop.show(pixels)
    for what in ("first preview, daemon and pack started for it", "first preview, daemon runs"):
        desktop.close_dialogs()
        window = desktop.call(image)
        began = time.monotonic()
        wait_for("the preview", lambda: desktop.gimp.inside(READY))
        print(f"{what}: {time.monotonic() - began:.2f} s after the window was there")
    if arguments.maximise:
        desktop.xdotool("windowmove", window, 0, 0, "windowsize", window, 1280, 880)
    if arguments.pan:
        pan(desktop)
    else:
        slide(desktop)
    if arguments.screenshot:
        wait_for("the preview", lambda: desktop.gimp.inside(READY))
        desktop.screenshot(arguments.screenshot)


def slide(desktop: Desktop) -> None:
    """Drag the slider to and fro, with the bare network's time for the same pixels beside it."""
    wait_for("the preview", lambda: desktop.gimp.inside(READY))
    _, _, width, height = desktop.area("Preview", "Layout")
    crop = desktop.gimp.inside(CROP)
    print(f"view: {width}×{height}, crop: {crop[1]}×{crop[0]}")
    print(f"the bare network takes {bare_network(*crop):.2f} s for the crop")
    x, y = desktop.handle(SLIDER)
    watch(desktop, SLIDER, "Scale", [(x + round(60 * np.sin(move / 20)), y) for move in MOVES])


def pan(desktop: Desktop) -> None:
    """Drag the picture at 25 % in circles, then show all of it."""
    desktop.gimp.inside(FARTHEST)
    left, top, width, height = desktop.area("Preview", "Layout")
    print(f"view: {width}×{height}")
    x, y = left + width // 4, top + height // 2
    turns = [(move / 20, 4 * min(30, move)) for move in MOVES]
    path = [(x + round(r * np.sin(at)), y + round(r * np.cos(at))) for at, r in turns]
    watch(desktop, "Preview", "Layout", path)
    took, width, height = desktop.gimp.inside(FIT)
    print(f"to show all that fits, {width}×{height}, took {took:.0f} ms")


def bare_network(height: int, width: int) -> float:
    """Return the seconds that the network alone takes for a crop of this size."""
    subject = Subject.make(Engine(PackStore(default_folders())), Stage("denoise", 0.5))
    network = subject.network(subject.runner.choice.dtype)
    # The network halves its input three times; what is missing is padded.
    side = 8 * -(-max(height, width) // 8)
    crop = probe_picture(side)[:, :, : 8 * -(-height // 8), : 8 * -(-width // 8)].contiguous()
    network(crop)
    return in_turn(5, lambda: network(crop))[0]


def watch(desktop: Desktop, name: str, kind: str, path: list[tuple[int, int]]) -> None:
    """Drag from the path's first point along it, and print what was noted inside."""
    words: list[object] = ["mousemove", *path[0], "mousedown", 1]
    for x, y in path:
        words += ["mousemove", x, y, "sleep", PAUSE]
    desktop.gimp.inside(WATCH, name=name, kind=kind)
    desktop.xdotool(*words, "mouseup", 1)
    waits, paints, stalls, seconds = desktop.gimp.inside(STOP)
    for what, values in (
        ("an event was answered after", waits),
        ("and what it changed was painted after", paints),
        ("the main loop was away for", stalls),
    ):
        spread = " ".join(f"{np.percentile(values, part):.0f}" for part in (50, 95, 99, 100))
        print(f"{what}: {spread} ms (median, 95 %, 99 %, longest of {len(values)})")
    print(f"processor time of the plug-in since its start: {seconds:.2f} s")


if __name__ == "__main__":
    main()
