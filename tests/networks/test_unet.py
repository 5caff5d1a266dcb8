"""The U-Net: sizes, formats, receptive field, and options that must not be obeyed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.small import FULL_HALO, OPTIONS

from dnid.errors import PackDamaged
from dnid.networks import build
from dnid.networks.unet import UNet, zero_last_layer


def test_the_key_layout_is_fixed() -> None:
    """Checkpoints depend on these names: a change breaks every pack."""
    keys = [key for key in build("unet", OPTIONS).state_dict() if key.endswith("weight")]
    assert keys == [
        "head.weight",
        "encoder.0.0.conv1.weight",
        "encoder.0.0.conv2.weight",
        "encoder.1.0.conv1.weight",
        "encoder.1.0.conv2.weight",
        "down.0.weight",
        "up.0.weight",
        "decoder.0.0.conv1.weight",
        "decoder.0.0.conv2.weight",
        "tail.weight",
    ]


@pytest.mark.parametrize(("fold", "levels"), [(1, 1), (1, 3), (2, 2)])
def test_every_multiple_works(fold: int, levels: int) -> None:
    """A picture of one `multiple` is the smallest, and the shape is kept."""
    network = build("unet", {"channels": [2] * levels, "blocks": [1] * levels, "fold": fold})
    side = fold * 2 ** (levels - 1)
    assert network.multiple == side
    for size in ((1, 3, side, side), (2, 3, 3 * side, side)):
        assert network(torch.rand(size)).shape == size


def test_a_fresh_network_with_a_zero_tail_is_the_identity() -> None:
    """Training starts from the picture itself, bit for bit."""
    network = UNet((2, 3), (1, 1))
    zero_last_layer(network)
    x = torch.rand(1, 3, 8, 8)
    assert torch.equal(network(x), x)


def test_reduced_weights_keep_the_pixels_precision() -> None:
    """A bfloat16 network adds its correction to the float32 pixels, not to rounded ones."""
    network = UNet((2, 3), (1, 1))
    zero_last_layer(network)
    x = torch.rand(1, 3, 8, 8)
    assert torch.equal(network.bfloat16()(x), x)


def test_the_full_halo_of_the_tests_is_full() -> None:
    """No pixel further away than FULL_HALO has any influence, and the bound is tight."""
    torch.manual_seed(0)
    network = build("unet", OPTIONS).double()
    far = 0
    for centre in (40, 41):  # of either parity: the grid is coarse by 2
        x = torch.rand(1, 3, 80, 80, dtype=torch.double, requires_grad=True)
        network(x)[0, :, centre, centre].sum().backward()
        reached = x.grad[0].abs().sum(0).nonzero() - centre  # type: ignore[index]
        far = max(far, int(reached.abs().max()))
    assert FULL_HALO - network.multiple < far <= FULL_HALO


@pytest.mark.parametrize(
    "options",
    [
        {"channels": [10**9], "blocks": [1]},
        {"channels": [10**6, 10**6], "blocks": [1, 1]},
        {"channels": [4], "blocks": [10**9]},
        {"channels": [4] * 40, "blocks": [1] * 40},
        {"channels": [4], "blocks": [1], "fold": 10**6},
        {"channels": [], "blocks": []},
        {"channels": [4, 4], "blocks": [1]},
        {"channels": [0], "blocks": [1]},
        {"channels": [-1], "blocks": [1]},
        {"channels": [4], "blocks": [-1]},
        {"channels": [4.0], "blocks": [1]},
        {"channels": [True], "blocks": [1]},
        {"channels": "44", "blocks": [1, 1]},
        {"channels": 4, "blocks": 1},
        {"channels": [4], "blocks": [1], "fold": 0},
        {"channels": [4], "blocks": [1], "fold": -1},
        {"channels": [4], "blocks": [1], "fold": "2"},
        {"depth": 3},
    ],
)
def test_absurd_options_are_refused(options: dict[str, Any]) -> None:
    """Options from a file are checked before a single weight is made."""
    with pytest.raises(PackDamaged, match="The options of 'unet' do not fit"), torch.device("meta"):
        build("unet", options)


def test_an_unknown_architecture_is_refused() -> None:
    """The error names the ones that are known."""
    with pytest.raises(
        PackDamaged, match=r"'transformer'; this version knows: dncnn, edsr, refocus, srvgg, unet\."
    ):
        build("transformer", {})
