"""What the plug-in does not do, in a real GIMP: one sentence with the remedy, and no change."""

from __future__ import annotations

import os
import signal
from typing import Any

import numpy as np
import pytest
from tests.gimp.desktop import Desktop
from tests.gimp.real_gimp import PATIENCE, RealGimp, wait_for

pytestmark = pytest.mark.gimp

PHOTO = np.random.default_rng(1).integers(0, 255, (20, 30, 3), np.uint8)

PICTURE = """
on = new_image(30, 20)
layer = new_layer(on, photo, "R'G'B' u8", 30, 20)
before = [describe(on), raw_pixels(layer)]
"""
CALL = """
answer = restore(on, drawables, **arguments)
answer["untouched"] = [describe(on), raw_pixels(layer)] == before
"""


def call(
    gimp: RealGimp, setup: str = "", drawables: str = "[layer]", **arguments: Any
) -> tuple[str, str]:
    """Call the plug-in on a picture after `setup`; return status and error, the picture checked."""
    steps = [PICTURE, setup, "before = [describe(on), raw_pixels(layer)]"]
    code = "\n".join([*steps, f"drawables = {drawables}", CALL])
    answer = gimp.do(code, photo=PHOTO, arguments=arguments)
    assert answer["untouched"], "a refused picture is as before"
    return answer["status"], answer["error"]


REPLACE = {"output": "replace"}
GROUP = """
group = Gimp.GroupLayer.new(on, "group")
on.insert_layer(group, None, 0)
"""


@pytest.mark.parametrize(
    ("setup", "drawables", "arguments", "sentence"),
    [
        ("", "[]", {}, "select exactly one layer"),
        ("other = new_layer(on, photo, \"R'G'B' u8\", 30, 20)", "[layer, other]", {},
         "select exactly one layer"),
        (GROUP, "[group]", {}, "select a single layer inside it"),
        ("channel = Gimp.Selection.save(on)", "[channel]", {}, "select a layer"),
        ("", "[layer]", {"mask": "layer-mask"}, "please add one"),
        ("", "[layer]", {"mask": "selection"}, "select an area"),
        ("layer.set_lock_content(True)", "[layer]", REPLACE, "unlock them"),
        (GROUP + "on.reorder_item(layer, group, 0)\ngroup.set_lock_content(True)", "[layer]",
         REPLACE, "unlock them"),
        (GROUP + "on.reorder_item(layer, group, 0)\ngroup.set_lock_content(True)", "[layer]",
         {}, "unlock it"),
        ("layer.set_offsets(15, 0)\non.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 5, 5)",
         "[layer]", REPLACE, "does not touch"),
        ("text = Gimp.TextLayer.new(on, 'DNI', Gimp.context_get_font(), 9, Gimp.Unit.pixel())\n"
         "on.insert_layer(text, None, 0)", "[text]", REPLACE, "as a new layer"),
        ("on.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 9, 9)\n"
         "floating = Gimp.Selection.float(on, [layer], 0, 0)", "[layer]", {}, "anchor it"),
        ("on.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.MONO, 0, False,"
         " False, '')", "[layer]", {}, "convert it with Image > Mode > RGB"),
        ("empty = new_layer(on, bytes(2400), \"R'G'B'A u8\", 30, 20, alpha=True)", "[empty]", {},
         "This layer is empty"),
        ("empty = new_layer(on, bytes(2400), \"R'G'B'A u8\", 30, 20, alpha=True)\n"
         "arguments['denoise_auto'] = True", "[empty]", REPLACE, "This layer is empty"),
        ("", "[layer]", {"mask": "drawable"}, "choose a channel or a layer"),
        ("small = new_layer(on, bytes(12), \"R'G'B' u8\", 2, 2)\n"
         "arguments['mask_drawable'] = small",
         "[layer]", {"mask": "drawable"}, "same size"),
        ("", "[layer]", {"denoise_on": False}, "Nothing is switched on"),
        ("", "[layer]", {"procedure": "blend", "pack": "none"}, "no pack “none”"),
        ("", "[layer]", {"procedure": "blend", "shares": "far"}, "NAME=NUMBER"),
    ],
    ids=["no layer", "two layers", "group", "channel", "no mask", "no selection", "locked",
         "locked group, replace", "locked group", "selection beside", "text", "floating",
         "indexed", "empty", "empty, auto", "no map", "small map", "nothing on", "unknown pack",
         "no share"],
)  # fmt: skip
def test_refused(
    gimp: RealGimp, setup: str, drawables: str, arguments: dict[str, str], sentence: str
) -> None:
    """A picture that cannot be worked on is refused with the remedy, before a pixel travels."""
    status, error = call(gimp, setup, drawables, **arguments)
    assert status == "execution-error"
    assert sentence in error
    assert not {"restore", "auto"} & {header["kind"] for header in gimp.sent()}


FAINT = """
on = new_image(30, size, precision=precision)
pixels = bytearray(bytes_a_pixel * 30 * size)
pixels[-bytes_a_pixel // 4] = 1  # the lowest byte of the last alpha
layer = new_layer(on, bytes(pixels), model, 30, size, alpha=True)
answer = restore(on, [layer])
"""


@pytest.mark.parametrize("precision", ["u8-non-linear", "u16-non-linear"])
def test_nearly_empty(gimp: RealGimp, precision: str) -> None:
    """One pixel at the end of a high layer, of which hardly anything is seen, is something."""
    depth = precision[: precision.index("-")]
    wide = 4 * (1 if depth == "u8" else 2)
    values = {"precision": precision, "model": f"R'G'B'A {depth}", "bytes_a_pixel": wide}
    assert gimp.do(FAINT, size=700, **values)["status"] == "success"


def test_an_empty_layer_opens_no_dialog(desktop: Desktop) -> None:
    """Called from the menu, too, the sentence comes at once instead of a window without a use."""
    code = """
on = new_image(30, 20)
layer = new_layer(on, bytes(2400), "R'G'B'A u8", 30, 20, alpha=True)
answer = restore(on, [layer], "INTERACTIVE")
"""
    answer = desktop.gimp.start(code).result(PATIENCE)
    assert answer["status"] == "execution-error"
    assert "This layer is empty" in answer["error"]
    # GIMP's own message stays over whatever comes next.
    message = desktop.window("(GIMP Message|GIMP-Meldung)")
    desktop.xdotool("windowactivate", "--sync", message, "key", "Escape")
    wait_for("no message", lambda: not desktop.windows("(GIMP Message|GIMP-Meldung)"))


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        ("refuses", "There is no pack for denoise"),
        ("dies", "ended unexpectedly (Killed by a test)"),
        ("dead", "No module named dnid"),
        ("loses-daemon", "The daemon ended during the work"),
        ("other-version", "run the installer"),
        ("babbles", "cannot be read"),
        ("lies", "does not fit"),
        ("grows", "another size"),
    ],
)
@pytest.mark.parametrize("output", ["new-layer", "replace"])
def test_a_failing_daemon_leaves_the_picture(
    gimp: RealGimp, behaviour: str, sentence: str, output: str
) -> None:
    """Whatever happens to the daemon, the user reads it, and the next run works."""
    gimp.use_fake(behaviour)
    status, error = call(gimp, output=output)
    assert status == "execution-error"
    assert sentence in error
    gimp.use_fake()
    status = gimp.do(PICTURE + "answer = restore(on, [layer])['status']", photo=PHOTO)
    assert status == "success"


def test_no_daemon_json(gimp: RealGimp) -> None:
    """A plug-in that was copied by hand says to run the installer."""
    (gimp.profile / "plug-ins/dni/daemon.json").unlink()
    status, error = call(gimp)
    assert status == "execution-error"
    assert "run the installer" in error


def test_no_bridge(gimp: RealGimp) -> None:
    """A dnid that was moved away says which file is missing, and to run the installer."""
    gimp.use_bridge("/nowhere/dnid", "bridge")
    status, error = call(gimp)
    assert status == "execution-error"
    assert "/nowhere/dnid" in error
    assert "run the installer" in error


def test_a_killed_plug_in_cancels_its_job(gimp: RealGimp) -> None:
    """Cancel in GIMP kills the plug-in: the bridge sees its input end, the picture is as before."""
    gimp.use_fake("stalls")
    code = f"{PICTURE}drawables = [layer]{CALL}"
    answer = gimp.start(code, photo=PHOTO, arguments={"output": "replace"})
    wait_for("the job", lambda: "restore" in [header["kind"] for header in gimp.sent()])
    os.kill(wait_for("the plug-in", gimp.plug_in), signal.SIGKILL)
    assert answer.result()["status"] != "success"
    assert answer.result()["untouched"]
    wait_for("the bridge to see the end", lambda: gimp.sent()[-1]["kind"] == "end of input")
