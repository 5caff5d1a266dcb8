"""Checkpoints from elsewhere become a pack that the engine runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.dnipack.checkpoints import DNCNN, State, save, small_state
from tests.dnipack.small_recipe import made_up_photo
from tests.small import photo

from dnid.engine.engine import Engine
from dnid.errors import BadInput
from dnid.networks import build
from dnid.packs.store import PackStore, open_pack
from dnid.recipe import Recipe, Stage
from dnipack.cli import main
from dnipack.importer import Description, import_pack, read_source
from dnipack.recognise import recognise

PHOTOS = [made_up_photo(0)]
NETWORKS: list[tuple[str, dict[str, Any]]] = [
    ("dncnn", DNCNN),
    ("dncnn", DNCNN | {"colours": 1, "depth": 7}),
    ("dncnn", DNCNN | {"batch_norm": True}),
    ("edsr", {"channels": 4, "blocks": 2, "scale": 4}),
    ("edsr", {"channels": 5, "blocks": 0, "scale": 2}),
    ("srvgg", {"num_feat": 3, "num_conv": 2, "upscale": 4}),
    ("srvgg", {"num_feat": 4, "num_conv": 0, "upscale": 2}),
    ("unet", {"channels": [4, 6], "blocks": [1, 2], "fold": 2}),
    ("unet", {"channels": [5], "blocks": [0], "fold": 1}),
]


@pytest.mark.parametrize(("architecture", "options"), NETWORKS)
def test_the_project_s_networks_are_found_by_keys_and_shapes(
    architecture: str, options: dict[str, Any]
) -> None:
    """Architecture, options and weights are what they were made with."""
    state = small_state(architecture, options)
    found = recognise(state)
    assert (found.architecture, found.options) == (architecture, options)
    assert all(found.state[key] is value for key, value in state.items())


def foreign_chain(state: State, prefix: str) -> State:
    """As other programs number DnCNN's layers: the ReLU behind each convolution counts."""
    return {
        key.replace(f"layers.{number}.", f"{prefix}.{2 * number}."): state[key]
        for number in range(4)
        for key in (f"layers.{number}.weight", f"layers.{number}.bias")
    }


@pytest.mark.parametrize("prefix", ["model", "dncnn"])
def test_numbered_chains_of_other_programs_are_dncnn_too(prefix: str) -> None:
    """`model.0`, `model.2` … become `layers.0`, `layers.1` …."""
    state = small_state("dncnn", DNCNN)
    found = recognise(foreign_chain(state, prefix))
    assert (found.architecture, found.options) == ("dncnn", DNCNN)
    assert {key: value.data_ptr() for key, value in found.state.items()} == {
        key: value.data_ptr() for key, value in state.items()
    }


def test_a_chain_with_batch_norm_and_without_biases_is_understood() -> None:
    """dncnn.0 conv, .2 conv, .3 norm, .5 conv, .6 norm, .8 conv; a missing bias is zero."""
    state = small_state("dncnn", DNCNN | {"batch_norm": True})
    places = {
        "layers.0": 0,
        "layers.1": 2,
        "norms.1": 3,
        "layers.2": 5,
        "norms.2": 6,
        "layers.3": 8,
    }
    foreign = {
        f"dncnn.{place}.{key.removeprefix(own + '.')}": value
        for own, place in places.items()
        for key, value in state.items()
        if key.startswith(own + ".") and not (own.startswith("layers") and key.endswith("bias"))
    }
    found = recognise(foreign)
    assert found.options["batch_norm"] is True
    assert torch.equal(found.state["norms.2.running_var"], state["norms.2.running_var"])
    assert torch.equal(found.state["layers.2.weight"], state["layers.2.weight"])
    assert not found.state["layers.2.bias"].any()


def test_a_chain_that_may_be_ircnn_is_not_taken() -> None:
    """Seven convolutions of another program: their dilation shows in no weight."""
    state = small_state("dncnn", DNCNN | {"depth": 7})
    foreign = {
        f"model.{2 * int(key.split('.')[1])}.{key.split('.')[2]}": value
        for key, value in state.items()
    }
    with pytest.raises(BadInput):
        recognise(foreign)


@pytest.mark.parametrize("change", ["missing", "extra", "shape"])
def test_weights_that_almost_fit_are_not_taken(change: str) -> None:
    """Every key and shape must be there, and no other."""
    state = small_state("srvgg", {"num_feat": 3, "num_conv": 2, "upscale": 4})
    if change == "missing":
        del state["body.1.weight"]
    elif change == "extra":
        state["body.0.more"] = torch.zeros(1)
    else:
        state["body.2.bias"] = torch.zeros(7)
    with pytest.raises(BadInput):
        recognise(state)


def two_sources(folder: Path, architecture: str, options: dict[str, Any]) -> list[Path]:
    return [
        save({"params": small_state(architecture, options, seed)}, folder / name)
        for seed, name in ((0, "Weak_1.pth"), (1, "strong.pth"))
    ]


@pytest.mark.parametrize(
    ("architecture", "options", "effect", "scale"),
    [
        ("dncnn", DNCNN | {"colours": 1}, "denoise", 1),
        ("srvgg", {"num_feat": 3, "num_conv": 1, "upscale": 2}, "sr", 2),
    ],
)
def test_an_imported_pack_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    architecture: str, options: dict[str, Any], effect: str, scale: int,
) -> None:  # fmt: skip
    """Its far end is the last checkpoint, rounded to float16, as torch runs it."""
    monkeypatch.setenv("DNID_CACHE_DIR", str(tmp_path / "cache"))
    sources = [read_source(path) for path in two_sources(tmp_path, architecture, options)]
    manifest = import_pack(
        sources, Description("mine", effect, "MIT"), PHOTOS, tmp_path / "packs" / "mine"
    )
    assert open_pack(tmp_path / "packs" / "mine").manifest == manifest
    assert manifest.path == ("weak-1", "strong")
    assert (manifest.scale, manifest.licence, manifest.id) == (scale, "MIT", "mine")
    picture = photo(9, 12, 3, "float32")
    stage = Stage(effect, 1.0, scale=scale)
    restored = Engine(PackStore([tmp_path / "packs"])).restore(picture, Recipe((stage,))).pixels
    network = build(architecture, options)
    network.load_state_dict({k: v.half().float() for k, v in sources[1].state.items()})
    with torch.inference_mode():
        wanted = network(torch.from_numpy(picture).permute(2, 0, 1)[None])[0]
    np.testing.assert_allclose(restored, wanted.permute(1, 2, 0).numpy(), atol=0.03)


def test_checkpoints_of_different_networks_are_refused(tmp_path: Path) -> None:
    """The one that does not fit is named, and nothing is written."""
    first = save(small_state("dncnn", DNCNN), tmp_path / "a.pth")
    second = save(small_state("dncnn", DNCNN | {"depth": 5}), tmp_path / "b.pth")
    with pytest.raises(BadInput, match=r"b\.pth is not of the same network as .*a\.pth"):
        import_pack(
            [read_source(first), read_source(second)],
            Description("mine", "denoise", "MIT"), PHOTOS, tmp_path / "mine",
        )  # fmt: skip
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    ("changes", "output", "said"),
    [
        ({"id": "Mine!"}, "Mine!", "No pack can come of it: id"),
        ({"effect": "sr"}, "mine", "scale must be 2 or 4 for sr"),
        ({"licence": "free"}, "mine", "The licence 'free' is no SPDX expression"),
        ({"scale": 4}, "mine", "enlarges 1 times, not 4"),
        ({}, "other", r"named like the pack; give -o …/mine"),
        ({}, "taken/mine", "is there already"),
    ],
)
def test_a_description_that_no_pack_can_have_is_refused(
    tmp_path: Path, changes: dict[str, Any], output: str, said: str
) -> None:
    """Before anything is written."""
    (tmp_path / "taken" / "mine" / "x").mkdir(parents=True)
    source = read_source(save(small_state("dncnn", DNCNN), tmp_path / "a.pth"))
    description = replace(Description("mine", "denoise", "MIT"), **changes)
    with pytest.raises(BadInput, match=said):
        import_pack([source], description, PHOTOS, tmp_path / output)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_the_command_tells_what_it_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which key was used, the architecture, the pack; and the fault in one line."""
    monkeypatch.chdir(tmp_path)
    paths = [str(path) for path in two_sources(tmp_path, "dncnn", DNCNN)]
    asked = ["import", *paths, "--id", "mine", "--effect", "denoise", "--licence", "MIT"]
    assert main(asked) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == (
        f"{paths[0]} (from params): dncnn, colours 3, channels 4, depth 4, batch_norm False; "
        "519 parameters"
    )
    assert told[2:] == [
        "mine: 2 anchors, halo 4 pixels",
        "Whether they can be blended: dni-pack check mine",
    ]
    assert main(asked) == 1
    assert capsys.readouterr().err == (
        "dni-pack: mine is there already; remove it or give another place.\n"
    )
