"""Make a pack of checkpoints that were trained elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from dnid.errors import BadInput, PackDamaged
from dnid.networks import build
from dnid.packs.manifest import Anchor, Manifest, is_id, parse
from dnipack.build import write_pack
from dnipack.checkpoint import load_checkpoint
from dnipack.photos import Photo
from dnipack.recognise import recognise


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
) -> Manifest:
    """Write the pack folder `output`, whose path goes through the sources in their order.

    Raises BadInput for checkpoints of different networks and for a description that no
    manifest can hold, before anything is written.
    """
    _check_output(output, description.id)
    first = sources[0]
    for source in sources[1:]:
        if (source.architecture, source.options) != (first.architecture, first.options):
            raise BadInput(f"{source.path} is not of the same network as {first.path}.")
    anchors = dict(zip(anchor_names(sources), (source.state for source in sources), strict=True))
    abouts = {name: source.path.name for name, source in zip(anchors, sources, strict=True)}
    network = build(first.architecture, first.options)
    scale = int(network.scale)  # type: ignore[arg-type]
    if description.scale not in (None, scale):
        raise BadInput(f"The network enlarges {scale} times, not {description.scale} times.")

    def describe(hashes: Mapping[str, str], halo: int, approximate: bool) -> Manifest:
        return Manifest(
            id=description.id,
            name=description.name or description.id,
            version=description.version,
            effect=description.effect,
            architecture=first.architecture,
            options=first.options,
            anchors=tuple(Anchor(n, hashes[n], None, f"From {abouts[n]}") for n in anchors),
            path=tuple(anchors),
            curve=((0.0, 0.0), (1.0, len(anchors) - 1.0)),
            halo=halo,
            licence=description.licence,
            trained_on=description.trained_on,
            scale=scale,
            approximate=approximate,
        )

    try:
        parse(describe(dict.fromkeys(anchors, "0" * 64), 0, False).to_json().encode())
    except PackDamaged as error:
        raise BadInput(f"No pack can come of it: {error}") from error
    return write_pack(describe, network, anchors, probes, output)


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
