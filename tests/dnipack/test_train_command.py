"""`dni-pack train` from its recipe to a pack, with logs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.dnipack.small_recipe import TOML, write_photos

from dnid.packs.store import open_pack
from dnipack.cli import main


def command(folder: Path) -> list[str]:
    (folder / "small.toml").write_text(TOML, encoding="utf-8")
    photos = write_photos(folder / "photos")
    places = ["--data", str(photos), "--work", str(folder / "work"), "-o", str(folder / "denoise")]
    return ["train", str(folder / "small.toml"), *places]


def test_a_recipe_becomes_a_pack(tmp_path: Path) -> None:
    """Two anchors on the path, and curves for TensorBoard of both."""
    pytest.importorskip("tensorboardX")
    assert main([*command(tmp_path), "--logs", str(tmp_path / "logs")]) == 0
    assert open_pack(tmp_path / "denoise").manifest.path == ("n10", "n30")
    (events,) = (tmp_path / "logs").glob("events.out.tfevents.*")
    for tag in (b"n10/loss", b"n10/psnr", b"n30/loss", b"n30/psnr"):
        assert tag in events.read_bytes()


def test_logs_need_their_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without it one is told before the first step what to install."""
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    assert main([*command(tmp_path), "--logs", str(tmp_path / "logs")]) == 1
    assert "pip install 'dnid[logs]'" in capsys.readouterr().err
    assert not list((tmp_path / "work").iterdir())


def test_an_anchor_that_the_recipe_does_not_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--only` names one of the recipe's."""
    assert main([*command(tmp_path), "--only", "n99"]) == 1
    assert "The recipe has no anchor n99." in capsys.readouterr().err
