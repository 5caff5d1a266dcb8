"""A tile is as large as is worth having and as memory allows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from dnid.engine import budget
from dnid.engine.budget import (
    LARGEST,
    LARGEST_BYTES,
    SHARE,
    SMALLEST,
    bytes_per_pixel,
    free_bytes,
    tile_pixels,
)
from dnid.networks import build

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("free", "per_pixel", "halo", "pixels"),
    [
        (1 << 40, 100, 56, LARGEST),
        (1 << 40, 1024, 56, LARGEST_BYTES // 1024),
        (1 << 30, 1024, 56, int(SHARE * (1 << 20))),
        (1 << 20, 1024, 56, SMALLEST),
        (0, 1024, 0, SMALLEST),
        (0, 1024, 200, 800**2),
        (None, 100, 56, LARGEST),
        (None, 1024, 56, LARGEST_BYTES // 1024),
    ],
)
def test_tiles_follow_the_free_memory(
    monkeypatch: pytest.MonkeyPatch,
    free: int | None,
    per_pixel: float,
    halo: int,
    pixels: int,
) -> None:
    """Up to what is worth having, down to what is mostly halo; unknown counts as plenty."""
    monkeypatch.setattr(budget, "free_bytes", lambda _: free)
    assert tile_pixels(per_pixel, CPU, halo) == pixels


def test_free_memory_is_read_from_the_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """MemAvailable counts, which includes what the system would give back."""
    table = tmp_path / "meminfo"
    table.write_text("MemTotal:  900 kB\nMemFree:  100 kB\nMemAvailable:   512 kB\n")
    monkeypatch.setattr(budget, "_MEMORY", table)
    assert free_bytes(CPU) == 512 * 1024
    for text in ("", "MemTotal: 900 kB\n"):
        table.write_text(text)
        assert free_bytes(CPU) is None
    table.unlink()
    assert free_bytes(CPU) is None


@pytest.mark.parametrize(
    ("architecture", "options", "values"),
    [
        ("unet", {"channels": [64, 128], "blocks": [1, 1], "fold": 2}, 16),  # 64 a 2×2 block
        ("srvgg", {"num_feat": 24, "num_conv": 1, "upscale": 2}, 24),
        ("srvgg", {"num_feat": 24, "num_conv": 1, "upscale": 4}, 48),  # the last layer's 3 · 16
    ],
)
def test_a_pixels_share_goes_by_the_widest_layer(
    architecture: str, options: dict[str, object], values: int
) -> None:
    """Four outputs of that layer, and the picture before and after, in float32."""
    with torch.device("meta"):
        network: nn.Module = build(architecture, options)
    scale = int(network.scale)  # type: ignore[arg-type]
    pictures = 3 * 4 * (2 + 3 * scale**2)
    assert bytes_per_pixel(network, 2) == 4 * values * 2 + pictures
    assert bytes_per_pixel(network, 4) == 4 * values * 4 + pictures


def test_measuring_a_network_imports_nothing_large() -> None:
    """The first picture would wait for it."""
    code = """
import sys, torch
from dnid.engine.budget import bytes_per_pixel
from dnid.networks import build
with torch.device("meta"):
    network = build("unet", {"channels": [8, 8], "blocks": [1, 1], "fold": 2})
bytes_per_pixel(network, 2)
print("sympy" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
