"""Find packs on disk, verify them, load their anchors.

A pack is a folder with manifest.json and one safetensors file an anchor. Each
file is read once; the bytes that were hashed are the bytes that are parsed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
import torch
from torch import Tensor, nn

from dnid.dni.blend import AnchorStack
from dnid.dni.control import Control
from dnid.errors import DniError, PackDamaged, PackNotFound
from dnid.networks import build
from dnid.packs.manifest import MAX_MANIFEST_BYTES, Anchor, Manifest, parse

MAX_ANCHOR_BYTES = 1 << 30


@dataclass(frozen=True)
class Pack:
    """A verified manifest and where it came from."""

    manifest: Manifest
    sha256: str
    """Of manifest.json, which holds the anchors' hashes: it stands for the whole pack."""
    folder: Path

    def network(self) -> nn.Module:
        """The pack's architecture without weights (on the `meta` device)."""
        with torch.device("meta"):
            return build(self.manifest.architecture, self.manifest.options)

    def control(self) -> Control:
        names = [anchor.name for anchor in self.manifest.anchors]
        path = tuple(names.index(name) for name in self.manifest.path)
        return Control(path, self.manifest.curve, len(names))

    def anchors(self, device: torch.device | None = None) -> AnchorStack:
        """Read and verify every anchor. Raises PackDamaged, naming the file and the fault."""
        expected = self.network().state_dict()
        states = {a.name: self._anchor(a, expected) for a in self.manifest.anchors}
        return AnchorStack(states, device)

    def _anchor(self, anchor: Anchor, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
        data = _read(self.folder / anchor.file, MAX_ANCHOR_BYTES)
        where = f"Pack {self.manifest.id!r}, {anchor.file}"
        if hashlib.sha256(data).hexdigest() != anchor.sha256:
            raise PackDamaged(f"{where}: the hash does not fit the manifest. Install it again.")
        state = _parse_safetensors(data, where)
        _check_layout(state, expected, where)
        if not all(bool(torch.isfinite(value).all()) for value in state.values()):
            raise PackDamaged(f"{where} holds values that are not finite.")
        return state


class PackStore:
    """The packs in some folders. Where two have the same id, the earlier folder's counts."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(folders)

    def find(self, effect: str, pack_id: str | None = None) -> Pack:
        """The pack with this id, or the effect's default: the pack named like the effect,
        else the first by id. Raises PackNotFound, or PackDamaged for a bad manifest; a
        damaged pack of another name does not stand in the way of a sound one."""
        if pack_id is not None:
            pack = self.get(pack_id)
            if pack.manifest.effect != effect:
                raise PackNotFound(
                    f"{pack_id!r} is a pack for {pack.manifest.effect}, not {effect}."
                )
            return pack
        folders = self._pack_folders()
        if effect in folders and (pack := open_pack(folders[effect])).manifest.effect == effect:
            return pack
        for name in sorted(folders):
            with contextlib.suppress(PackDamaged):
                if (pack := open_pack(folders[name])).manifest.effect == effect:
                    return pack
        raise PackNotFound(f"No pack for {effect} is installed; `dnid packs` lists what there is.")

    def get(self, pack_id: str) -> Pack:
        """Raises PackNotFound, or PackDamaged for a bad manifest."""
        folder = self._pack_folders().get(pack_id)
        if folder is None:
            raise PackNotFound(
                f"There is no pack {pack_id!r}; `dnid packs` lists the installed ones."
            )
        return open_pack(folder)

    def describe(self) -> list[dict[str, Any]]:
        """A plain table for each pack; a damaged one is told with its fault in `error`."""
        return [_describe(name, folder) for name, folder in sorted(self._pack_folders().items())]

    def _pack_folders(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for folder in self.folders:
            for manifest in sorted(folder.glob("*/manifest.json")):
                found.setdefault(manifest.parent.name, manifest.parent)
        return found


def default_folders() -> list[Path]:
    """The user's own packs, then the shipped ones (in the wheel, or in the checkout)."""
    here = Path(__file__).resolve()
    shipped = here.parents[1] / "bundled_packs", here.parents[3] / "model_packs" / "packs"
    return [platformdirs.user_data_path("dnid") / "packs", *(p for p in shipped if p.is_dir())]


def open_pack(folder: Path) -> Pack:
    """The pack in this folder; its anchors are not read yet. Raises PackDamaged."""
    data = _read(folder / "manifest.json", MAX_MANIFEST_BYTES)
    try:
        manifest = parse(data)
    except PackDamaged as error:
        raise PackDamaged(f"Pack {folder.name!r}: {error}") from error
    if manifest.id != folder.name:
        raise PackDamaged(f"The folder {folder.name!r} holds the pack {manifest.id!r}; rename it.")
    return Pack(manifest, hashlib.sha256(data).hexdigest(), folder)


def _describe(name: str, folder: Path) -> dict[str, Any]:
    try:
        pack = open_pack(folder)
    except DniError as error:
        return {"id": name, "error": str(error)}
    manifest = pack.manifest
    return {
        "id": manifest.id,
        "name": manifest.name,
        "version": manifest.version,
        "effect": manifest.effect,
        "path": list(manifest.path),
        "anchors": [{"name": a.name, "about": a.about} for a in manifest.anchors],
        "licence": manifest.licence,
        "trained_on": manifest.trained_on,
        "sha256": pack.sha256,
        "folder": str(folder),
    }


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise PackDamaged(f"Cannot read {path}: {error.strerror}.") from error
    if len(data) > limit:
        raise PackDamaged(f"{path} is larger than {limit} bytes.")
    return data


def _parse_safetensors(data: bytes, where: str) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(data)
    except (SafetensorError, json.JSONDecodeError, KeyError, ValueError, TypeError) as error:
        raise PackDamaged(f"{where} is not a safetensors file: {error}") from error


def _check_layout(state: Mapping[str, Tensor], expected: Mapping[str, Tensor], where: str) -> None:
    for key in [*expected, *state]:
        if key not in state or key not in expected:
            raise PackDamaged(f"{where} has {'no' if key in expected else 'an extra'} {key!r}.")
        if state[key].shape != expected[key].shape:
            shapes = f"{tuple(state[key].shape)} instead of {tuple(expected[key].shape)}"
            raise PackDamaged(f"{where}: {key!r} has the shape {shapes}.")
        fitting = _FLOATS if expected[key].is_floating_point() else {expected[key].dtype}
        if state[key].dtype not in fitting:
            raise PackDamaged(f"{where}: {key!r} is stored as {state[key].dtype}.")


_FLOATS = {torch.float16, torch.bfloat16, torch.float32}
