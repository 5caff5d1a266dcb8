"""BatchNorm three ways: what each is, by numbers, and which one a pack gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.dnipack.checkpoints import save
from tests.dnipack.small_recipe import made_up_photo
from tests.small import small_manifest
from torch import Tensor

from dnid.networks import build
from dnid.packs.store import open_pack
from dnipack.importer import Description, import_pack, read_source
from dnipack.normalise import best_way, compare_ways, fold, reestimate

OPTIONS: dict[str, Any] = {"colours": 3, "channels": 4, "depth": 4, "batch_norm": True}
PHOTOS = [made_up_photo(0)]


def normalised(seed: int) -> dict[str, Tensor]:
    """Weights with statistics that are not those of a fresh network."""
    generator = torch.Generator().manual_seed(seed)
    state = build("dncnn", OPTIONS).state_dict()
    return {
        key: torch.rand(value.shape, generator=generator) * 0.4 + 0.1
        if value.is_floating_point()
        else value
        for key, value in state.items()
    }


def test_folding_by_numbers() -> None:
    """γ 3, σ² 4 and μ 5: a weight of 2 becomes 3, a bias of 1 becomes (1 − 5) · 1.5 + β 7."""
    state = normalised(0)
    values = {"weight": 3.0, "bias": 7.0, "running_mean": 5.0, "running_var": 4.0 - 1e-5}
    for name, value in values.items():
        state[f"norms.1.{name}"].fill_(value)
    state["layers.1.weight"].fill_(2.0)
    state["layers.1.bias"].fill_(1.0)
    options, folded = fold(OPTIONS, state)
    assert options == OPTIONS | {"batch_norm": False}
    torch.testing.assert_close(folded["layers.1.weight"], torch.full((4, 4, 3, 3), 3.0))
    torch.testing.assert_close(folded["layers.1.bias"], torch.full((4,), 1.0))
    assert torch.equal(folded["layers.0.weight"], state["layers.0.weight"])
    assert not any(key.startswith("norms") for key in folded)


def test_a_folded_network_does_the_same() -> None:
    """Up to rounding, on any picture."""
    state = normalised(1)
    options, folded = fold(OPTIONS, state)
    one, other = build("dncnn", OPTIONS).eval(), build("dncnn", options).eval()
    one.load_state_dict(state)
    other.load_state_dict(folded)
    x = torch.rand(2, 3, 7, 6)
    with torch.inference_mode():
        torch.testing.assert_close(other(x), one(x), rtol=1e-4, atol=1e-4)


def test_statistics_are_those_of_the_pictures() -> None:
    """μ and σ² of the first BatchNorm are the mean and variance of what comes into it."""
    network = build("dncnn", OPTIONS).eval()
    network.load_state_dict(normalised(2))
    x = torch.rand(2, 3, 9, 9)
    with torch.no_grad():
        incoming = network.layers[1](network.layers[0](x).relu())  # type: ignore[index]
    reestimate(network, x)
    state = network.state_dict()
    torch.testing.assert_close(state["norms.1.running_mean"], incoming.mean((0, 2, 3)))
    torch.testing.assert_close(state["norms.1.running_var"], incoming.var((0, 2, 3)))
    assert not any(module.training for module in network.norms.values())  # type: ignore[union-attr]


def test_the_ways_agree_at_the_ends_and_differ_between() -> None:
    """An anchor is an anchor whatever the way; halfway the three are three networks."""
    manifest = small_manifest(
        {"low": "0" * 64, "high": "0" * 64}, architecture="dncnn", options=OPTIONS
    )
    found = compare_ways(manifest, normalised(3), normalised(4), PHOTOS)
    assert list(found) == ["paper", "fold", "reestimate"]
    for level in ("20", "40", "60"):
        rows = [found[way][level] for way in found]
        for place in (0, -1):
            assert [row[place] for row in rows] == pytest.approx([rows[0][place]] * 3, abs=1e-3)
        assert len({round(row[2], 3) for row in rows}) == 3


@pytest.mark.parametrize(
    ("paper", "folded", "best"), [(30.0, 29.0, "paper"), (29.0, 30.0, "fold"), (30.0, 30.0, "fold")]
)
def test_the_better_way_is_taken(paper: float, folded: float, best: str) -> None:
    """By the best place of each level; the faster one when they are even."""
    ways = {"paper": {"20": (1.0, paper)}, "fold": {"20": (folded, 1.0)}, "reestimate": {}}
    assert best_way(ways) == best
    assert best_way({}) == "paper"


@pytest.mark.parametrize(("wanted", "norms"), [("paper", True), ("fold", False), ("best", None)])
def test_a_pack_carries_the_choice(tmp_path: Path, wanted: str, norms: bool | None) -> None:
    """The manifest says which, and the network of the pack is that one."""
    paths = [save(normalised(seed), tmp_path / f"{seed}.pth") for seed in (5, 6)]
    sources = [read_source(path) for path in paths]
    description = Description("mine", "denoise", "MIT")
    manifest = import_pack(sources, description, PHOTOS, tmp_path / "mine", wanted)
    assert manifest.normalisation in (("paper", "fold") if wanted == "best" else (wanted,))
    assert manifest.options["batch_norm"] == (manifest.normalisation == "paper")
    assert norms is None or manifest.options["batch_norm"] == norms
    assert open_pack(tmp_path / "mine").anchors().names == ("5", "6")
