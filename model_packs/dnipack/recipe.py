"""How a pack is trained: the TOML files in model_packs/recipes as plain values."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dnid.errors import BadInput, PackDamaged
from dnid.networks import build
from dnid.packs.licence import check_licences
from dnid.packs.manifest import Anchor, Manifest, parse
from dnipack.plan import AnchorPlan, is_count
from dnipack.scenes import SceneFolder

_LATER_OPTIONS: dict[str, Any] = {
    "target": "clean", "loss": "l1", "batch": None, "crop": None, "sizes": None, "choose": 1,
    "recolour": False, "prepare": None, "between": 0.0, "gan": None,
    "mean": None,
}  # fmt: skip
"""Options that came after the first weights, with what these had."""
_APART = ("about", "network")
"""What a fingerprint leaves out, or has elsewhere."""


@dataclass(frozen=True)
class TrainingRecipe:
    id: str
    name: str
    effect: str
    version: str
    licence: str
    trained_on: str
    network: Mapping[str, Any]
    """`architecture` and its options."""
    anchors: tuple[AnchorPlan, ...]
    """Parents before children."""
    path: tuple[str, ...]
    """The order in which the slider travels through the anchors. An anchor that is not on
    it is a stepping stone: trained, but no part of the pack."""
    validation: tuple[str, ...]
    """Photos kept aside, relative to the data folder."""
    batch: int = 16
    crop: int = 96
    """Side of a training crop in pixels."""
    seed: int = 0
    working_side: int = 0
    """Long side in pixels at which the network sees the whole picture; 0: tiles at full size."""
    scenes: tuple[SceneFolder, ...] = ()
    """Photos with masks, for networks that see a focus map as well; else every photo counts."""
    curve: tuple[tuple[float, float], ...] = field(default=())
    """Strength → place on the path; empty: straight."""

    def __post_init__(self) -> None:
        names = [anchor.name for anchor in self.anchors]
        if len(set(names)) != len(names):
            raise BadInput("Two anchors have the same name.")
        if not self.path or not set(self.path) <= set(names):
            raise BadInput("The path names an anchor that the recipe does not have, or none.")
        known: set[str] = set()
        for anchor in self.anchors:
            if not known.issuperset(anchor.sources):
                raise BadInput(f"Anchor {anchor.name}: what it comes from must stand before it.")
            known.add(anchor.name)
        self._check_pack()
        for name in ("batch", "crop"):
            if not is_count(getattr(self, name)):
                raise BadInput(f"{name} must be a whole number of at least 1.")

    def _check_pack(self) -> None:
        """What opening or sharing the pack would refuse is refused before the hours of training."""
        try:
            hashes = {plan.name: "0" * 64 for plan in self.shipped}
            check_licences(parse(self.manifest(hashes, 0).to_json().encode()))
            for plan in self.anchors:
                self._check_anchor(plan)
        except PackDamaged as error:
            raise BadInput(f"No pack can come of it: {error}") from error

    def _check_anchor(self, plan: AnchorPlan) -> None:
        with torch.device("meta"):
            network = self.build_network(plan)
        scale, multiple = int(network.scale), int(network.multiple)  # type: ignore[arg-type]
        if self.crop_of(plan) % (scale * multiple):
            raise BadInput(f"crop must be a multiple of {scale * multiple} for this network.")
        if plan.shrinks != scale:
            raise BadInput(
                f"Anchor {plan.name}: its network enlarges {scale} times,"
                f" its degradation shrinks {plan.shrinks} times."
            )
        if int(getattr(network, "inputs", 3)) != (4 if self.scenes else 3):
            raise BadInput("A network with a focus map needs [[scenes]], and no other does.")
        if self.scenes and (plan.sizes is not None or plan.choose != 1 or plan.recolour):
            raise BadInput(
                f"Anchor {plan.name}: sizes, choose and recolour are for photos, not for scenes."
            )
        if scale > 1 and plan.target == "input":
            raise BadInput(f"Anchor {plan.name}: an enlarger cannot give back its input.")
        for source in plan.mean or ():
            if self.network_of(self.anchor(source)) != self.network_of(plan):
                raise BadInput(f"Anchor {plan.name}: a mean is of anchors of its own network.")
        if plan.network is not None and plan.name in self.path:
            raise BadInput(f"Anchor {plan.name}: only a stepping stone has a network of its own.")

    def build_network(self, plan: AnchorPlan | None = None) -> nn.Module:
        """With fresh weights; the pack's, or that of one anchor."""
        options = dict(self.network if plan is None else self.network_of(plan))
        return build(str(options.pop("architecture", None)), options)

    def network_of(self, plan: AnchorPlan) -> Mapping[str, Any]:
        return self.network if plan.network is None else plan.network

    @property
    def scale(self) -> int:
        """How many times higher and wider the network's result is."""
        with torch.device("meta"):
            return int(self.build_network().scale)  # type: ignore[arg-type]

    def manifest(self, hashes: Mapping[str, str], halo: int, approximate: bool = False) -> Manifest:
        """What the pack says of itself. `hashes`: anchor → sha256 of its file."""
        end = len(self.path) - 1.0
        return Manifest(
            id=self.id,
            name=self.name,
            version=self.version,
            effect=self.effect,
            architecture=self._architecture,
            options=self._options,
            anchors=tuple(
                Anchor(plan.name, hashes[plan.name], self._shipped_parent(plan), plan.about)
                for plan in self.shipped
            ),
            path=self.path,
            curve=self.curve or ((0.0, 0.0), (1.0, end)),
            halo=halo,
            licence=self.licence,
            trained_on=self.trained_on,
            scale=self.scale,
            approximate=approximate,
            working_side=self.working_side,
        )

    @property
    def _architecture(self) -> str:
        return str(self.network.get("architecture"))

    @property
    def _options(self) -> dict[str, Any]:
        return {key: value for key, value in self.network.items() if key != "architecture"}

    @property
    def shipped(self) -> tuple[AnchorPlan, ...]:
        """The anchors that become part of the pack."""
        return tuple(plan for plan in self.anchors if plan.name in self.path)

    def _shipped_parent(self, plan: AnchorPlan) -> str | None:
        """The nearest ancestor that is part of the pack."""
        parent = plan.parent
        while parent is not None and parent not in self.path:
            parent = self.anchor(parent).parent
        return parent

    def batch_of(self, plan: AnchorPlan) -> int:
        return plan.batch or self.batch

    def crop_of(self, plan: AnchorPlan) -> int:
        return plan.crop or self.crop

    def anchor(self, name: str) -> AnchorPlan:
        return next(anchor for anchor in self.anchors if anchor.name == name)

    def fingerprint(self, anchor: AnchorPlan) -> str:
        """Changes with all that changes this anchor's weights: tells stale checkpoints."""
        parent = "".join(self.fingerprint(self.anchor(source)) for source in anchor.sources)
        plan = {key: value for key, value in asdict(anchor).items() if key not in _APART}
        for later, default in _LATER_OPTIONS.items():  # older weights stay valid
            if plan[later] == default:
                del plan[later]
        shared = (dict(self.network_of(anchor)), self.validation, self.batch, self.crop, self.seed)
        if self.scenes:
            scenes = [asdict(folder) for folder in self.scenes]
            shared = (*shared, scenes, self.working_side)  # type: ignore[assignment]
        text = json.dumps([plan, shared, parent], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def load_recipe(path: Path) -> TrainingRecipe:
    """Raises BadInput when the file is missing, is not TOML or does not fit."""
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        table["anchors"] = tuple(AnchorPlan(**plan) for plan in table.pop("anchor", []))
        table["curve"] = tuple((float(s), float(t)) for s, t in table.get("curve", []))
        table["scenes"] = tuple(SceneFolder(**folder) for folder in table.get("scenes", []))
        table |= {key: tuple(table[key]) for key in ("path", "validation")}
        return TrainingRecipe(**table)
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{path} is not a training recipe: {error}") from error
