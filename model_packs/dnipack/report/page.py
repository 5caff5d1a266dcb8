"""The report as one HTML page: no network, nothing beside it, nothing from a pack that runs.

Every text of the pack passes through the template's escaping (or card.py); script and
style are the page's own, and the content security policy names them by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from PIL import Image

import dnid
from dnid.packs.manifest import Anchor, Manifest
from dnid.packs.store import Pack
from dnipack.report.card import card_html
from dnipack.report.chart import COLOURS
from dnipack.report.contents import Contents
from dnipack.report.curves import correlation_chart, distance_chart, mixing_chart, quality_chart
from dnipack.report.filters import Pixels

_FOLDER = Path(__file__).parent
_JPEG_QUALITY = 95


def render(pack: Pack, contents: Contents, source: str, number_format: str) -> str:
    """The page. `source` says which photos were measured, `number_format` in what."""
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FileSystemLoader(_FOLDER),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"jpeg": jpeg_uri, "png": png_uri, "percent": _percent}
    style, script = (
        (_FOLDER / name).read_text(encoding="utf-8") for name in ("page.css", "page.js")
    )
    return environment.get_template("page.html").render(
        manifest=pack.manifest,
        sha256=pack.sha256,
        contents=contents,
        source=source,
        number_format=number_format,
        version=dnid.__version__,
        lineage=lineage(pack.manifest),
        parameters=_parameters(pack),
        card=card_html(pack.folder),
        style=Markup(style),
        script=Markup(script),
        policy=_policy(style, script),
        colours=COLOURS,
        **_charts(contents),
    )


def _charts(contents: Contents) -> dict[str, Markup | None]:
    """Name → SVG, None for a chart that has nothing to show."""
    charts = {
        "quality": quality_chart(contents),
        "mixing": mixing_chart(contents),
        "distance": distance_chart(contents),
        "correlation": correlation_chart(contents.pairs),
    }
    return {name: None if svg is None else Markup(svg) for name, svg in charts.items()}


@dataclass(frozen=True)
class Kin:
    anchor: Anchor
    children: tuple[Kin, ...]


def lineage(manifest: Manifest, parent: str | None = None) -> tuple[Kin, ...]:
    """Who was fine-tuned from whom, as trees. The manifest's reader refused circles."""
    return tuple(
        Kin(anchor, lineage(manifest, anchor.name))
        for anchor in manifest.anchors
        if anchor.parent == parent
    )


def jpeg_uri(pixels: Pixels) -> str:
    """Photos: 4:4:4, or the chroma of noise would be smoothed."""
    return _data_uri(pixels, "jpeg", quality=_JPEG_QUALITY, subsampling="4:4:4", optimize=True)


def png_uri(pixels: Pixels) -> str:
    return _data_uri(pixels, "png", optimize=True)


def _data_uri(pixels: Pixels, kind: str, **options: Any) -> str:  # noqa: ANN401 - Pillow's
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"


def _parameters(pack: Pack) -> int:
    return sum(value.numel() for value in pack.network().state_dict().values())


def _policy(style: str, script: str) -> str:
    """Nothing may load, and of scripts and styles these two alone count."""
    return (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _percent(strength: float) -> str:
    return f"{100 * strength:.0f}"
