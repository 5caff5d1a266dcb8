"""The light upscaler: sizes, its skip, and options not to be obeyed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from dnid.dni.spatial import is_mixable
from dnid.errors import PackDamaged
from dnid.networks import build

SMALL = {"channels": 4, "blocks": 1}


@pytest.mark.parametrize("scale", [2, 4])
def test_any_size_is_enlarged(scale: int) -> None:
    """Down to one pixel, in the dtype that came in; per-pixel strength can mix it."""
    network = build("edsr", SMALL | {"scale": scale})
    assert (network.multiple, network.scale) == (1, scale)
    assert is_mixable(network)
    for height, width in ((1, 1), (5, 8)):
        result = network.to(torch.bfloat16)(torch.rand(2, 3, height, width))
        assert (result.shape, result.dtype) == (
            (2, 3, height * scale, width * scale), torch.float32,
        )  # fmt: skip


def test_without_a_tail_it_is_the_bicubic_enlargement() -> None:
    """What the network adds comes through the tail alone, subpixel by subpixel."""
    network = build("edsr", SMALL | {"scale": 2})
    for parameter in network.tail.parameters():  # type: ignore[union-attr]
        torch.nn.init.zeros_(parameter)
    x = torch.rand(1, 3, 6, 7, generator=torch.Generator().manual_seed(0))
    base = F.interpolate(x, scale_factor=2, mode="bicubic", align_corners=False)
    with torch.no_grad():
        assert torch.equal(network(x), base)
        network.tail.bias[6] = 0.5  # type: ignore[index, union-attr]
        added = network(x) - base
    assert torch.allclose(added[:, 1, 1::2, 0::2], torch.tensor(0.5))  # green, lower left
    added[:, 1, 1::2, 0::2] = 0
    assert not added.any()


def test_the_body_is_the_same_at_every_scale() -> None:
    """So that ×4 can start from ×2: but for the tail all shapes are alike."""
    two, four = (build("edsr", SMALL | {"scale": scale}).state_dict() for scale in (2, 4))
    other = {key for key in two if two[key].shape != four[key].shape}
    assert two.keys() == four.keys()
    assert other == {"tail.weight", "tail.bias"}


@pytest.mark.parametrize(
    "options",
    [{"channels": 0}, {"channels": 10**6}, {"blocks": -1}, {"scale": 1}, {"scale": 2.0}, {"x": 1}],
)
def test_options_that_make_no_network_are_refused(options: dict[str, Any]) -> None:
    """Before any weight is made."""
    with pytest.raises(PackDamaged, match="options of 'edsr' do not fit"):
        build("edsr", options)
