"""Make a pack of checkpoints that were trained elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor, nn

from dnid.errors import BadInput, PackDamaged
from dnid.networks import build
from dnid.packs.licence import check_licences
from dnid.packs.manifest import Anchor, Manifest, is_id, parse
from dnipack.build import write_pack
from dnipack.checkpoint import load_checkpoint
from dnipack.normalise import best_way, compare_ways, fold
from dnipack.photos import Photo
from dnipack.recognise import recognise

BEST = "best"
"""Measure the ways to normalise, and take the better."""


@dataclass(frozen=True)
class Description:
    """What the weights do not say of themselves."""

    id: str
    effect: str
    licence: str
    """SPDX expression for the anchors and their blends."""
    name: str = ""
    """For people; empty: the id."""
    version: str = "1.0.0"
    trained_on: str = "Not told by the source of the checkpoints."
    scale: int | None = None
    """What the network is said to enlarge by; None: what it does."""


@dataclass(frozen=True)
class Source:
    """One checkpoint as it was found."""

    path: Path
    taken_from: str
    """The keys that were unwrapped; empty for a bare state."""
    architecture: str
    options: Mapping[str, object]
    state: dict[str, Tensor]


def read_source(path: Path) -> Source:
    """Raises BadInput for a file that cannot be used, naming it."""
    checkpoint = load_checkpoint(path)
    try:
        found = recognise(checkpoint.state)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    return Source(path, checkpoint.taken_from, found.architecture, found.options, found.state)


def import_pack(
    sources: Sequence[Source],
    description: Description,
    probes: Sequence[Photo],
    output: Path,
    normalisation: str = BEST,
) -> Manifest:
    """Write the pack folder `output`, whose path goes through the sources in their order.

    `normalisation` is one of WAYS, or BEST to measure them on `probes`; it counts only where
    there is BatchNorm. Raises BadInput for checkpoints of different networks and for a
    description that no manifest can hold, before anything is written.
    """
    _check_output(output, description.id)
    first = sources[0]
    for source in sources[1:]:
        if (source.architecture, source.options) != (first.architecture, first.options):
            raise BadInput(f"{source.path} is not of the same network as {first.path}.")
    plan = _Plan(description, first.architecture, first.options, anchor_names(sources),
                 [f"From {source.path.name}" for source in sources])  # fmt: skip
    plan.check()
    states = [source.state for source in sources]
    if first.architecture == "dncnn" and first.options["batch_norm"]:
        plan, states = _normalised(plan, states, probes, normalisation)
    anchors = dict(zip(plan.names, states, strict=True))
    return write_pack(plan.manifest, plan.network(), anchors, probes, output)


@dataclass(frozen=True)
class _Plan:
    """All of a manifest but what is measured."""

    description: Description
    architecture: str
    options: Mapping[str, object]
    names: Sequence[str]
    abouts: Sequence[str]
    normalisation: str = ""

    def network(self) -> nn.Module:
        return build(self.architecture, self.options)

    def manifest(self, hashes: Mapping[str, str], halo: int, approximate: bool) -> Manifest:
        told = self.description
        return Manifest(
            id=told.id,
            name=told.name or told.id,
            version=told.version,
            effect=told.effect,
            architecture=self.architecture,
            options=self.options,
            anchors=tuple(
                Anchor(name, hashes[name], None, about)
                for name, about in zip(self.names, self.abouts, strict=True)
            ),
            path=tuple(self.names),
            curve=((0.0, 0.0), (1.0, len(self.names) - 1.0)),
            halo=halo,
            licence=told.licence,
            trained_on=told.trained_on,
            scale=int(self.network().scale),  # type: ignore[arg-type]
            approximate=approximate,
            normalisation=self.normalisation,
        )

    def unmeasured(self) -> Manifest:
        return self.manifest(dict.fromkeys(self.names, "0" * 64), 0, False)

    def check(self) -> None:
        scale = self.unmeasured().scale
        if self.description.scale not in (None, scale):
            raise BadInput(
                f"The network enlarges {scale} times, not {self.description.scale} times."
            )
        try:
            check_licences(parse(self.unmeasured().to_json().encode()))
        except PackDamaged as error:
            raise BadInput(f"No pack can come of it: {error}") from error


def _normalised(
    plan: _Plan, states: list[dict[str, Tensor]], photos: Sequence[Photo], wanted: str
) -> tuple[_Plan, list[dict[str, Tensor]]]:
    """Between the first two anchors the ways are measured, if none is wanted."""
    if wanted == BEST:
        measurable = len(states) > 1 and plan.description.effect != "dof"
        found = compare_ways(plan.unmeasured(), states[0], states[1], photos) if measurable else {}
        wanted = best_way(found)
    if wanted == "paper":
        return replace(plan, normalisation=wanted), states
    options, _ = fold(plan.options, states[0])
    folded = [fold(plan.options, state)[1] for state in states]
    return replace(plan, normalisation=wanted, options=options), folded


def _check_output(output: Path, pack_id: str) -> None:
    if output.absolute().name != pack_id:
        raise BadInput(f"A pack's folder is named like the pack; give -o …/{pack_id}.")
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise BadInput(f"{output} is there already; remove it or give another place.")


def anchor_names(sources: Sequence[Source]) -> list[str]:
    """The files' names as a pack may have them. Raises BadInput where two become the same."""
    names = [re.sub(r"[^a-z0-9]+", "-", s.path.stem.lower()).strip("-")[:64] for s in sources]
    if len(set(names)) < len(names) or not all(is_id(name) for name in names):
        raise BadInput("The files' names become the anchors' names; give each a name of its own.")
    return names
