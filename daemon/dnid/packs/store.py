"""Find packs on disk, verify them, load their anchors.

A pack is a folder with manifest.json and one safetensors file an anchor. The
folders are looked through at every request, so that a running daemon notices
what was added or removed; a pack that was loaded needs its folder no more.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import platformdirs
import torch
from torch import nn

from dnid.dni.blend import AnchorStack
from dnid.dni.control import Control
from dnid.errors import DniError, PackDamaged, PackNotFound
from dnid.networks import build
from dnid.networks.estimator import Estimator, build_estimator
from dnid.networks.subject import SubjectFinder, build_finder
from dnid.packs.anchors import read_anchor
from dnid.packs.files import read_file
from dnid.packs.manifest import MAX_MANIFEST_BYTES, Manifest, parse

N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True)
class Pack:
    """A verified manifest and where it came from."""

    manifest: Manifest
    sha256: str
    """Of manifest.json, which holds the anchors' hashes: it stands for the whole pack."""
    folder: Path

    def network(self) -> nn.Module:
        """The pack's architecture without weights (on the `meta` device).

        Raises PackDamaged with the bare fault.
        """
        with torch.device("meta"):
            network = build(
                self.manifest.architecture, self.manifest.options, self._weights_at_most()
            )
        if network.scale != self.manifest.scale:
            raise PackDamaged(
                f"it says that it enlarges {self.manifest.scale} times, but its network does"
                f" {network.scale} times."
            )
        if (self.manifest.working_side > 0) != (getattr(network, "inputs", 3) == 4):
            raise PackDamaged("a network that sees a focus map needs a working_side, and no other.")
        return network

    def _weights_at_most(self) -> int | None:
        """Values that an anchor's file can hold; None where there is none to ask."""
        try:
            return (self.folder / self.manifest.anchors[0].file).lstat().st_size // 2  # float16
        except OSError:
            return None

    def control(self) -> Control:
        names = [anchor.name for anchor in self.manifest.anchors]
        path = tuple(names.index(name) for name in self.manifest.path)
        return Control(path, self.manifest.curve, len(names))

    def anchors(self, device: torch.device | None = None) -> AnchorStack:
        """Read and verify every anchor. Raises PackDamaged, naming the file and the fault."""
        with telling(f"Pack {self.manifest.id!r}", REMEDY):
            expected = self.network().state_dict()
            states = {
                anchor.name: read_anchor(self.folder / anchor.file, anchor.sha256, expected)
                for anchor in self.manifest.anchors
            }
        return AnchorStack(states, device)

    def estimator(self) -> Estimator | None:
        """What proposes a strength, read and verified; None when the pack has none.

        Raises PackDamaged, naming the file and the fault."""
        with telling(f"Pack {self.manifest.id!r}", REMEDY):
            return self._side_network("auto", build_estimator)

    def finder(self) -> SubjectFinder | None:
        """The same of what finds the subject."""
        with telling(f"Pack {self.manifest.id!r}", REMEDY):
            return self._side_network("subject", build_finder)

    def verify(self) -> None:
        """Read every file and keep none. Raises PackDamaged with the bare fault."""
        expected = self.network().state_dict()
        for anchor in self.manifest.anchors:
            read_anchor(self.folder / anchor.file, anchor.sha256, expected)
        self._side_network("auto", build_estimator)
        self._side_network("subject", build_finder)

    def _side_network(self, key: str, build_one: Callable[[str, Mapping[str, Any]], N]) -> N | None:
        side = self.manifest.side_networks().get(key)
        if side is None:
            return None
        with torch.device("meta"):
            network = build_one(side.architecture, side.options)
        file = self.folder / f"{key}.safetensors"
        state = read_anchor(file, side.sha256, network.state_dict())
        network.load_state_dict({k: v.float() for k, v in state.items()}, assign=True)
        return network.eval()


class PackStore:
    """The packs in some folders. Where two have the same id, the earlier folder's counts."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(folders)

    def find(self, effect: str, pack_id: str | None = None, scale: int = 1) -> Pack:
        """The pack with this id, or the default of effect and scale: the pack that is named
        like them (`denoise`, `sr-x4`), else the first by id. Raises PackNotFound, or
        PackDamaged for a bad manifest; a damaged pack of another name does not stand in the
        way of a sound one."""
        if pack_id is not None:
            return _fitting(self.get(pack_id), effect, scale)
        folders = self._pack_folders()
        default = effect if scale == 1 else f"{effect}-x{scale}"
        if default in folders and _fits(pack := open_pack(folders[default]), effect, scale):
            return pack
        for name in sorted(folders):
            with contextlib.suppress(PackDamaged):
                if _fits(pack := open_pack(folders[name]), effect, scale):
                    return pack
        what = effect if scale == 1 else f"{effect} that enlarges {scale} times"
        raise PackNotFound(f"No pack for {what} is installed; `dnid packs` lists what there is.")

    def get(self, pack_id: str) -> Pack:
        """Raises PackNotFound, or PackDamaged for a bad manifest."""
        folder = self._pack_folders().get(pack_id)
        if folder is None:
            raise PackNotFound(
                f"There is no pack {pack_id!r}; `dnid packs` lists the installed ones."
            )
        return open_pack(folder)

    def ids(self) -> set[str]:
        """Of all packs, damaged ones too."""
        return set(self._pack_folders())

    def describe(self) -> list[dict[str, Any]]:
        """A plain table for each pack; a damaged one is told with its fault in `error`.

        `default`: it is used where no pack is named. `hides`: it is used in place of a pack
        of the same id in a later folder.
        """
        tables = []
        for name, (folder, *hidden) in sorted(self._all_folders().items()):
            table = _describe(name, folder) | {"hides": bool(hidden)}
            if "error" not in table:
                table["default"] = self._is_default(name, table["effect"], table["scale"])
            tables.append(table)
        return tables

    def _is_default(self, pack_id: str, effect: str, scale: int) -> bool:
        try:
            return self.find(effect, scale=scale).manifest.id == pack_id
        except PackDamaged:
            return False  # the default itself is

    def _pack_folders(self) -> dict[str, Path]:
        """Id → the folder that counts."""
        return {name: folders[0] for name, folders in self._all_folders().items()}

    def _all_folders(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for folder in self.folders:
            for manifest in sorted(folder.glob("*/manifest.json")):
                found.setdefault(manifest.parent.name, []).append(manifest.parent)
        return found


def default_folders() -> list[Path]:
    """The user's own packs, then the shipped ones."""
    return [own_folder(), *shipped_folders()]


def own_folder() -> Path:
    """Where `dnid packs add` puts them; it need not be there."""
    return platformdirs.user_data_path("dnid") / "packs"


def shipped_folders() -> list[Path]:
    """In the wheel, or in the checkout."""
    here = Path(__file__).resolve()
    shipped = here.parents[1] / "bundled_packs", here.parents[3] / "model_packs" / "packs"
    return [folder for folder in shipped if folder.is_dir()]


def open_pack(folder: Path) -> Pack:
    """The pack in this folder; its anchors are not read yet. Raises PackDamaged."""
    with telling(f"Pack {folder.name!r}", REMEDY):
        return read_pack(folder)


def read_pack(folder: Path) -> Pack:
    """The same. Raises PackDamaged with the bare fault, for callers who know another remedy."""
    data = read_file(folder / "manifest.json", MAX_MANIFEST_BYTES)
    manifest = parse(data)
    if manifest.id != folder.name:
        raise PackDamaged(f"The folder {folder.name!r} holds the pack {manifest.id!r}; rename it.")
    return Pack(manifest, hashlib.sha256(data).hexdigest(), folder)


@contextlib.contextmanager
def telling(subject: str, remedy: str) -> Iterator[None]:
    """Make one sentence of a fault that is found inside: what has it, and what to do."""
    try:
        yield
    except PackDamaged as error:
        fault = str(error).removesuffix(".")  # it may quote a stranger's words
        fault = fault if fault.isprintable() else repr(fault)
        raise PackDamaged(f"{subject}: {fault[:MAX_FAULT]}; {remedy}.") from error


MAX_FAULT = 400
REMEDY = "install a sound copy or remove the pack (`dnid packs --help`)"


def _fits(pack: Pack, effect: str, scale: int) -> bool:
    return (pack.manifest.effect, pack.manifest.scale) == (effect, scale)


def _fitting(pack: Pack, effect: str, scale: int) -> Pack:
    """The pack itself. Raises PackNotFound when it does something else."""
    manifest = pack.manifest
    if manifest.effect != effect:
        raise PackNotFound(f"{manifest.id!r} is a pack for {manifest.effect}, not {effect}.")
    if manifest.scale != scale:
        raise PackNotFound(f"{manifest.id!r} enlarges {manifest.scale} times, not {scale}.")
    return pack


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
        "scale": manifest.scale,
        "approximate": manifest.approximate,
        "halo": manifest.halo,
        "path": list(manifest.path),
        "anchors": [{"name": a.name, "about": a.about} for a in manifest.anchors],
        "licence": manifest.licence,
        "trained_on": manifest.trained_on,
        "sha256": pack.sha256,
        "auto": manifest.auto is not None,
        "subject": manifest.subject is not None,
        "working_side": manifest.working_side,
        "folder": str(folder),
    }
