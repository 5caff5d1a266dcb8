"""The figures as a table for people, and as a chart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dnid.errors import BadInput

COSTS = {
    "overhead_ratio": ("≤ 1.15", "whole picture / bare network on as many pixels"),
    "spatial_ratio": ("≤ 2.3", "two active anchors / one plain network"),
    "spatial_half_mask_ratio": ("≤ 1.35", "half the picture at another strength / no mask"),
    "spatial_db": ("≥ 45", "dB: one pass against 33 whole blends"),
    "blend_ratio": ("≤ 1.5", "blend of all anchors / reading them"),
    "preview_ratio": ("≤ 1.15", "512×384 at a new strength / bare network"),
    "peak_rss_24mp_mb": ("≤ 1500", "MiB, a picture of 24 megapixels"),
    "megapixels_per_second": ("", "the whole way"),
}
"""Key → (aim, what it is), in the order of the table."""
PEERS = {
    "vs_eager": "≥ 2.5",
    "vs_onnxruntime": "≥ 1.5",
    "vs_openvino": "≥ 1.0",
    "float32_vs_eager": "≥ 1.2",
}
"""Key → aim."""


def lines(figures: Mapping[str, Any]) -> Iterator[str]:
    yield f"{'':26}{'measured':>10}  {'aim':8}"
    for key, (aim, meaning) in COSTS.items():
        if key in figures:
            yield f"{key:26}{figures[key]:>10.2f}  {aim:8} {meaning}"
    for name, found in figures["peers"].items():
        yield ""
        yield f"{name}: time of the peer / ours (above 1 we are faster)"
        for key, aim in PEERS.items():
            if key in found:
                yield f"  {key:24}{found[key]:>10.2f}  {aim}"
        share = found["gflops"] / found["matmul_gflops"]
        rates = f"{found['gflops']:.0f} of {found['matmul_gflops']:.0f} GFLOP/s"
        yield f"  {'of a matrix product':24}{share:>10.0%}  ({rates})"
    yield ""
    yield f"{figures['format']}, {figures['threads']} threads, torch {figures['torch']}"


def check_can_plot() -> None:
    """Raises BadInput where matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        raise BadInput("--plot needs matplotlib: pip install 'dnid[bench]'.")


def plot(figures: Mapping[str, Any], path: Path) -> None:
    """A bar for each ratio: what the engine costs, and the peers' times divided by ours."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    costs = {key: figures[key] for key in COSTS if key.endswith("_ratio") and key in figures}
    peers = {
        f"{name} {key}": found[key]
        for name, found in figures["peers"].items()
        for key in PEERS
        if key in found
    }
    figure = Figure(figsize=(9, 7), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2)
    for axes, values, title in (
        (upper, costs, "time / the bare work's (less is better)"),
        (lower, peers, "time of the peer / ours (more is better)"),
    ):
        bars = axes.barh(list(values), list(values.values()), color="#4477aa")
        axes.bar_label(bars, fmt="%.2f", padding=3)
        axes.axvline(1, color="black", linewidth=0.8)
        axes.invert_yaxis()
        axes.margins(x=0.12)
        axes.set_title(title, loc="left", fontsize=10)
    figure.savefig(path)
