"""How the dialog looks where it is not at home: in German, in a light theme, on a HiDPI screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.gimp.desktop import Desktop
from tests.gimp.real_gimp import wait_for
from tests.gimp.test_dialog import COLOUR, FLAT, has, wait_for_after
from tests.gimp.test_hand import SPOT

pytestmark = pytest.mark.gimp

MASK = "add_mask(image(on).get_layers()[0], bytes(range(240)) * 1440)"
GIMPS_OWN = {"Load Saved Settings", "Save Settings", "Reset", "Cancel"}
# Those of GIMP's German words for these, which the test's locale does not show.
GIMPS_LETTERS = {"en": set("lsrc"), "de": set("gszc")}

TEXTS = """
from gi.repository import Gtk
answer = []
for widget in widgets():
    if isinstance(widget, Gtk.Label) and widget.get_text():
        letter = chr(widget.get_mnemonic_keyval() & 0xFF)
        letter = letter if letter.isalpha() and widget.get_mnemonic_keyval() < 256 else ""
        answer.append([widget.get_text(), letter, widget.get_layout().is_ellipsized()])
"""
CHOOSE = """
from gi.repository import Gtk
combos = [widget for widget in widgets() if isinstance(widget, Gtk.ComboBoxText)]
answer = any(combo.set_active_id("layer-mask") for combo in combos)
"""


@pytest.fixture(scope="module")
def german(gimp_is_here: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    """Start a GIMP in German with a light theme."""
    folder = tmp_path_factory.mktemp("german")
    light = ["(theme-color-scheme light)"]
    desktop = Desktop(folder, settings=light, environment={"LANGUAGE": "de"})
    desktop.gimp.use_fake()
    yield desktop
    desktop.close_dialogs()
    desktop.stop()


@pytest.fixture(scope="module")
def dense(gimp_is_here: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    """Start a GIMP on a screen with four pixels where others have one."""
    folder = tmp_path_factory.mktemp("dense")
    desktop = Desktop(folder, size="2560x1800", environment={"GDK_SCALE": "2"})
    desktop.gimp.use_fake()
    yield desktop
    desktop.close_dialogs()
    desktop.stop()


def stages(desktop: Desktop) -> list[dict[str, Any]]:
    """Return the stages of what was asked for last."""
    asked = [head for head in desktop.gimp.sent() if head["kind"] == "restore"]
    return asked[-1]["recipe"]["stages"]


def check_texts(desktop: Desktop, language: str) -> None:
    """No text is cut off, and each letter calls one thing."""
    texts: list[list[Any]] = desktop.gimp.inside(TEXTS)
    assert len(texts) > 25
    assert [text for text, _letter, cut in texts if cut] == []
    letters = [letter for text, letter, _cut in texts if letter and text not in GIMPS_OWN]
    assert len(letters) == 13
    assert sorted(letters) == sorted(set(letters))
    assert not set(letters) & GIMPS_LETTERS[language]


def test_german_in_a_light_theme(german: Desktop, output: Path) -> None:
    """Nothing is cut off or called by the same letter; words over the picture can be read."""
    image = german.show(FLAT)
    german.gimp.do(MASK, on=image)
    german.call(image)
    wait_for_after(german, 0.5)
    before = german.area("Vorschau", "Layout")
    assert german.gimp.inside(CHOOSE)
    wait_for("the map", lambda: german.gimp.sent()[-1].get("mask"))
    wait_for("its result", lambda: 0 < has(german, 0.5).sum() < 10_000)
    german.screenshot(output / "german-light.png")
    check_texts(german, "de")
    german.click("Hintergrund unscharf", "CheckButton")
    wait_for("a second effect", lambda: len(stages(german)) == 2)
    assert german.area("Vorschau", "Layout") == before, "neither moves the picture"
    assert german.gimp.inside("answer = place(find('… wo schwarz', 'Scale'))")
    for word in ("Vorher", "Nachher"):
        left, top, width, height = german.area(word, "Label")
        word_pixels = german.seen()[top : top + height, left : left + width]
        light = word_pixels.max(axis=2)
        assert np.median(light) < 100
        assert light.max() > 220


def test_a_dense_screen(dense: Desktop, output: Path) -> None:
    """At 100 % a pixel of the result is one of the screen, and the line is two wide."""
    wide = np.full((900, 1600, 3), COLOUR, np.uint8)
    wide[430:470, 660:700] = SPOT
    image = dense.show(wide)
    dense.gimp.do("add_mask(image(on).get_layers()[0], bytes([255]) * 1440000)", on=image)
    dense.call(image)
    found = wait_for_after(dense, 0.5)
    assert dense.gimp.inside(CHOOSE)
    wait_for("the map", lambda: dense.gimp.sent()[-1].get("mask"))
    wait_for_after(dense, 0.5)
    check_texts(dense, "en")
    dense.screenshot(output / "dense.png")
    before_area = dense.area("Preview", "Layout")
    dense.click("Blur the background", "CheckButton")
    wait_for("a second effect", lambda: len(stages(dense)) == 2)
    assert dense.area("Preview", "Layout") == before_area, "a name in bold moves nothing"
    dense.click("Blur the background", "CheckButton")
    wait_for_after(dense, 0.5)
    left, top, width, height = dense.area("Preview", "Layout")
    seen = dense.seen()[top : top + height, left : left + width].astype(int)
    row = seen[height // 4]
    (white,) = np.nonzero((row == 255).all(axis=1))
    assert white.tolist() == [width // 2, width // 2 + 1]
    black = [white[0] - 2, white[0] - 1, white[1] + 1, white[1] + 2]
    assert (row[black] == 0).all()
    assert np.abs(row[white[0] - 3] - COLOUR).max() <= 1
    assert np.abs(row[white[1] + 3] - 127.5).max() <= 1
    before = np.abs(seen - SPOT).max(axis=2) <= 1
    rows, columns = np.nonzero(before)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (40, 40)
    assert before.sum() == 1600
    assert found.any()
