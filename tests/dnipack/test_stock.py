"""Anchors that are there already are not trained again: those of packs, and parents of the done."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.dnipack.small_recipe import TOML, made_up_photo, recipe, write_photos

from dnid.errors import BadInput, PackDamaged
from dnid.packs.store import open_pack
from dnipack.cli import main
from dnipack.photos import load_pool
from dnipack.recipe import AnchorPlan, TrainingRecipe
from dnipack.stock import needed, take_anchor
from dnipack.train import State, finished_file, train_anchor

SHORT_PATH = TOML.replace('path = ["n10", "n30"]', 'path = ["n30"]')
"""n10 is a stepping stone."""


def anchor_file(folder: Path, name: str = "n10") -> Path:
    """As a pack has it, in float16, with weights that no training here comes to."""
    generator = torch.Generator().manual_seed(3)
    state = {
        key: (0.1 * torch.randn(value.shape, generator=generator)).half()
        for key, value in recipe().build_network().state_dict().items()
    }
    folder.mkdir(exist_ok=True)
    save_file(state, folder / f"{name}.safetensors")
    return folder / f"{name}.safetensors"


def command(folder: Path, toml: str = TOML) -> list[str]:
    """`train` of `toml` on three photos, which are made when they are not there."""
    (folder / "small.toml").write_text(toml, encoding="utf-8")
    if not (folder / "photos").exists():
        write_photos(folder / "photos")
    places = ["--data", str(folder / "photos"), "--work", str(folder / "work")]
    return ["train", str(folder / "small.toml"), *places, "-o", str(folder / "denoise")]


def child(small: TrainingRecipe, work: Path, steps: list[str]) -> State:
    """n30, trained on the photos beside `work`; each step leaves its anchor's name in `steps`."""
    training, validation = load_pool(work.parent / "photos", small.validation)
    plan = small.anchor("n30")
    return train_anchor(small, plan, training, validation, work, lambda m: steps.append(m.anchor))


def test_a_taken_anchor_is_not_trained_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The pack holds the file's very weights, and only its child was trained."""
    file = anchor_file(tmp_path / "old")
    assert main([*command(tmp_path), "--have", str(file)]) == 0
    shown = capsys.readouterr().err
    assert "n30: 100%" in shown
    assert "5/5" not in shown  # n10's steps
    pack = open_pack(tmp_path / "denoise")
    assert pack.manifest.path == ("n10", "n30")
    made, taken = (load_file(path) for path in (tmp_path / "denoise" / "n10.safetensors", file))
    assert made.keys() == taken.keys()
    assert all(torch.equal(made[key], taken[key]) for key in taken)


def test_its_child_starts_from_it_bit_for_bit(tmp_path: Path) -> None:
    """A child whose learning rate is too small to move a weight is the parent itself."""
    n10, n30 = recipe().anchors
    still = AnchorPlan("n30", n30.degradation, 3, 1e-30, "n10")
    small = recipe(anchors=(n10, still))
    file = anchor_file(tmp_path)
    (tmp_path / "work").mkdir()
    write_photos(tmp_path / "photos")
    assert take_anchor(small, file, tmp_path / "work") == "n10"
    steps: list[str] = []
    found = child(small, tmp_path / "work", steps)
    assert steps == ["n30"] * 3
    for key, value in load_file(file).items():
        assert torch.equal(found[key], value.float()), key


def test_what_was_trained_here_stays(tmp_path: Path) -> None:
    """A file for an anchor that is finished changes nothing: here it is not yet rounded."""
    small, photos = recipe(), [made_up_photo(0), made_up_photo(1)]
    own = train_anchor(small, small.anchor("n10"), photos, photos, tmp_path, lambda _: None)
    take_anchor(small, anchor_file(tmp_path / "old"), tmp_path)
    plan = small.anchor("n10")
    kept = load_file(finished_file(tmp_path, plan, small.fingerprint(plan)))
    assert all(torch.equal(kept[key], own[key]) for key in own)


def test_a_stepping_stone_of_finished_children_is_not_needed(tmp_path: Path) -> None:
    """It is trained while its child is not, and left out when its file is gone later."""
    assert main(command(tmp_path, SHORT_PATH)) == 0
    work = tmp_path / "work"
    (stone,) = work.glob("n10-*")
    first = open_pack(tmp_path / "denoise").manifest
    stone.unlink()
    assert main(command(tmp_path, SHORT_PATH)) == 0
    assert not list(work.glob("n10-*"))
    assert open_pack(tmp_path / "denoise").manifest == first
    small = recipe(path=("n30",))
    assert needed(small, work) == {"n30"}
    next(work.glob("n30-*")).unlink()
    assert needed(small, work) == {"n10", "n30"}


def test_a_shipped_parent_is_needed_all_the_same(tmp_path: Path) -> None:
    """What is on the path belongs to the pack, whoever is finished."""
    assert needed(recipe(), tmp_path) == {"n10", "n30"}
    take_anchor(recipe(), anchor_file(tmp_path, "n30"), tmp_path)
    assert needed(recipe(), tmp_path) == {"n10", "n30"}


@pytest.mark.parametrize("fault", ["name", "missing", "shapes", "bytes"])
def test_a_wrong_file_is_refused(
    tmp_path: Path, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one sentence, before the first step, and nothing is taken."""
    file = anchor_file(tmp_path / "old", "n99" if fault == "name" else "n10")
    match fault:
        case "missing":
            file.unlink()
        case "shapes":
            state = load_file(file)
            save_file({key: value[:1].clone() for key, value in state.items()}, file)
        case "bytes":
            file.write_bytes(b"PK\3\4 no safetensors")
    assert main([*command(tmp_path), "--have", str(file)]) == 1
    (said,) = capsys.readouterr().err.strip().splitlines()
    assert ("no anchor n99" if fault == "name" else "n10") in said
    assert not list((tmp_path / "work").iterdir())


def test_the_reason_has_its_kind(tmp_path: Path) -> None:
    """A name of no plan is bad input; a file that does not fit its network is a damaged pack."""
    with pytest.raises(BadInput):
        take_anchor(recipe(), anchor_file(tmp_path, "n99"), tmp_path)
    wider = recipe(network={**recipe().network, "channels": [6, 6]})
    with pytest.raises(PackDamaged):
        take_anchor(wider, anchor_file(tmp_path), tmp_path)
