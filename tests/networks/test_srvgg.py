"""Real-ESRGAN's compact upscaler: the published layout, its sizes, and options not to be obeyed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from dnid.errors import PackDamaged
from dnid.networks import build

SMALL = {"num_feat": 2, "num_conv": 1, "upscale": 2}


def test_the_key_layout_is_the_published_one() -> None:
    """Checkpoints of the field load as they are: names and shapes of `num_conv` 1."""
    shapes = {key: tuple(value.shape) for key, value in build("srvgg", SMALL).state_dict().items()}
    assert shapes == {
        "body.0.weight": (2, 3, 3, 3),
        "body.0.bias": (2,),
        "body.1.weight": (2,),
        "body.2.weight": (2, 2, 3, 3),
        "body.2.bias": (2,),
        "body.3.weight": (2,),
        "body.4.weight": (12, 2, 3, 3),
        "body.4.bias": (12,),
    }


def test_defaults_are_the_reference_s() -> None:
    """Without options: 64 features, 16 hidden convolutions, ×4."""
    with torch.device("meta"):
        network = build("srvgg", {})
    assert len(network.body) == 2 * 17 + 1  # type: ignore[arg-type]
    assert tuple(network.state_dict()["body.34.weight"].shape) == (48, 64, 3, 3)


@pytest.mark.parametrize("upscale", [1, 2, 4])
def test_any_size_is_enlarged(upscale: int) -> None:
    """Down to one pixel, and no multiple is asked for."""
    network = build("srvgg", SMALL | {"upscale": upscale})
    assert (network.multiple, network.scale) == (1, upscale)
    for height, width in ((1, 1), (5, 8)):
        result = network(torch.rand(2, 3, height, width))
        assert result.shape == (2, 3, height * upscale, width * upscale)


def carry_red_into_green(state: dict[str, Tensor]) -> None:
    """Feature 0 carries −2·red through both PReLUs; the last layer puts it on one output."""
    for value in state.values():
        value.zero_()
    state["body.0.weight"][0, 0, 1, 1] = -2.0
    state["body.1.weight"][0] = 0.5
    state["body.2.weight"][0, 0, 1, 1] = 1.0
    state["body.3.weight"][0] = 0.25
    state["body.4.weight"][4 + 1, 0, 1, 1] = 8.0


@torch.inference_mode()
def test_hand_made_weights_give_the_computed_picture() -> None:
    """PReLU a channel (0.5 · 0.25 · −2 · 8 = −2), pixel-shuffle order, nearest skip."""
    network = build("srvgg", SMALL)
    carry_red_into_green(network.state_dict())
    x = torch.zeros(1, 3, 1, 2)
    x[0, 0, 0] = torch.tensor([0.25, 0.5])
    x[0, 1] = 0.75
    expected = torch.zeros(3, 2, 4)
    expected[0] = torch.tensor([[0.25, 0.25, 0.5, 0.5], [0.25, 0.25, 0.5, 0.5]])
    expected[1] = 0.75
    # Output channel 5 is green's offset (0, 1): the upper right of each 2×2 block.
    expected[1, 0, 1] -= 0.5
    expected[1, 0, 3] -= 1.0
    assert torch.equal(network(x)[0], expected)


@torch.inference_mode()
def test_reduced_weights_keep_the_pixels_precision() -> None:
    """A bfloat16 network adds its detail to the float32 pixels, not to rounded ones."""
    network = build("srvgg", SMALL)
    for value in network.state_dict().values():
        value.zero_()
    x = torch.rand(1, 3, 4, 4)
    enlarged = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.equal(network.bfloat16()(x), enlarged)


@pytest.mark.parametrize(
    "options",
    [
        {"num_in_ch": 1, "num_out_ch": 1},
        {"num_out_ch": 4},
        {"num_feat": 10**9},
        {"num_feat": 0},
        {"num_feat": 4.0},
        {"num_conv": 10**9},
        {"num_conv": -1},
        {"num_conv": True},
        {"upscale": 10**6},
        {"upscale": 0},
        {"upscale": "2"},
        {"act_type": "prelu"},
    ],
)
def test_absurd_options_are_refused(options: dict[str, Any]) -> None:
    """Options from a file are checked before a single weight is made."""
    with pytest.raises(PackDamaged, match="The options of 'srvgg' do not fit"):
        build("srvgg", options)
