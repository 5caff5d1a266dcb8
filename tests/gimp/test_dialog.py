"""The dialog, driven by mouse and keyboard in the real GIMP, with a bridge of one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.gimp.desktop import DIALOG, MAIN, TO_SLIDER, Desktop
from tests.gimp.real_gimp import wait_for

pytestmark = pytest.mark.gimp

COLOUR = np.array([40, 90, 160])  # of the whole picture; strength 1 is its negative
FLAT = np.full((480, 720, 3), COLOUR, np.uint8)


def has(desktop: Desktop, strength: float) -> np.ndarray:
    """Return where the screen shows the picture at this strength, H×W of bool."""
    expected = COLOUR + (255 - 2 * COLOUR) * strength
    return np.abs(desktop.seen() - expected).max(axis=2) <= 1.5


def wait_for_after(desktop: Desktop, strength: float) -> np.ndarray:
    """Wait until the preview shows this strength over a large area, and return where."""
    return wait_for(
        f"strength {strength}", lambda: (found := has(desktop, strength)).sum() > 10_000 and [found]
    )[0]


def columns(found: np.ndarray) -> tuple[int, int]:
    """Return the first and last column where most of an area lies."""
    filled = np.flatnonzero(found.sum(axis=0) > 100)
    return int(filled[0]), int(filled[-1])


def requests(desktop: Desktop) -> list[dict[str, Any]]:
    """Return the previews and restorations that were asked for."""
    return [header for header in desktop.gimp.sent() if header["kind"] == "restore"]


def wished(desktop: Desktop) -> list[float]:
    """Return the strengths above 60 % that were asked for, but for the end of the slider."""
    asked = [header["recipe"]["stages"][0]["strength"] for header in requests(desktop)]
    return [strength for strength in asked if 0.6 < strength < 1]


def names(desktop: Desktop, image: int) -> list[str]:
    """Return the layers' names, top to bottom."""
    return [line["name"] for line in desktop.gimp.do("answer = describe(image(on))", on=image)]


@pytest.fixture
def picture(desktop: Desktop) -> int:
    """Show a picture of one colour."""
    return desktop.show(FLAT)


def test_before_and_after(desktop: Desktop, picture: int, output: Path) -> None:
    """Half the view is the picture and half the result; the line between follows the mouse."""
    desktop.call(picture)
    after = wait_for_after(desktop, 0.5)
    desktop.screenshot(output / "split.png")
    line, _end = columns(after)
    row = int(np.flatnonzero(after.any(axis=1)).mean())
    desktop.drag_on_screen((line - 2, row), (line - 102, row))
    moved, _end = columns(wait_for_after(desktop, 0.5))
    assert line - moved == pytest.approx(100, abs=6)

    desktop.xdotool("keydown", "b")
    wait_for("before, held", lambda: has(desktop, 0.5).sum() < 1000)
    desktop.xdotool("keyup", "b")
    wait_for_after(desktop, 0.5)
    desktop.xdotool("key", "alt+w")
    wait_for("no line", lambda: columns(has(desktop, 0.5))[0] < moved - 20)


def test_only_what_is_seen_is_computed(desktop: Desktop, picture: int) -> None:
    """Nearer, a smaller part of the picture travels."""
    desktop.call(picture)
    after = wait_for_after(desktop, 0.5)
    before = requests(desktop)[-1]["image"]["width"]
    row, column = (int(part.mean()) for part in np.nonzero(after))
    desktop.xdotool("mousemove", column, row, "click", 4, "click", 4, "click", 4)
    wait_for("a smaller crop", lambda: requests(desktop)[-1]["image"]["width"] < 0.6 * before)
    wait_for_after(desktop, 0.5)


def test_the_preview_follows_the_slider(desktop: Desktop, picture: int, output: Path) -> None:
    """What is seen is the strength that is set, and what is seen is what one gets."""
    desktop.call(picture)
    wait_for_after(desktop, 0.5)
    desktop.xdotool("key", *TO_SLIDER, *["Right"] * 15)
    wait_for("the last wish", lambda: (at := wished(desktop)) and has(desktop, at[-1]).any())
    desktop.xdotool("key", *TO_SLIDER, "End")
    wait_for_after(desktop, 1.0)
    desktop.xdotool("key", "Tab", "Tab", "space")  # Auto, which proposes 30
    wait_for_after(desktop, 0.3)
    desktop.screenshot(output / "auto.png")
    desktop.xdotool("key", "alt+o")
    assert desktop.status() == "success"
    assert names(desktop, picture) == ["photo (restored)", "photo"]
    code = "answer = raw_pixels(image(on).get_layers()[0])[:3]"
    expected = COLOUR + (255 - 2 * COLOUR) * 0.3
    assert np.abs(np.frombuffer(desktop.gimp.do(code, on=picture), np.uint8) - expected).max() <= 1


def test_a_daemon_that_dies_while_previewing(desktop: Desktop, picture: int, output: Path) -> None:
    """The dialog says so, waits for the user, and goes on when told to try again."""
    desktop.gimp.use_fake("dies")
    desktop.call(picture)
    wait_for("the end", lambda: requests(desktop) and desktop.gimp.sent())
    assert not has(desktop, 0.5).sum() > 10_000
    after = "answer = any(each.get_accessible().get_name() == 'After' for each in widgets())"
    assert not desktop.gimp.inside(after), "nothing is called so that is not"
    desktop.screenshot(output / "trouble.png")
    asked = len(requests(desktop))
    desktop.gimp.use_fake()
    desktop.xdotool("key", "alt+a")
    wait_for_after(desktop, 0.5)
    assert asked <= 2, "it does not try again by itself"


def test_cancelling_the_dialog(desktop: Desktop, picture: int) -> None:
    """Escape leaves the picture as it is and ends the bridge."""
    desktop.call(picture)
    wait_for_after(desktop, 0.5)
    desktop.xdotool("key", "Escape")
    assert desktop.status() == "cancel"
    assert names(desktop, picture) == ["photo"]
    wait_for("the bridge to end", lambda: desktop.gimp.sent()[-1]["kind"] == "end of input")


def test_changing_a_result(desktop: Desktop, picture: int, output: Path) -> None:
    """Called on a result, the filter offers its settings, and updates that layer from below."""
    first = "answer = restore(image(on), image(on).get_layers(), denoise=100.0)"
    desktop.gimp.do(first, on=picture)
    desktop.call(picture)
    desktop.screenshot(output / "reopen.png")
    desktop.xdotool("key", "Return")
    desktop.window(DIALOG)
    wait_for_after(desktop, 1.0)
    desktop.xdotool("key", *TO_SLIDER, "Left", "Left", "Left", "Left", "Left")
    wait_for_after(desktop, 0.95)
    desktop.xdotool("key", "alt+o")
    assert desktop.status() == "success"
    assert names(desktop, picture) == ["photo (restored)", "photo"]
    code = """
top = image(on).get_layers()[0]
note = json.loads(bytes(top.get_parasite("dni-recipe").get_data()))
answer = [raw_pixels(top)[:3], note["recipe"]["stages"][0]["strength"]]
"""
    pixel, strength = desktop.gimp.do(code, on=picture)
    expected = COLOUR + (255 - 2 * COLOUR) * 0.95
    assert np.abs(np.frombuffer(pixel, np.uint8) - expected).max() <= 1
    assert strength == 0.95


def test_blending_by_hand(desktop: Desktop, picture: int, output: Path) -> None:
    """The shares start alike; moving one moves the other, and the preview with them."""
    desktop.call(picture, procedure="blend")
    wait_for_after(desktop, 0.5)
    desktop.screenshot(output / "blend.png")
    desktop.xdotool("key", "alt+p", "Tab", *["Left"] * 10)
    wait_for_after(desktop, 0.6)
    desktop.xdotool("key", "alt+o")
    assert desktop.status() == "success"
    assert requests(desktop)[-1]["recipe"]["stages"][0]["shares"] == pytest.approx([0.4, 0.6])


def test_painting_while_the_dialog_is_open(desktop: Desktop, picture: int, output: Path) -> None:
    """Back from GIMP's own window, the preview is one of what the layer has become."""
    window = desktop.call(picture)
    wait_for_after(desktop, 0.5)
    asked = len(requests(desktop))
    main = desktop.window(MAIN)
    desktop.xdotool("windowactivate", "--sync", main, "key", "ctrl+comma")  # fill, with black
    desktop.xdotool("windowactivate", "--sync", window)
    middle = lambda: int(np.abs(desktop.seen() - 127.5).max(axis=2).__le__(1).sum())  # noqa: E731
    wait_for("half of black's negative", lambda: middle() > 10_000)
    desktop.screenshot(output / "painted.png")
    assert len(requests(desktop)) > asked
    asked = len(requests(desktop))
    desktop.xdotool("windowactivate", "--sync", main, "windowactivate", "--sync", window)
    desktop.xdotool("key", *TO_SLIDER, "End")
    wait_for("black's negative", lambda: (desktop.seen() == 255).all(axis=2).sum() > 50_000)
    strengths = [head["recipe"]["stages"][0]["strength"] for head in requests(desktop)[asked:]]
    assert 0.5 not in strengths, "nothing was painted: nothing is asked for again"
