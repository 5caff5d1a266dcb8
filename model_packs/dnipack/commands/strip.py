"""`dni-pack strip`: a photo at some positions of the slider, side by side."""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from dnid.engine.memory import keep_freed_blocks
from dnid.errors import BadInput
from dnid.packs.manifest import Manifest
from dnid.recipe import Recipe, Stage
from dnipack.build import write_atomically
from dnipack.commands.parts import (
    add_kind,
    add_pack,
    check_output,
    engine_of,
    find_pack,
    numbers,
    strengths,
)
from dnipack.levels import kind_for
from dnipack.photos import Photo, load_photo, to_pixels, to_tensor

if TYPE_CHECKING:
    from dnipack.commands import Commands

GAP = 4
"""Pixels of white between two pictures."""
LABEL = 15
"""Height of a label's text in pixels."""
QUALITY = 90
"""Of a JPEG."""


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "strip",
        help="draw a photo at some positions of the slider",
        description="Restore a photo at some positions of the slider and set the results side by "
        "side, for a card or a page. With --level the photo is degraded first.",
    )
    add_pack(parser)
    parser.add_argument("photo", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, help="a .jpg or .png file")
    parser.add_argument(
        "--positions", type=strengths, metavar="S,S…", default=(0.0, 0.25, 0.5, 0.75, 1.0),
        help="(default 0,0.25,0.5,0.75,1)",
    )  # fmt: skip
    parser.add_argument("--level", type=float, help="how much to degrade it, as of `measure`")
    add_kind(parser)
    parser.add_argument("--mask", type=Path, help="white where the effect is to be, of its size")
    parser.add_argument(
        "--crop", type=numbers, metavar="X,Y,W,H", help="the part to show (default: all of it)"
    )
    parser.add_argument(
        "--width", type=int, default=240, help="of each picture at most (default 240 pixels)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    if options.output.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise BadInput("A strip is a .jpg or a .png file.")
    check_output(options.output, options.photo, options.mask)
    keep_freed_blocks()
    pack = find_pack(options.pack)
    engine = engine_of(pack)
    photo, mask = load_photo(options.photo), None
    if options.mask is not None:
        mask = load_photo(options.mask)[..., 0].copy()
    if options.level is not None:
        photo = degraded(photo, pack.manifest, options.kind, options.level)
    pictures = []
    for strength in options.positions:
        stage = Stage(pack.manifest.effect, strength, pack=pack.manifest.id,
                      scale=pack.manifest.scale)  # fmt: skip
        pictures.append(engine.restore(photo, Recipe((stage,)), mask).pixels)
    labels = [f"{strength:g}" for strength in options.positions]
    image = side_by_side([_part(p, options.crop) for p in pictures], labels, options.width)
    data = io.BytesIO()
    image.save(data, "PNG" if options.output.suffix.lower() == ".png" else "JPEG", quality=QUALITY)
    write_atomically(options.output, data.getvalue())
    return 0


def degraded(photo: Photo, manifest: Manifest, kind: str | None, level: float) -> Photo:
    """As `measure` degrades it. Raises BadInput for a pack that undoes nothing."""
    chosen = kind_for(manifest, kind)
    if chosen.renders:
        raise BadInput("Depth of field undoes nothing; leave --level out.")
    height, width = (side // manifest.scale * manifest.scale for side in photo.shape[:2])
    truth = to_tensor(photo[:height, :width])
    return to_pixels(chosen.degradation(level)(truth, torch.Generator().manual_seed(0)))


def _part(picture: Photo, crop: Sequence[float] | None) -> Photo:
    if crop is None:
        return picture
    if len(crop) != 4:
        raise BadInput("A crop is X,Y,W,H.")
    left, top, width, height = map(int, crop)
    part = picture[max(0, top) : top + height, max(0, left) : left + width]
    if not part.size:
        raise BadInput("The crop lies outside the picture.")
    return part


def side_by_side(pictures: Sequence[Photo], labels: Sequence[str], width: int) -> Image.Image:
    """All of one size; each at most `width` pixels wide, with its label in the corner."""
    share = min(1.0, width / pictures[0].shape[1])
    size = round(pictures[0].shape[1] * share), round(pictures[0].shape[0] * share)
    sheet = Image.new("RGB", ((size[0] + GAP) * len(pictures) - GAP, size[1]), "white")
    for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        image = Image.fromarray(np.ascontiguousarray(picture)).resize(
            size, Image.Resampling.LANCZOS
        )
        draw, font = ImageDraw.Draw(image), ImageFont.load_default(LABEL)
        draw.text((8, 6), label, "white", font, stroke_width=2, stroke_fill="black")
        sheet.paste(image, (number * (size[0] + GAP), 0))
    return sheet
