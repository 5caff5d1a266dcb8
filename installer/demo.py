"""Restore the sample photo at three strengths and draw them beside the original.

.venv/bin/python installer/demo.py [OUTPUT.png]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from dnid import picture
from dnid.errors import DniError
from dnid.recipe import Recipe, Stage
from dnid.service.client import Client

SAMPLE = Path(__file__).parent / "sample" / "cat.png"
STRENGTHS = (0.25, 0.5, 1.0)
LABEL_HEIGHT = 30


def main() -> int:
    output = Path(sys.argv[1] if len(sys.argv) > 1 else "before-after.png").absolute()
    photo = picture.read(SAMPLE).pixels
    try:
        panels, how = restore(photo)
    except DniError as error:
        print(error, file=sys.stderr)
        return 1
    partial = output.with_name(output.name + ".partial")
    strip(panels).save(partial, "PNG")
    partial.replace(output)
    print(f"{output}\n{how}")
    return 0


def restore(photo: np.ndarray) -> tuple[dict[str, np.ndarray], str]:
    """(label → pixels, a sentence on time and device)"""
    panels = {"before": photo}
    start = time.perf_counter()
    with Client.connect(starting=lambda: print("Starting the daemon …", file=sys.stderr)) as client:
        for strength in tqdm(STRENGTHS, unit="picture", leave=False):
            result = client.restore(photo, Recipe((Stage("denoise", strength),)))
            panels[f"denoise {strength * 100:.0f}"] = result.pixels
    seconds = time.perf_counter() - start
    megapixels = photo.shape[0] * photo.shape[1] / 1e6
    return panels, (
        f"{len(STRENGTHS)} × {megapixels:.2f} megapixels in {seconds:.1f} s, the daemon's start "
        f"included; the last in {result.seconds:.2f} s, on {result.device} in {result.format}"
    )


def strip(panels: dict[str, np.ndarray]) -> Image.Image:
    """The panels side by side, each under its label."""
    height, width = next(iter(panels.values())).shape[:2]
    sheet = Image.new("RGB", (len(panels) * (width + 4) - 4, height + LABEL_HEIGHT), "#202020")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(17)
    for index, (label, pixels) in enumerate(panels.items()):
        left = index * (width + 4)
        draw.text((left + 10, LABEL_HEIGHT / 2), label, "white", font, anchor="lm")
        sheet.paste(Image.fromarray(pixels), (left, LABEL_HEIGHT))
    return sheet


if __name__ == "__main__":
    sys.exit(main())
