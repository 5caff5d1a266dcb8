"""Write a pack folder: anchors as float16 safetensors, manifest with their hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from dnid.packs.manifest import Anchor, Manifest
from safetensors.torch import save

from dnipack.recipe import TrainingRecipe
from dnipack.train import State

DEFAULT_HALO = 32
"""Pixels; `dni-pack` measures a pack's own with the engine."""


def build_pack(
    recipe: TrainingRecipe,
    anchors: Mapping[str, State],
    output: Path,
    halo: int = DEFAULT_HALO,
) -> Manifest:
    """Write `output`/<anchor>.safetensors and `output`/manifest.json, the manifest last."""
    output.mkdir(parents=True, exist_ok=True)
    hashes = {
        name: _write_anchor(state, output / f"{name}.safetensors")
        for name, state in anchors.items()
    }
    options = dict(recipe.network)
    end = len(recipe.path) - 1
    manifest = Manifest(
        id=recipe.id,
        name=recipe.name,
        version=recipe.version,
        effect=recipe.effect,
        architecture=str(options.pop("architecture")),
        options=options,
        anchors=tuple(
            Anchor(plan.name, hashes[plan.name], plan.parent, plan.about) for plan in recipe.anchors
        ),
        path=recipe.path,
        curve=recipe.curve or ((0.0, 0.0), (1.0, float(end))),
        halo=halo,
        licence=recipe.licence,
        trained_on=recipe.trained_on,
    )
    write_atomically(output / "manifest.json", manifest.to_json().encode())
    return manifest


def _write_anchor(state: State, path: Path) -> str:
    data = save({key: value.to(torch.float16).contiguous() for key, value in state.items()})
    write_atomically(path, data)
    return hashlib.sha256(data).hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    partial.replace(path)
