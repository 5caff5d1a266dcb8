"""Write a pack folder: anchors as float16 safetensors, a manifest with their hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from dnid.dni.blend import AnchorStack
from dnid.errors import BadInput
from dnid.packs.manifest import Manifest, SideNetwork
from dnipack.halo import pack_halo
from dnipack.photos import Photo
from dnipack.recipe import TrainingRecipe
from dnipack.train import State

FLOAT16_MAX = 65504.0


def build_pack(
    recipe: TrainingRecipe, anchors: Mapping[str, State], probes: Sequence[Photo], output: Path
) -> Manifest:
    """The pack of a recipe; `probes` are the photos on which the halo is measured."""
    return write_pack(recipe.manifest, recipe.build_network(), anchors, probes, output)


def write_pack(
    describe: Callable[[Mapping[str, str], int, bool], Manifest],
    network: nn.Module,
    anchors: Mapping[str, State],
    probes: Sequence[Photo],
    output: Path,
) -> Manifest:
    """Write `output`/<anchor>.safetensors and `output`/manifest.json, the manifest last.

    `describe` makes the manifest of the anchors' hashes, the halo, which is measured on
    `probes`, and whether it is approximate. Raises BadInput for weights that cannot be stored.
    """
    if any(float(v.abs().max()) > FLOAT16_MAX for s in anchors.values() for v in s.values()):
        raise BadInput("An anchor holds a value beyond float16's range; it cannot be stored.")
    stored = {name: _rounded(state) for name, state in anchors.items()}
    halo, approximate = _halo(network, stored, probes)
    output.mkdir(parents=True, exist_ok=True)
    hashes = {name: _write_anchor(stored[name], output / f"{name}.safetensors") for name in stored}
    manifest = describe(hashes, halo, approximate)
    write_atomically(output / "manifest.json", manifest.to_json().encode())
    return manifest


def _halo(
    network: nn.Module, stored: Mapping[str, State], probes: Sequence[Photo]
) -> tuple[int, bool]:
    """What sees a focus map sees whole pictures, never tiles."""
    if getattr(network, "inputs", 3) != 3:
        return 0, False
    return pack_halo(network, AnchorStack(stored), probes)


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


def write_side_network(
    folder: Path,
    manifest: Manifest,
    key: str,
    network: nn.Module,
    architecture: str,
    options: Mapping[str, Any],
) -> None:
    """<key>.safetensors in float16, then manifest.json with its hash under `key` (`auto`,
    `subject`) and all else as it was."""
    sha256 = _write_anchor(_rounded(network.state_dict()), folder / f"{key}.safetensors")
    change: dict[str, Any] = {key: SideNetwork(sha256, architecture, options)}
    changed = replace(manifest, **change)
    write_atomically(folder / "manifest.json", changed.to_json().encode())


def write_atomically(path: Path, data: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    partial.replace(path)
