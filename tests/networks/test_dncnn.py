"""DnCNN: the published layout, the noise taken off, gray colour by colour, normalisation."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dnid.engine.receptive import full_halo
from dnid.errors import PackDamaged
from dnid.networks import build

SMALL = {"channels": 2, "depth": 3}


def test_the_key_layout_is_the_published_one() -> None:
    """Checkpoints with folded normalisation load as they are."""
    shapes = {key: tuple(value.shape) for key, value in build("dncnn", SMALL).state_dict().items()}
    assert shapes == {
        "layers.0.weight": (2, 3, 3, 3),
        "layers.0.bias": (2,),
        "layers.1.weight": (2, 2, 3, 3),
        "layers.1.bias": (2,),
        "layers.2.weight": (3, 2, 3, 3),
        "layers.2.bias": (3,),
    }


def test_only_the_middle_layers_are_normalised() -> None:
    """As in the original: neither the first convolution nor the last."""
    keys = build("dncnn", SMALL | {"batch_norm": True, "depth": 4}).state_dict()
    assert {key.rsplit(".", 1)[0] for key in keys if "norms" in key} == {"norms.1", "norms.2"}


def test_what_it_gives_is_taken_off() -> None:
    """Red rectified twice and scaled by 0.5 · 2 · 0.25 is subtracted from green."""
    network = build("dncnn", SMALL)
    state = {key: torch.zeros_like(value) for key, value in network.state_dict().items()}
    state["layers.0.weight"][0, 0, 1, 1] = 0.5
    state["layers.1.weight"][1, 0, 1, 1] = 2.0
    state["layers.2.weight"][1, 1, 1, 1] = 0.25
    network.load_state_dict(state)
    x = torch.tensor([[0.8, -0.8], [0.2, 0.2], [0.4, 0.4]]).view(1, 3, 1, 2)
    wanted = torch.tensor([[0.8, -0.8], [0.0, 0.2], [0.4, 0.4]]).view(1, 3, 1, 2)
    torch.testing.assert_close(network(x), wanted)


def test_a_gray_network_takes_each_colour_by_itself() -> None:
    """Three equal colours stay equal, and one colour does not touch another."""
    torch.manual_seed(0)
    network = build("dncnn", SMALL | {"colours": 1})
    gray = torch.rand(2, 1, 5, 4).expand(2, 3, 5, 4)
    result = network(gray)
    assert torch.equal(result[:, 0], result[:, 2])
    other = gray.clone()
    other[:, 1] = 0.5
    assert torch.equal(network(other)[:, [0, 2]], result[:, [0, 2]])
    assert not torch.equal(network(other)[:, 1], result[:, 1])


def test_it_sees_one_pixel_a_convolution() -> None:
    """The halo of a chain of 3×3 convolutions is its depth."""
    assert full_halo(build("dncnn", {"channels": 2, "depth": 7}), 1) == 7


@pytest.mark.parametrize(
    "options",
    [
        {"colours": 2}, {"channels": 0}, {"channels": 10**9}, {"depth": 1}, {"depth": 10**6},
        {"batch_norm": 1}, {"depth": "20"},
    ],
)  # fmt: skip
def test_options_beyond_the_bounds_are_refused(options: dict[str, Any]) -> None:
    """Before a weight is made."""
    with pytest.raises(PackDamaged, match="'dncnn' do not fit"):
        build("dncnn", options)
