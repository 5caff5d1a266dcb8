"""Recipes are read strictly: what cannot become a pack is refused before it is trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.dnipack.small_recipe import TOML, recipe

from dnid.errors import BadInput
from dnipack.recipe import load_recipe

RECIPES = Path(__file__).parents[2] / "model_packs" / "recipes"


def test_a_recipe_is_read_as_it_is_written(tmp_path: Path) -> None:
    """TOML and values are the same recipe."""
    (tmp_path / "small.toml").write_text(TOML, encoding="utf-8")
    assert load_recipe(tmp_path / "small.toml") == recipe()


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_shipped_recipes_are_sound(path: Path) -> None:
    """Each could be trained, and is named like its file."""
    assert load_recipe(path).id == path.stem


NOISE = 'degradation = {kind = "noise", sigma = 30}'
PLAN = f'parent = "n10"\n{NOISE}\nsteps = 4\nlearning_rate = 0.001'
"""Of n30."""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('id = "denoise"', "id = ", "is not a training recipe"),
        ('id = "denoise"\n', "", "is not a training recipe"),
        ('id = "denoise"', "id = 5", "'id' must be a JSON string"),
        ('id = "denoise"', 'id = "../denoise"', "id '../denoise'"),
        ('effect = "denoise"', 'effect = "denoize"', "Unknown effect 'denoize'"),
        ('licence = "CC0-1.0"', 'licence = "free"', "'free' is no SPDX expression"),
        ("seed = 7", "seeed = 7", "seeed"),
        ("batch = 2", "batch = 0", "batch must be a whole number"),
        ("batch = 2", "batch = 2.5", "batch must be a whole number"),
        ("crop = 16", "crop = 15", "crop must be a multiple of 2"),
        ('path = ["n10", "n30"]', "path = []", "path names an anchor"),
        ('path = ["n10", "n30"]', 'path = ["n10", "n60"]', "path names an anchor"),
        ('path = ["n10", "n30"]', "path = 3", "is not a training recipe"),
        ('name = "n30"', 'name = "n10"', "same name"),
        ('name = "n30"', 'name = "N 30"', "anchor name 'N 30'"),
        ('parent = "n10"', 'parent = "n30"', "comes from must stand before it"),
        ('parent = "n10"', 'parent = "n99"', "comes from must stand before it"),
        ("steps = 5", "steps = 0", "steps ≥ 1"),
        ("steps = 5", 'steps = 5\nloss = "l3"', "loss is one of l1, l2, psnr"),
        ("steps = 5", 'steps = 5\nprepare = {kind = "haze"}', "Unknown degradation 'haze'"),
        ("steps = 5", "steps = 5\nbatch = 0", "batch is a whole number"),
        ("steps = 5", "steps = 5\ncrop = 15", "crop must be a multiple of 2"),
        ("steps = 5", "steps = 5\nsizes = []", "sizes lists shares"),
        ("steps = 5", "steps = 5\nchoose = 0", "choose is a whole number"),
        ("steps = 5", "steps = 5\nsizes = [1, 1.5]", "sizes lists shares"),
        ("steps = 5", "steps = 5\nsizes = [0]", "sizes lists shares"),
        ("steps = 5", "steps = 5\nsizes = [true]", "sizes lists shares"),
        ("steps = 5", "steps = 1.5", "steps ≥ 1"),
        ("steps = 5", "stepps = 5", "stepps"),
        ("steps = 4", "steps = 4\nmean = {n10 = 1}", "not trained, steps, learning_rate"),
        (PLAN, f'{NOISE}\nmean = {{n10 = 1}}\nloss = "l2"', "loss would do nothing"),
        (PLAN, f"{NOISE}\nmean = {{n10 = 0.5}}", "sum to 1"),
        (PLAN, f"{NOISE}\nmean = {{n10 = 2, n30 = -1}}", "above 0"),
        (PLAN, f"{NOISE}\nmean = 3", "sum to 1"),
        (PLAN, f"{NOISE}\nmean = {{n99 = 1}}", "comes from must stand before it"),
        ("learning_rate = 0.001", "learning_rate = nan", "learning_rate < 1"),
        ('kind = "noise", sigma = 10', 'kind = "haze"', "Unknown degradation 'haze'"),
        ('kind = "noise", sigma = 10', 'kind = "noise"', "Degradation 'noise'"),
        ("sigma = 10", 'sigma = "10"', "sigma of noise must be a number"),
        ("sigma = 10", "sigma = -1", "sigma of noise must be a number"),
        ('architecture = "unet"', 'architecture = "gan"', "Unknown architecture 'gan'"),
        ('architecture = "unet"\n', "", "Unknown architecture"),
        ("fold = 1", "fold = 0", "options of 'unet' do not fit"),
        ("seed = 7", "seed = 7\ncurve = [[0, 0], [0.5, 2], [1, 1]]", "curve must rise"),
    ],
)
def test_a_broken_recipe_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    """The sentence names the fault."""
    assert old in TOML
    (tmp_path / "small.toml").write_text(TOML.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        load_recipe(tmp_path / "small.toml")
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path) -> None:
    """Missing, or not text."""
    (tmp_path / "photo.toml").write_bytes(b"\xff\xd8\xff\xe0")
    for name in ("missing.toml", "photo.toml"):
        with pytest.raises(BadInput, match="is not a training recipe"):
            load_recipe(tmp_path / name)


def test_the_fingerprint_follows_what_changes_the_weights() -> None:
    """A change of the parent reaches the child; names for people and the path do not count."""
    small = recipe()
    first, second = small.anchors
    same = replace(small, name="Other", version="9", path=("n10",))
    assert same.fingerprint(second) == small.fingerprint(second)
    assert small.fingerprint(replace(first, about="x")) == small.fingerprint(first)
    changed = [
        replace(small, seed=8),
        replace(small, crop=18),
        replace(small, batch=3),
        replace(small, validation=()),
        replace(small, network=dict(small.network) | {"blocks": [1, 2]}),
        replace(small, anchors=(replace(first, steps=6), second)),
        replace(small, anchors=(replace(first, loss="l2"), second)),
        replace(small, anchors=(replace(first, crop=18), second)),
        replace(small, anchors=(replace(first, sizes=[1, 0.5]), second)),
        replace(small, anchors=(replace(first, choose=4), second)),
        replace(small, anchors=(replace(first, recolour=True), second)),
        replace(small, anchors=(replace(first, prepare={"kind": "zoom"}), second)),
        replace(
            small, anchors=(replace(first, degradation={"kind": "noise", "sigma": [0, 9]}), second)
        ),
    ]
    prints = {other.fingerprint(other.anchors[1]) for other in [small, *changed]}
    assert len(prints) == 1 + len(changed)


def test_a_stepping_stone_is_no_part_of_the_pack() -> None:
    """An anchor that is not on the path is left out, and its child becomes the ancestor."""
    small = recipe(path=("n30",))
    assert [plan.name for plan in small.shipped] == ["n30"]
    (anchor,) = small.manifest({"n30": "0" * 64}, 0).anchors
    assert (anchor.name, anchor.parent) == ("n30", None)
