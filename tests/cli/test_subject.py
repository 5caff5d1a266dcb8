"""`dnid subject` and `--dof`: find what stays sharp, correct it, soften the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.conftest import CommandLine
from tests.small import Pixels


@pytest.fixture
def flower(tmp_path: Path) -> tuple[Path, Pixels]:
    """A red square on green, 80 × 60; the small pack's finder takes what is red."""
    pixels = np.full((60, 80, 3), (40, 90, 40), np.uint8)
    pixels[20:40, 30:60] = (230, 60, 60)
    Image.fromarray(pixels).save(tmp_path / "flower.png")
    return tmp_path / "flower.png", pixels


def opened(path: Path) -> Pixels:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize("way", [[], ["--in-process"]])
def test_the_subject_as_a_mask(
    dnid: CommandLine, flower: tuple[Path, Pixels], tmp_path: Path, way: list[str]
) -> None:
    """Black where the photo stays sharp; inverted it is the subject."""
    source, pixels = flower
    said = dnid("subject", source, "-o", tmp_path / "mask.png", *way)
    assert said.returncode == 0, said.stderr
    assert "the subject takes 12%" in said.stdout
    mask = opened(tmp_path / "mask.png")
    red = pixels[..., 0] > 200
    assert mask.shape == (60, 80)
    assert ((mask < 128) == red).mean() > 0.97
    assert dnid("subject", source, "-o", tmp_path / "it.png", "--invert", *way).returncode == 0
    np.testing.assert_array_equal(opened(tmp_path / "it.png"), 255 - mask)


def test_soft_around_the_subject(
    dnid: CommandLine, flower: tuple[Path, Pixels], tmp_path: Path
) -> None:
    """With the mask that was written, and without any, the inside of the subject stays."""
    source, pixels = flower
    assert dnid("subject", source, "-o", tmp_path / "mask.png").returncode == 0
    for name, more in (("a.png", []), ("b.png", ["--mask", tmp_path / "mask.png"])):
        said = dnid("apply", source, "-o", tmp_path / name, "--dof", "1", *more)
        assert said.returncode == 0, said.stderr
        result = opened(tmp_path / name)
        np.testing.assert_array_equal(result[23:37, 33:57], pixels[23:37, 33:57])
        assert np.abs(result[:10].astype(int) - 128).max() <= 2  # what the small network makes


def test_no_subject_is_said_and_nothing_written(dnid: CommandLine, tmp_path: Path) -> None:
    """One sentence with the remedy."""
    Image.new("RGB", (50, 40), (40, 90, 40)).save(tmp_path / "lawn.png")
    for command in (["subject"], ["apply", "--dof", "0.5"]):
        name, *more = command
        said = dnid(name, tmp_path / "lawn.png", "-o", tmp_path / "out.png", *more)
        assert said.returncode == 1
        assert "paint a mask" in said.stderr
        assert "Traceback" not in said.stderr
        assert not (tmp_path / "out.png").exists()


def test_a_strength_of_dof_is_a_number(dnid: CommandLine, tmp_path: Path) -> None:
    """No pack proposes one."""
    said = dnid("apply", "a.png", "-o", tmp_path / "b.png", "--dof", "auto")
    assert "'auto' is not a number from 0 to 1" in said.stderr


def test_what_is_no_picture_is_named(dnid: CommandLine, tmp_path: Path) -> None:
    """In one sentence with its name."""
    (tmp_path / "text.png").write_text("no picture")
    said = dnid("subject", tmp_path / "text.png", "-o", tmp_path / "mask.png")
    assert said.returncode != 0
    assert f"{tmp_path / 'text.png'}: It cannot be read as a picture" in said.stderr
    assert not (tmp_path / "mask.png").exists()
