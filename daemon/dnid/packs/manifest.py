"""What a pack says of itself: manifest.json, read strictly (model_packs/FORMAT.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from dnid.errors import PackDamaged
from dnid.packs.table import Table, load_json
from dnid.recipe import EFFECTS, SCALES

FORMAT = 1
MAX_MANIFEST_BYTES = 256 * 1024
MAX_ANCHORS = 64
MAX_HALO = 1024
MAX_WORKING_SIDE = 2048
VERDICTS = ("yes", "with care", "no")
NORMALISATIONS = ("", "paper", "fold")

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class Anchor:
    """One checkpoint of the pack."""

    name: str
    sha256: str
    """Of the file `<name>.safetensors`, lower-case hexadecimal."""
    parent: str | None
    """The anchor it was fine-tuned from; None for the ancestor."""
    about: str
    licence: str = ""
    """SPDX expression; empty where it is the pack's."""

    @property
    def file(self) -> str:
        return f"{self.name}.safetensors"


@dataclass(frozen=True)
class SideNetwork:
    """A small network that helps the pack's own, in a file of its own."""

    sha256: str
    """Of its file, lower-case hexadecimal."""
    architecture: str
    """A name in networks/estimator.py or networks/subject.py."""
    options: Mapping[str, Any]
    """Arguments of the architecture."""


@dataclass(frozen=True)
class Manifest:
    id: str
    name: str
    version: str
    effect: str
    architecture: str
    options: Mapping[str, Any]
    """Arguments of the architecture."""
    anchors: tuple[Anchor, ...]
    path: tuple[str, ...]
    """Names of anchors in the order in which the slider travels."""
    curve: tuple[tuple[float, float], ...]
    """(strength 0..1, place on the path 0..len(path)−1), both rising, straight between."""
    halo: int
    """Pixels of context that a tile reads beyond its own."""
    licence: str
    """SPDX expression for the anchors and their blends."""
    trained_on: str
    scale: int = 1
    """How many times higher and wider the result is; 2 or 4 for sr, else 1."""
    approximate: bool = False
    """Whether the network sees the whole picture at once (instance statistics, global
    pooling), so that no halo makes tiles exact."""
    working_side: int = 0
    """Long side in pixels at which the network sees the whole picture, and beyond which its
    change is brought to the picture's own size; 0: tiles at full size."""
    auto: SideNetwork | None = None
    """What proposes a strength (networks/estimator.py); None where the user chooses alone."""
    subject: SideNetwork | None = None
    """What finds the subject that stays sharp (networks/subject.py); None: a mask is needed."""
    normalisation: str = ""
    """How BatchNorm was treated when the pack was made: "paper", "fold", or empty where the
    networks had none."""
    check: Mapping[str, Any] | None = None
    """What `dni-pack check` found: `verdict`, `reason`, and its figures; None where not done."""

    def to_json(self) -> str:
        """The exact text of manifest.json; equal manifests give equal bytes.

        A key that may be left out is written only where it differs from its default.
        """
        table: dict[str, Any] = {
            "format": FORMAT,
            "id": self.id,
            "name": self.name,
            "version": self.version,
            "effect": self.effect,
            "network": {"architecture": self.architecture, "options": dict(self.options)},
            "anchors": [_anchor_table(anchor) for anchor in self.anchors],
            "path": list(self.path),
            "curve": [list(point) for point in self.curve],
            "halo": self.halo,
            "licence": self.licence,
            "trained_on": self.trained_on,
        }
        table |= {
            key: getattr(self, key)
            for key, default in _OPTIONAL.items()
            if getattr(self, key) != default
        }
        table |= {key: asdict(side) for key, side in self.side_networks().items()}
        if self.check is not None:
            table["check"] = dict(self.check)
        return json.dumps(table, indent=2, ensure_ascii=False) + "\n"

    def side_networks(self) -> dict[str, SideNetwork]:
        """key → the network of that key; its file is `<key>.safetensors`."""
        found = {"auto": self.auto, "subject": self.subject}
        return {key: side for key, side in found.items() if side is not None}


def _anchor_table(anchor: Anchor) -> dict[str, Any]:
    table = {
        "name": anchor.name,
        "sha256": anchor.sha256,
        "parent": anchor.parent,
        "about": anchor.about,
    }
    return table | ({"licence": anchor.licence} if anchor.licence else {})


def is_id(text: str) -> bool:
    """Whether it may name a pack or an anchor: it becomes a file's name."""
    return bool(_ID.fullmatch(text))


def parse(data: bytes) -> Manifest:
    """Read and check manifest.json. Raises PackDamaged, naming what does not fit."""
    if len(data) > MAX_MANIFEST_BYTES:
        raise PackDamaged(f"manifest.json is larger than {MAX_MANIFEST_BYTES // 1024} KiB.")
    reader = Table(load_json(data, "manifest.json"), "manifest.json")
    if reader.take("format", int) != FORMAT:
        raise PackDamaged(f"manifest.json has another format; this version reads format {FORMAT}.")
    network = Table(reader.take("network", dict), "network")
    manifest = Manifest(
        id=_match(_ID, reader.take("id", str), "id"),
        name=reader.take("name", str),
        version=reader.take("version", str),
        effect=reader.take("effect", str),
        architecture=network.take("architecture", str),
        options=network.take("options", dict),
        anchors=_anchors(reader.take("anchors", list)),
        path=tuple(_string(name, "path") for name in reader.take("path", list)),
        curve=tuple(_point(point) for point in reader.take("curve", list)),
        halo=reader.take("halo", int),
        licence=reader.take("licence", str),
        trained_on=reader.take("trained_on", str),
        **{key: reader.take_or(key, default) for key, default in _OPTIONAL.items()},
        auto=_side_network(reader, "auto"),
        subject=_side_network(reader, "subject"),
        check=_check_figures(reader.take("check", dict) if "check" in reader.rest else None),
    )
    network.finish()
    reader.finish()
    _check(manifest)
    return manifest


_OPTIONAL: dict[str, Any] = {
    "scale": 1,
    "approximate": False,
    "working_side": 0,
    "normalisation": "",
}
"""Keys that may be left out, and what they are then."""


def _anchors(entries: list[object]) -> tuple[Anchor, ...]:
    if not 1 <= len(entries) <= MAX_ANCHORS:
        raise PackDamaged(f"A pack has 1 to {MAX_ANCHORS} anchors, not {len(entries)}.")
    anchors = []
    for entry in entries:
        reader = Table(entry, "anchor")
        anchors.append(
            Anchor(
                name=_match(_ID, reader.take("name", str), "anchor name"),
                sha256=_match(_SHA256, reader.take("sha256", str), "sha256"),
                parent=reader.take_optional("parent", str),
                about=reader.take("about", str),
                licence=reader.take_or("licence", ""),
            )
        )
        reader.finish()
    return tuple(anchors)


def _side_network(table: Table, key: str) -> SideNetwork | None:
    if key not in table.rest:
        return None
    reader = Table(table.take(key, dict), key)
    sha256 = _match(_SHA256, reader.take("sha256", str), "sha256")
    side = SideNetwork(sha256, reader.take("architecture", str), reader.take("options", dict))
    reader.finish()
    return side


def _check_figures(table: dict[str, Any] | None) -> Mapping[str, Any] | None:
    """The verdict is read; the figures beside it are for reports and stay as they are."""
    if table is None:
        return None
    reader = Table(table, "check")
    if reader.take("verdict", str) not in VERDICTS:
        raise PackDamaged(f"The verdict of a check is one of {', '.join(VERDICTS)}.")
    reader.take("reason", str)
    reader.take("places", list)
    reader.take("pairs", list)
    reader.finish()
    return table


def _check(manifest: Manifest) -> None:
    """What holds between the fields."""
    names = [anchor.name for anchor in manifest.anchors]
    if taken := sorted({*manifest.side_networks()} & {*names}):
        raise PackDamaged(f"An anchor has the file of a small network, {taken[0]}.safetensors.")
    if len(set(names)) != len(names):
        raise PackDamaged("Two anchors have the same name.")
    if manifest.effect not in EFFECTS:
        raise PackDamaged(f"Unknown effect {manifest.effect[:80]!r}; known: {', '.join(EFFECTS)}.")
    if manifest.normalisation not in NORMALISATIONS:
        raise PackDamaged("normalisation is paper or fold, or is left out.")
    if not manifest.path or len(set(manifest.path)) != len(manifest.path):
        raise PackDamaged("The path must name anchors, each once.")
    if not set(manifest.path) <= set(names):
        raise PackDamaged("The path names an anchor that the pack does not have.")
    if manifest.scale not in SCALES or (manifest.scale > 1) != (manifest.effect == "sr"):
        raise PackDamaged("The scale must be 2 or 4 for sr, and 1 for every other effect.")
    if not 0 <= manifest.halo <= MAX_HALO:
        raise PackDamaged(f"halo must be 0 to {MAX_HALO} pixels.")
    _check_working_side(manifest)
    _check_curve(manifest.curve, len(manifest.path) - 1)
    _check_lineage(manifest.anchors)


def _check_working_side(manifest: Manifest) -> None:
    side = manifest.working_side
    if side and (manifest.effect != "dof" or not 64 <= side <= MAX_WORKING_SIDE):
        raise PackDamaged(
            f"working_side must be 64 to {MAX_WORKING_SIDE} for dof, and left out for every"
            " other effect."
        )
    if manifest.subject and not side:
        raise PackDamaged("Only a pack with a working_side has a network that finds the subject.")


def _check_curve(curve: tuple[tuple[float, float], ...], end: int) -> None:
    rising = all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(curve))
    if len(curve) < 2 or not rising or curve[0] != (0, 0) or curve[-1] != (1, end):
        raise PackDamaged(f"The curve must rise from [0, 0] to [1, {end}].")


def _check_lineage(anchors: tuple[Anchor, ...]) -> None:
    parents = {anchor.name: anchor.parent for anchor in anchors}
    for name in parents:
        seen = {name}
        step = parents[name]
        while step is not None:
            if step not in parents or step in seen:
                raise PackDamaged(f"The lineage of anchor {name!r} is broken or turns in a circle.")
            seen.add(step)
            step = parents[step]


def _match(pattern: re.Pattern[str], text: str, what: str) -> str:
    if not pattern.fullmatch(text):
        raise PackDamaged(f"{what} {text[:80]!r} is not of the form {pattern.pattern}.")
    return text


def _string(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise PackDamaged(f"{what} must hold strings.")
    return value


def _point(value: object) -> tuple[float, float]:
    if not (isinstance(value, list) and len(value) == 2):
        raise PackDamaged("Each point of the curve is [strength, place].")
    if not all(type(number) in (int, float) for number in value):
        raise PackDamaged("The curve holds numbers.")
    try:
        return float(value[0]), float(value[1])
    except OverflowError as error:
        raise PackDamaged("The curve holds a number beyond all bounds.") from error
