"""A pack beside its rivals on the command line: mixing, a pack, a checkpoint."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tests.dnipack.brightening import write_brightening
from tests.dnipack.small_recipe import write_photos
from tests.small import write_enlarger

from dnid.networks.dncnn import DnCNN
from dnipack.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a pack that brightens and three photos."""
    folder = tmp_path_factory.mktemp("compare")
    write_brightening(folder)
    write_photos(folder / "photos")
    return folder


@pytest.fixture(autouse=True)
def _own_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DNID_CACHE_DIR", str(folder))


def compared(folder: Path, other: str, *more: str) -> list[dict[str, Any]]:
    """The JSON of a comparison at σ 10."""
    output = folder / "figures.json"
    arguments = [str(folder / "denoise"), "--with", other, "--data", str(folder / "photos")]
    assert main(["compare", *arguments, "--levels", "10", "--json", str(output), *more]) == 0
    result: list[dict[str, Any]] = json.loads(output.read_text())
    return result


def test_mixing_shares_the_ends(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table with the noisy photos and both at their best; JSON has every position."""
    (level,) = compared(folder, "mixing")
    blends, mixes = level["scores"]
    assert [blends["name"], mixes["name"]] == ["denoise", "mixing"]
    for end in (0, 20):
        assert blends["curves"]["psnr"][end] == pytest.approx(mixes["curves"]["psnr"][end])
    assert level["untouched"]["psnr"] == pytest.approx(20 * math.log10(25.5), abs=0.1)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["level", "at", "psnr", "ssim"]
    assert [row[:2] for row in rows[1:]] == [
        ["10", "degraded"],
        ["10", "denoise"],
        ["10", "mixing"],
    ]
    assert rows[2][2:4] == ["0.00", rows[1][2]]  # brighter is never better here


def test_a_pack_beside_itself_is_a_draw(folder: Path) -> None:
    """Figure by figure."""
    (level,) = compared(folder, str(folder / "denoise"))
    assert level["scores"][0] == level["scores"][1]


def test_a_checkpoint_is_one_network(folder: Path) -> None:
    """A DnCNN of zeros takes no noise away: it has the figures of the noisy photos."""
    state = {k: torch.zeros_like(v) for k, v in DnCNN(channels=4, depth=3).state_dict().items()}
    save_file(state, folder / "peer.safetensors")
    (level,) = compared(folder, str(folder / "peer.safetensors"))
    peer = level["scores"][1]
    assert (peer["name"], peer["positions"]) == ("peer.safetensors", [1.0])
    assert peer["curves"] == {name: [value] for name, value in level["untouched"].items()}


def test_what_cannot_be_compared_is_said(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another scale, no such pack, a file that is no checkpoint, no photos."""
    enlarger, pack = str(write_enlarger(tmp_path, 2)), str(folder / "denoise")
    photos, empty = str(folder / "photos"), tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "noise.pth").write_bytes(b"noise")
    for arguments, said in (
        (["--with", enlarger, "--data", photos], "enlarges 2 times and the pack 1 times"),
        (["--with", "nothing-like-it", "--data", photos], "no pack 'nothing-like-it'"),
        (["--with", str(tmp_path / "noise.pth"), "--data", photos], "noise.pth"),
        (["--with", "mixing", "--data", str(empty)], "No photos"),
    ):
        assert main(["compare", pack, *arguments]) == 1
        assert said in capsys.readouterr().err


def test_enlargers_are_compared_on_luma(tmp_path: Path, folder: Path) -> None:
    """The blend at 0 is the first anchor, not the picture; sharpness is told as well."""
    pack, output = write_enlarger(tmp_path, 2), tmp_path / "figures.json"
    arguments = ["--with", "mixing", "--data", str(folder / "photos"), "--json", str(output)]
    assert main(["compare", str(pack), *arguments]) == 0
    (level,) = json.loads(output.read_text())
    blends, mixes = level["scores"]
    assert blends["curves"].keys() == {"psnr", "ssim", "gradients"}
    assert blends["curves"]["psnr"][0] == pytest.approx(mixes["curves"]["psnr"][0])
    assert blends["curves"]["psnr"][0] != level["untouched"]["psnr"]
