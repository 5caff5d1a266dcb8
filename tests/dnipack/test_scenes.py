"""Photos with masks, composed scenes, and the networks that learn from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests import threads

from dnid.engine.engine import Engine
from dnid.errors import BadInput
from dnid.packs.store import PackStore, open_pack
from dnid.recipe import Recipe, Stage
from dnipack import cli
from dnipack.plan import AnchorPlan
from dnipack.recipe import TrainingRecipe, load_recipe
from dnipack.scenes import SceneFolder, Scenes, SceneSampler, load_scenes
from dnipack.subject import check, iou, mask_loss, train_finder

SIDE = 64


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny batches are done before a second thread has woken up."""
    with threads.single():
        yield


def write_scenes(folder: Path, count: int = 6) -> SceneFolder:
    """Red discs on noise; the last two have no mask."""
    rng = np.random.default_rng(3)
    (folder / "photos").mkdir(parents=True)
    (folder / "masks").mkdir()
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for number in range(count):
        centre = rng.uniform(20, 44, 2)
        inside = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < 14**2
        photo = rng.integers(0, 120, (SIDE, SIDE, 3)).astype(np.uint8)
        photo[inside] = (230, 40, 40)
        Image.fromarray(photo).save(folder / "photos" / f"{number}.png")
        if number < count - 2:
            mask = np.where(inside, 255, 0).astype(np.uint8)
            Image.fromarray(mask).save(folder / "masks" / f"{number}.png")
    names = "\n".join(str(number) for number in range(count - 2))
    (folder / "clear.txt").write_text(names + "\n")
    return SceneFolder("photos", "masks", "clear.txt", keep_back=3)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_scenes(tmp_path / "data")
    return tmp_path / "data"


def loaded(data: Path) -> Scenes:
    return load_scenes(data, [SceneFolder("photos", "masks", "clear.txt", 3)], SIDE)


def test_scenes_are_told_apart(data: Path) -> None:
    """Clear ones, others, and every third of each kept back, at the working side."""
    scenes = loaded(data)
    found = scenes.clear, scenes.other, scenes.kept_back, scenes.kept_back_other
    assert [len(each) for each in found] == [2, 2, 2, 0]
    assert all(scene.shape == (SIDE, SIDE, 4) for scene in scenes.clear)
    assert not any(scene[..., 3].any() for scene in scenes.other)
    red = scenes.clear[0][..., 0] > 200
    np.testing.assert_array_equal(red, scenes.clear[0][..., 3] > 127)
    smaller = load_scenes(data, [SceneFolder("photos", "masks", "clear.txt")], 32)
    assert smaller.clear[0].shape == (32, 32, 4)


def test_what_is_missing_is_named(data: Path) -> None:
    """A folder without photos, a list that is not there."""
    with pytest.raises(BadInput, match="No photos in"):
        load_scenes(data, [SceneFolder("nothing", "masks", "clear.txt")], SIDE)
    with pytest.raises(BadInput, match="Cannot read"):
        load_scenes(data, [SceneFolder("photos", "masks", "list.txt")], SIDE)
    with pytest.raises(BadInput, match="clear subject are needed"):
        SceneSampler(Scenes([], loaded(data).other, [], []), 32)


def test_a_pasted_subject_brings_its_mask(data: Path) -> None:
    """Whatever is red in a composed crop is the subject; crops come back for the same seed."""
    sampler = SceneSampler(loaded(data), 32, drawn=0)
    batch = sampler.batch(24, np.random.default_rng(5))
    assert batch.shape == (24, 4, 32, 32)
    inside = batch[:, 3] > 0.95
    assert inside.any(), "no subject in any crop"
    assert float(batch[:, 0][inside].min()) > 0.7
    assert torch.equal(batch, sampler.batch(24, np.random.default_rng(5)))


def test_the_loss_of_a_perfect_mask() -> None:
    """Next to nothing; that of its inverse is more than one."""
    wanted = (torch.rand(2, 1, 16, 16) > 0.5).float()
    assert float(mask_loss((wanted - 0.5) * 60, wanted)) < 0.01
    assert float(mask_loss((0.5 - wanted) * 60, wanted)) > 1
    assert iou(np.array([True, True, False]), np.array([True, False, False])) == 0.5


def test_a_finder_learns_and_goes_on(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It finds the discs of photos that were kept back, and further training starts from it."""
    options = {"channels": [8, 16], "blocks": [1, 1], "fold": 4}
    monkeypatch.setattr("dnipack.subject.OPTIONS", options)
    monkeypatch.setattr("dnipack.subject.LEARNING_RATE", 5e-3)
    scenes, told = loaded(data), []
    network = train_finder(scenes, 60, batch=4, crop=SIDE, progress=told.append)
    assert len(told) == 60
    result = check(network, scenes.kept_back, scenes.other)
    assert min(result.ious) > 0.7
    further: list[float] = []
    train_finder(scenes, 1, start=network, batch=4, crop=SIDE, progress=further.append)
    assert further[0] < told[0] / 2


RECIPE = """
id = "dof"
name = "Depth of field"
effect = "dof"
version = "1"
licence = "CC0-1.0"
trained_on = "Discs."
path = ["still", "soft"]
validation = []
batch = 2
crop = 32
working_side = 64

[[scenes]]
photos = "photos"
masks = "masks"
clear = "clear.txt"
keep_back = 3

[network]
architecture = "refocus"
channels = [8]
blocks = [1]
fold = 1

[[anchor]]
name = "soft"
degradation = { kind = "lens", radius = 0.02 }
target = "degraded"
steps = 3
learning_rate = 1e-3

[[anchor]]
name = "still"
parent = "soft"
degradation = { kind = "lens", radius = 0 }
target = "degraded"
steps = 2
learning_rate = 1e-3
"""


def test_from_recipe_to_a_soft_background(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`train`, `subject`, `calibrate`, `measure` and `compare`, and the engine runs the pack."""
    monkeypatch.setattr("dnipack.subject.CROP", SIDE)
    options = {"channels": [4], "blocks": [0], "fold": 4}
    monkeypatch.setattr("dnipack.subject.OPTIONS", options)
    recipe = tmp_path / "dof.toml"
    recipe.write_text(RECIPE)
    pack, common = tmp_path / "packs" / "dof", ["--recipe", str(recipe), "--data", str(data)]
    work = ["--work", str(tmp_path / "work"), "-o", str(pack)]
    assert cli.main(["train", str(recipe), "--data", str(data), *work]) == 0
    manifest = open_pack(pack).manifest
    assert (manifest.working_side, manifest.halo, manifest.subject) == (64, 0, None)
    assert cli.main(["subject", str(pack), *common, "--steps", "2"]) == 0
    assert cli.main(["calibrate", str(pack), *common]) == 0
    for command in (["measure"], ["compare", "--with", "neighbours"]):
        name, *more = command
        assert cli.main([name, str(pack), *more, *common, "--levels", "1,2"]) == 0
    said = capsys.readouterr().out
    assert "IoU on 2 photos kept back" in said
    assert "neighbours" in said
    image = np.full((40, 90, 3), 90, np.uint8)
    mask = np.zeros((40, 90), np.uint8)
    result = Engine(PackStore([pack.parent])).restore(image, Recipe((Stage("dof", 0.5),)), mask)
    np.testing.assert_array_equal(result.pixels, image)


def test_recipes_with_a_focus_map(tmp_path: Path) -> None:
    """Such a network needs scenes, and no other may have them; the scenes tell weights apart,
    and are not picked like crops of photos."""
    file = tmp_path / "dof.toml"
    file.write_text(RECIPE)
    recipe = load_recipe(file)
    other = replace(recipe, scenes=(replace(recipe.scenes[0], keep_back=5),))
    plan: AnchorPlan = recipe.anchors[0]
    assert other.fingerprint(plan) != recipe.fingerprint(plan)
    unet = {"architecture": "unet", "channels": [8], "blocks": [1], "fold": 1}
    for changes in ({"scenes": ()}, {"network": unet}):
        with pytest.raises(BadInput):
            TrainingRecipe(**(vars(recipe) | changes))
    for option in ({"sizes": [1, 0.5]}, {"choose": 2}, {"recolour": True}):
        picked = replace(plan, **option)
        with pytest.raises(BadInput, match="for photos, not for scenes"):
            replace(recipe, anchors=(picked, *recipe.anchors[1:]))
