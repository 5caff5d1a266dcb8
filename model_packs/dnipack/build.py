"""Write a pack folder: anchors as float16 safetensors, a manifest with their hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save

from dnid.dni.blend import AnchorStack
from dnid.errors import BadInput
from dnid.packs.manifest import Manifest
from dnipack.halo import pack_halo
from dnipack.photos import Photo
from dnipack.recipe import TrainingRecipe
from dnipack.train import State

FLOAT16_MAX = 65504.0


def build_pack(
    recipe: TrainingRecipe, anchors: Mapping[str, State], probes: Sequence[Photo], output: Path
) -> Manifest:
    """Write `output`/<anchor>.safetensors and `output`/manifest.json, the manifest last.

    `probes` are the photos on which the halo is measured.
    """
    output.mkdir(parents=True, exist_ok=True)
    if any(float(v.abs().max()) > FLOAT16_MAX for s in anchors.values() for v in s.values()):
        raise BadInput("An anchor holds a value beyond float16's range; it cannot be stored.")
    stored = {name: _rounded(state) for name, state in anchors.items()}
    hashes = {name: _write_anchor(stored[name], output / f"{name}.safetensors") for name in stored}
    halo, approximate = pack_halo(recipe.build_network(), AnchorStack(stored), probes)
    manifest = recipe.manifest(hashes, halo, approximate)
    write_atomically(output / "manifest.json", manifest.to_json().encode())
    return manifest


def _rounded(state: State) -> State:
    """As a pack stores it: half the bytes, and 60 dB and more below any visible difference."""
    return {
        key: value.to(torch.float16) if value.is_floating_point() else value
        for key, value in state.items()
    }


def _write_anchor(state: State, path: Path) -> str:
    data = save({key: value.contiguous() for key, value in state.items()})
    write_atomically(path, data)
    return hashlib.sha256(data).hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    partial.replace(path)
