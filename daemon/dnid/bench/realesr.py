"""Real-ESRGAN's own pair (Wang et al. 2021), without and with denoising, as a pack.

The checkpoints do not come with the project: `dnid bench --realesr FOLDER` says where they are.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from dnid.errors import BadInput
from dnid.packs.manifest import Anchor, Manifest
from dnid.packs.store import PackStore

PAIR = ("realesr-general-wdn-x4v3", "realesr-general-x4v3")
OPTIONS = {"num_conv": 32, "upscale": 4}
HALO = 34
"""The whole receptive field: 34 convolutions of 3×3."""


def store_with_pair(source: Path, folder: Path) -> PackStore:
    """The pair as the only pack of a store, made below `folder`. Raises BadInput."""
    pack = folder / "realesr"
    pack.mkdir()
    anchors = []
    for parent, name in zip((None, PAIR[0]), PAIR, strict=True):
        try:
            shutil.copyfile(source / f"{name}.safetensors", pack / f"{name}.safetensors")
        except OSError as error:
            raise BadInput(
                f"Cannot read {source / name}.safetensors ({error.strerror}); --realesr names"
                " the folder with Real-ESRGAN's general x4v3 pair as safetensors."
            ) from error
        digest = hashlib.sha256((pack / f"{name}.safetensors").read_bytes()).hexdigest()
        anchors.append(Anchor(name, digest, parent, "Real-ESRGAN"))
    (pack / "manifest.json").write_text(_manifest(tuple(anchors)).to_json(), encoding="utf-8")
    return PackStore([folder])


def _manifest(anchors: tuple[Anchor, ...]) -> Manifest:
    return Manifest(
        id="realesr",
        name="Real-ESRGAN general x4v3",
        version="0.3.0",
        effect="sr",
        architecture="srvgg",
        options=OPTIONS,
        anchors=anchors,
        path=PAIR,
        curve=((0.0, 0.0), (1.0, 1.0)),
        halo=HALO,
        licence="BSD-3-Clause",
        trained_on="As Real-ESRGAN says.",
        scale=4,
    )
