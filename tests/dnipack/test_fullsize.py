"""Depth of field at a photo's own size, beside a rendered lens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.dnipack.small_recipe import made_up_photo
from tests.small import write_dof

from dnid.recipe import Recipe
from dnipack.cli import main
from dnipack.degrade.lens import render
from dnipack.fullsize import beside_a_lens
from dnipack.metrics import gradient_energy
from dnipack.photos import Photo, to_pixels, to_tensor

RADIUS = 0.03


class Rendering:
    """Stands for the engine: a lens without fault, but for the subject, which it may soften."""

    def __init__(self, keeps: float) -> None:
        self.keeps, self.asked = keeps, list[float]()

    def restore(self, photo: Photo, recipe: Recipe, mask: Photo) -> Rendering:
        self.asked.append(recipe.stages[0].strength)
        scene = to_tensor(np.dstack([photo, 255 - mask]))
        whole = render(scene * torch.tensor([1, 1, 1, self.keeps]).view(1, 4, 1, 1), RADIUS * 96)
        self.pixels = to_pixels(whole)
        return self


def scene() -> tuple[Photo, Photo]:
    """96 × 96 of grain; the middle is the subject."""
    photo = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    subject = np.zeros((96, 96), np.uint8)
    subject[30:60, 30:60] = 255
    return photo, subject


def test_a_lens_beside_itself() -> None:
    """Nothing lost and as soft; the untouched photo is much sharper."""
    engine = Rendering(1.0)
    found = beside_a_lens(engine, "dof", *scene(), RADIUS, 0.7)  # type: ignore[arg-type]
    assert engine.asked == [0.7]
    assert (found.subject, found.background) == (1, pytest.approx(1, abs=1e-6))
    assert found.photo > 10
    assert found.psnr > 50


def test_a_subject_that_is_softened() -> None:
    """Its share of gradient energy tells."""
    found = beside_a_lens(Rendering(0.5), "dof", *scene(), RADIUS, 1)  # type: ignore[arg-type]
    assert found.subject is not None
    assert found.subject < 0.9
    assert found.psnr < 30


def test_energy_where_it_is_asked_for() -> None:
    """Only differences of two pixels that both count."""
    picture = torch.zeros(1, 1, 4, 6)
    picture[..., 3:] = 1  # one edge
    picture[..., 0, 5] = 9  # and a spot
    where = torch.ones(1, 1, 4, 6, dtype=torch.bool)
    where[..., 4:] = False
    assert gradient_energy(2 * picture, picture, where) == pytest.approx(4)
    other = picture.clone()
    other[..., 4:] = 5
    assert gradient_energy(other, picture, where) == 1
    where[..., 3] = False
    assert gradient_energy(other, picture, where) == 0


@pytest.mark.parametrize("name", ["flower.png", "folder__flower.png"])
def test_the_command(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each photo that has a mask, of any size, and the medians."""
    pack = write_dof(tmp_path / "packs", -1.0, 0.5)
    photos, masks = tmp_path / "photos", tmp_path / "masks"
    photos.mkdir()
    masks.mkdir()
    for photo in ("flower", "stone"):
        Image.fromarray(made_up_photo(0)).save(photos / f"{photo}.png")
    Image.fromarray(scene()[1][::2, ::2]).save(masks / name)
    command = ["fullsize", str(pack), "--data", str(photos), "--masks", str(masks)]
    assert main([*command, "--levels", "1,2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines] == ["PSNR", "flower", "flower", "median", "median"]
    Image.fromarray(np.full((9, 9), 90, np.uint8)).save(masks / name)
    assert main([*command, "--levels", "1"]) == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()[1:]] == ["–", "–"]
    (masks / name).unlink()
    assert main(command) == 1
    assert "has a mask in" in capsys.readouterr().err
