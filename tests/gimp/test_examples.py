"""The README's examples for scripts, as they stand there, in a real GIMP."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from tests.gimp.real_gimp import RealGimp

pytestmark = pytest.mark.gimp

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
PHOTO = np.random.default_rng(1).integers(0, 255, (20, 30, 3), np.uint8)
PICTURE = """
image = new_image(30, 20)
layer = new_layer(image, photo, "R'G'B' u8", 30, 20)
add_mask(layer, bytes([255]) * 600)
"""


def example(language: str, beginning: str) -> str:
    """Return the README's example in this language that begins so."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return next(block for block in blocks if block.startswith(beginning))


def strength_of(gimp: RealGimp) -> float:
    """Return the strength that the daemon was asked for."""
    (header,) = (header for header in gimp.sent() if header["kind"] == "restore")
    return header["recipe"]["stages"][0]["strength"]


def test_python(gimp: RealGimp) -> None:
    """The Python-Fu example restores the layer and returns the new one."""
    code = PICTURE + example("python", "procedure = ") + "\nanswer = result.get_name()"
    assert gimp.do(code, photo=PHOTO) == "photo (restored)"
    assert strength_of(gimp) == 0.4


def test_script_fu(gimp: RealGimp) -> None:
    """The Script-Fu example replaces the pixels."""
    code = (
        PICTURE
        + r"""
script = script.replace(" image", f" {image.get_id()}").replace("layer)", f"{layer.get_id()})")
procedure = Gimp.get_pdb().lookup_procedure("plug-in-script-fu-eval")
config = procedure.create_config()
config.set_property("script", script)
answer = [procedure.run(config).index(0).value_nick, raw_pixels(layer)]
"""
    )
    status, pixels = gimp.do(code, photo=PHOTO, script=example("scheme", "("))
    assert status == "success"
    assert strength_of(gimp) == 0.4
    assert np.array_equal(
        np.frombuffer(pixels, np.uint8).reshape(PHOTO.shape),
        np.rint(PHOTO + (255 - 2.0 * PHOTO) * 0.4).astype(np.uint8),
    )


def test_a_folder(gimp: RealGimp) -> None:
    """The batch example writes a restored picture beside each of the folder's."""
    folder = gimp.folder / "work" / "shots"
    folder.mkdir(parents=True)
    code = (
        PICTURE
        + """
import os
from gi.repository import Gio
save = Gio.File.new_for_path(folder + "/a.jpg")
Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, save, None)
image.delete()
os.chdir(folder + "/..")
exec(batch, {**globals(), "Gimp": Gimp})
answer = len(Gimp.get_images())
"""
    )
    batch = example("python", "from pathlib")
    assert gimp.do(code, photo=PHOTO, folder=str(folder), batch=batch) == 0
    assert (folder / "a.png").stat().st_size > 0
    assert strength_of(gimp) == 0.4
