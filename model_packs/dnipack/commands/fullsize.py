"""`dni-pack fullsize`: depth of field at a photo's own size, beside a rendered lens."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from tqdm import tqdm

from dnid.engine.memory import keep_freed_blocks
from dnid.errors import BadInput
from dnipack.commands.parts import add_pack, engine_of, find_pack, numbers, photos_in
from dnipack.fullsize import beside_a_lens
from dnipack.levels import kind_for
from dnipack.photos import load_mask, load_photo

if TYPE_CHECKING:
    from dnipack.commands import Commands


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "fullsize",
        help="measure depth of field at the photos' own size",
        description="Soften the background of large photos with the pack, and render a lens at "
        "that size. Of each photo it prints the gradient energy inside the subject as a share of "
        "the photo's (1: nothing lost), that of the background as a share of the rendered one's "
        "(1: as soft), that of the untouched photo, and the PSNR.",
    )
    add_pack(parser)
    parser.add_argument("--data", type=Path, required=True, help="folder of photos")
    parser.add_argument(
        "--masks", type=Path, required=True,
        help="folder of masks, white where the subject is: flower.png or anything__flower.png "
        "for flower.jpg, of any size; photos without one are left out",
    )  # fmt: skip
    parser.add_argument(
        "--levels", type=numbers, metavar="L,L…", default=(1.0, 2.0),
        help="radius of the lens in %% of the long side (default 1,2)",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    keep_freed_blocks()
    pack = find_pack(options.pack)
    kind = kind_for(pack.manifest, "lens")
    scenes = dict(_with_masks(options.data, options.masks))
    engine = engine_of(pack)
    rows = []
    with tqdm(total=len(scenes) * len(options.levels), unit="picture", disable=None) as bar:
        for level in options.levels:
            for path, mask in scenes.items():
                photo = load_photo(path)
                subject = load_mask(mask, (photo.shape[1], photo.shape[0]))
                strength = min(1.0, kind.strength(level))
                args = engine, pack.manifest.id, photo, subject, level / 100, strength
                rows.append((level, path.stem, beside_a_lens(*args)))
                bar.update()
    print(" radius  subject  background  (photo)    PSNR")
    for level, name, beside in rows:
        figures = f"{_shown(beside.subject)} {beside.background:11.3f} {beside.photo:8.1f}"
        print(f"{level:7g} {figures} {beside.psnr:7.2f}  {name}")
    for level in options.levels:
        own = [beside for other, _, beside in rows if other == level]
        kept = [beside.subject for beside in own if beside.subject is not None]
        softness = median(beside.background for beside in own)
        print(
            f"{level:7g} {_shown(median(kept) if kept else None)} {softness:11.3f}  in the median"
        )
    return 0


def _shown(share: float | None) -> str:
    return "       –" if share is None else f"{share:8.3f}"


def _with_masks(photos: Path, masks: Path) -> Iterator[tuple[Path, Path]]:
    """Raises BadInput when no photo has a mask."""
    none = True
    for path in photos_in(photos):
        for mask in sorted(masks.glob("*.png")):
            if mask.stem.split("__")[-1] == path.stem:
                yield path, mask
                none = False
    if none:
        raise BadInput(f"No photo in {photos} has a mask in {masks}.")
