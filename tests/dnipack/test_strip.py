"""A photo at some positions of the slider, side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.dnipack.brightening import write_brightening

from dnipack.cli import main
from dnipack.commands.strip import GAP


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A gray photo, 60 × 40."""
    path = tmp_path / "photo.png"
    Image.fromarray(np.full((40, 60, 3), 100, np.uint8)).save(path)
    return path


def strip(folder: Path, photo: Path, *options: str) -> np.ndarray:
    """Draw it by a pack that brightens by up to 0.4; whole numbers of what was drawn."""
    pack = folder / "packs" / "denoise"
    if not pack.exists():
        pack = write_brightening(folder / "packs")
    out = folder / "strip.png"
    assert main(["strip", str(pack), str(photo), "-o", str(out), *options]) == 0
    with Image.open(out) as image:
        return np.asarray(image).astype(int)


def test_pictures_by_position(tmp_path: Path, photo: Path) -> None:
    """Each as the engine gives it, with a gap between them and its label in the corner."""
    drawn = strip(tmp_path, photo, "--positions", "0,1")
    assert drawn.shape == (40, 2 * 60 + GAP, 3)
    assert (drawn[38, 50] == 100).all()
    assert (drawn[:, 60 : 60 + GAP] == 255).all()
    assert drawn[38, -2, 0] > 150
    assert (drawn[:25, :30] == 255).any(), "a label"


def test_part_and_width(tmp_path: Path, photo: Path) -> None:
    """Cut first, then made smaller; never larger."""
    drawn = strip(tmp_path, photo, "--positions", "0", "--crop", "10,5,32,16", "--width", "16")
    assert drawn.shape == (8, 16, 3)
    assert strip(tmp_path, photo, "--positions", "0", "--width", "900").shape == (40, 60, 3)


def test_degraded_first(tmp_path: Path, photo: Path) -> None:
    """At strength 0 one sees what was done to it."""
    drawn = strip(tmp_path, photo, "--positions", "0", "--level", "20")
    assert drawn[30:, 30:].std() == pytest.approx(20, rel=0.15)


def test_a_mask(tmp_path: Path, photo: Path) -> None:
    """Black keeps the photo."""
    mask = tmp_path / "mask.png"
    Image.fromarray(np.repeat(np.array([[0, 255]], np.uint8), 40, 0).repeat(30, 1)).save(mask)
    drawn = strip(tmp_path, photo, "--positions", "1", "--mask", str(mask))
    assert (drawn[36:, :29] == 100).all()
    assert drawn[36:, 31:].min() > 150


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--crop", "1,2,3"], "X,Y,W,H"),
        (["--crop", "900,0,10,10"], "outside"),
        (["-o", "strip.gif"], "a .jpg or a .png"),
        (["-o", "nowhere/strip.png"], "There is no folder"),
    ],
)
def test_what_cannot_be_drawn(
    tmp_path: Path, photo: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    """In one sentence, and nothing is written."""
    out = tmp_path / "strip.png"
    command = ["strip", str(write_brightening(tmp_path / "packs")), str(photo), "-o", str(out)]
    assert main([*command, *options]) == 1
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_the_photo_is_not_written_over(
    tmp_path: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor is the mask, by whatever name."""
    pack = write_brightening(tmp_path / "packs")
    before = photo.read_bytes()
    (tmp_path / "link.png").symlink_to(photo)
    link = str(tmp_path / "link.png")
    other = tmp_path / "other.png"
    other.write_bytes(before)
    for command in ([str(photo)], [str(other), "--mask", str(photo)]):
        assert main(["strip", str(pack), *command, "-o", link]) == 1
        assert "is the original; choose another name" in capsys.readouterr().err
        assert photo.read_bytes() == before
