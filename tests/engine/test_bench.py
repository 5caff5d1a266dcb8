"""The benchmark measures what it says; how fast it is, is no matter of tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.small import write_pack

from dnid import bench as bench_module
from dnid.bench import Sizes, bench, in_turn
from dnid.packs.store import PackStore
from dnid.peers import PEERS

KEYS = {
    "overhead_ratio",
    "spatial_ratio",
    "spatial_half_mask_ratio",
    "spatial_db",
    "blend_ratio",
    "preview_ratio",
    "matmul_gflops",
    "peers",
}


def test_every_figure_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All keys, and the one-pass spatial strength agrees with whole blends."""
    monkeypatch.setattr(bench_module, "PEERS", {"eager": PEERS["eager"]})
    monkeypatch.setenv("DNID_CACHE_DIR", str(tmp_path / "cache"))
    write_pack(tmp_path / "packs")
    told: list[str] = []
    figures = bench(
        PackStore([tmp_path / "packs"]), Sizes((64, 96), (64, 96), rounds=1), told.append
    )
    assert figures.keys() >= KEYS
    assert figures["spatial_db"] > 30
    assert "vs_eager" in figures["peers"]["denoise"]


def test_actions_run_in_turn() -> None:
    """A, B, A, B …: what disturbs the machine disturbs both."""
    order: list[str] = []
    in_turn(2, lambda: order.append("a"), lambda: order.append("b"))
    assert order == ["a", "b"] * 3
