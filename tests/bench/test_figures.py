"""The benchmark measures what it says; how fast it is, is no matter of tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tests.small import FULL_HALO, OPTIONS, photo, write_pack
from torch import Tensor, nn

from dnid import cli
from dnid.bench import compare as compare_module
from dnid.bench import costs, peers, realesr, table, timing
from dnid.bench import figures as figures_module
from dnid.bench.compare import ratios
from dnid.bench.figures import Sizes, bench
from dnid.engine import runner as runner_module
from dnid.engine.device import Choice
from dnid.errors import BadInput
from dnid.networks import build
from dnid.packs.store import PackStore

TINY = Sizes((64, 96), (64, 96), (64, 96), (16, 24), rounds=2)
FIGURES: dict[str, Any] = {
    "overhead_ratio": 1.0625,
    "spatial_db": 57.0,
    "peak_rss_24mp_mb": 1146.0,
    "peers": {
        "realesr": {"vs_eager": 4.25, "vs_openvino": 0.5, "gflops": 300.0, "matmul_gflops": 400.0}
    },
    "format": "bfloat16",
    "threads": 2,
    "torch": "2.13.0",
}


def small_pair(folder: Path) -> Path:
    """Two checkpoints of the smallest ×4 network under the published names."""
    for seed, name in enumerate(realesr.PAIR):
        torch.manual_seed(seed)
        network = build("srvgg", {"num_conv": 1, "num_feat": 2, "upscale": 4})
        save_file(network.state_dict(), folder / f"{name}.safetensors")
    return folder


def test_every_figure_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All keys of costs and peers; what is not installed is left out with a word."""

    def not_installed(_: nn.Module) -> peers.Peer:
        raise ImportError(name="speedy")

    monkeypatch.setattr(
        compare_module, "PEERS", {"eager": peers.eager, "onnxruntime": not_installed}
    )
    monkeypatch.setattr(figures_module, "peak_mb", lambda size, _: float(sum(size)))
    monkeypatch.setattr(realesr, "OPTIONS", {"num_conv": 1, "num_feat": 2, "upscale": 4})
    monkeypatch.setattr(costs, "CROP", 64)
    monkeypatch.setattr(timing, "MATMUL_SIDE", 64)
    choice = Choice("cpu", "float32", 1.0, 999.0)
    monkeypatch.setattr(runner_module, "choose_format", lambda *_: choice)
    write_pack(tmp_path / "packs")
    told: list[str] = []
    figures = bench(PackStore([tmp_path / "packs"]), TINY, told.append, small_pair(tmp_path))
    assert figures.keys() == {*table.COSTS, "peers", "format", "threads", "torch"}
    assert figures["peak_rss_24mp_mb"] == 160
    assert figures["spatial_db"] > 30
    assert figures["peers"].keys() == {"denoise", "realesr"}
    for found in figures["peers"].values():
        assert found.keys() == {"vs_eager", "float32_vs_eager", "gflops", "matmul_gflops"}
    assert "onnxruntime is left out: speedy is not installed (pip install 'dnid[bench]')" in told


def test_a_folder_without_the_pair_is_refused(tmp_path: Path) -> None:
    """Before anything is measured, with the file that is missing."""
    with pytest.raises(BadInput, match=r"wdn-x4v3\.safetensors \(No such file.*--realesr names"):
        bench(PackStore([]), TINY, lambda _: None, tmp_path)


def test_actions_run_in_turn() -> None:
    """A, B, A, B …: what disturbs the machine disturbs both."""
    order: list[str] = []
    timing.in_turn(2, lambda: order.append("a"), lambda: order.append("b"))
    assert order == ["a", "b"] * 2


def test_the_best_round_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 3 s and 2 s, and of 5 s and 7 s, by a clock that tells them."""
    clock = iter([0.0, 3.0, 10.0, 15.0, 20.0, 22.0, 30.0, 37.0])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    assert timing.in_turn(2, lambda: None, lambda: None) == [2.0, 5.0]


def test_ratios_are_the_peers_time_by_ours() -> None:
    """Eager 6 s to our 2 s is 3; our float32 takes 4 s; 10 GFLOP in 2 s are 5 a second."""
    seconds = {"ours": 2.0, "float32": 4.0, "matmul": 0.5, "eager": 6.0, "openvino": 1.0}
    assert ratios(seconds, gflop=10.0, product_gflop=8.0) == {
        "vs_eager": 3.0,
        "vs_openvino": 0.5,
        "float32_vs_eager": 1.5,
        "gflops": 5.0,
        "matmul_gflops": 16.0,
    }


def test_operations_are_counted_a_pixel() -> None:
    """3×3 from 3 to 8 channels at full size, then 1×1 from 8 to 2 at half: 2 a weight."""
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 2, 1, stride=2))
    assert timing.gflop_per_pixel(network) == 2 * (9 * 3 * 8 + 8 * 2 / 4) / 1e9


class Shift(nn.Module):
    """Enlarges twice and adds one 8-bit step."""

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[-1] <= 40  # 16 and 10 on both sides, up to a multiple of 8
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3) + 1 / 255


def test_a_peer_puts_its_tiles_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Across several tiles with their padding, each pixel comes back in its place, enlarged."""
    monkeypatch.setattr(peers, "TILE", 16)
    pixels = photo(21, 40, 3, "uint8") // 2
    enlarged = pixels.repeat(2, 0).repeat(2, 1)
    assert np.array_equal(peers.eager(Shift())(pixels), enlarged + 1)


def test_a_network_runs_alike_in_every_installed_peer() -> None:
    """ONNX Runtime and OpenVINO give eager's picture within two 8-bit steps."""
    torch.manual_seed(0)
    network = build("unet", OPTIONS).eval().requires_grad_(False)
    pixels = photo(4 * FULL_HALO, 40, 3, "uint8")
    wanted = peers.eager(network)(pixels).astype(int)
    for name, prepare in peers.PEERS.items():
        try:
            peer = prepare(network)
        except ImportError:
            continue
        assert np.abs(peer(pixels).astype(int) - wanted).max() <= 2, name


def test_the_table_reads_as_ratios_with_their_aims() -> None:
    """Literal lines; what was not measured is not in it."""
    assert list(table.lines(FIGURES)) == [
        "                            measured  aim     ",
        "overhead_ratio                  1.06  ≤ 1.15   whole picture / bare network on as many"
        " pixels",
        "spatial_db                     57.00  ≥ 45     dB: one pass against 33 whole blends",
        "peak_rss_24mp_mb             1146.00  ≤ 1500   MiB, a picture of 24 megapixels",
        "",
        "realesr: time of the peer / ours (above 1 we are faster)",
        "  vs_eager                      4.25  ≥ 2.5",
        "  vs_openvino                   0.50  ≥ 1.0",
        "  of a matrix product            75%  (300 of 400 GFLOP/s)",
        "",
        "bfloat16, 2 threads, torch 2.13.0",
    ]


def test_json_and_chart_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command prints the table; the figures go to the file, the bars to a PNG."""
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(figures_module, "bench", lambda *_: FIGURES)
    words = ["--json", str(tmp_path / "f.json"), "--plot", str(tmp_path / "f.png")]
    assert cli.main(["bench", *words]) == 0
    assert json.loads((tmp_path / "f.json").read_text("utf-8")) == FIGURES
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG\r\n")
    assert capsys.readouterr().out.splitlines() == list(table.lines(FIGURES))


def test_a_chart_without_matplotlib_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not after minutes of measuring."""
    monkeypatch.setattr(table, "find_spec", lambda _: None)
    assert cli.main(["bench", "--plot", str(tmp_path / "f.png")]) == 1
    assert capsys.readouterr().err == "dnid: --plot needs matplotlib: pip install 'dnid[bench]'.\n"


def test_a_missing_folder_is_refused_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not after minutes of measuring."""
    assert cli.main(["bench", "--json", str(tmp_path / "none" / "f.json")]) == 1
    assert capsys.readouterr().err == f"dnid: There is no folder {tmp_path / 'none'}.\n"
