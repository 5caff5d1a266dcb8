"""The halo in a manifest: no wider than what can be seen, never narrower."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dnid.dni.blend import AnchorStack
from dnid.networks import build
from dnipack.halo import APPROXIMATE_HALO, TOLERANCE, pack_halo
from dnipack.photos import Photo


class Blur(nn.Module):
    """x plus a row of taps, as long as `reach` to both sides."""

    multiple, scale = 1, 1

    def __init__(self, reach: int) -> None:
        super().__init__()
        self.taps = nn.Conv2d(3, 3, (1, 2 * reach + 1), padding=(0, reach), groups=3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.taps(x)


def taps(reach: int, values: dict[int, float]) -> dict[str, Tensor]:
    """Of a Blur: the weights at these distances, both to the left and to the right."""
    weight = torch.zeros(3, 1, 1, 2 * reach + 1)
    for distance, value in values.items():
        weight[..., [reach - distance, reach + distance]] = value
    return {"taps.weight": weight}


@pytest.fixture
def photos() -> list[Photo]:
    """Return one larger than a probe and one that is much smaller, both black and white."""
    random = np.random.default_rng(0)
    return [random.integers(0, 2, (*size, 3), np.uint8) * 255 for size in ((200, 190), (20, 31))]


@pytest.mark.parametrize(
    ("anchors", "halo"),
    [
        ([{1: 0.1, 6: 1e-6}], 1),
        ([{1: 0.1, 6: 0.1}], 6),
        ([{1: 1e-6, 6: 1e-6}], 0),
        ([{1: 0.1}, {3: 0.1}], 3),
        ([{3: 0.1}, {1: 0.1}], 3),
    ],
)
def test_what_cannot_be_seen_needs_no_halo(
    photos: list[Photo], anchors: list[dict[int, float]], halo: int
) -> None:
    """Taps below a quarter of an 8-bit step are left out; the anchor that sees furthest counts."""
    stack = AnchorStack({f"a{i}": taps(6, values) for i, values in enumerate(anchors)})
    assert pack_halo(Blur(6), stack, photos) == (halo, False)


def test_the_tolerance_is_what_the_format_promises() -> None:
    """A quarter of an 8-bit step, as FORMAT.md says."""
    assert TOLERANCE == 0.25 / 255


def test_a_network_that_enlarges(photos: list[Photo]) -> None:
    """Its halo counts in pixels of the input."""
    network = build("srvgg", {"num_feat": 4, "num_conv": 2, "upscale": 4})
    halo, approximate = pack_halo(network, AnchorStack({"a": network.state_dict()}), photos)
    assert (halo, approximate) == (4, False)


def test_a_network_that_sees_everything_is_approximate(photos: list[Photo]) -> None:
    """Where statistics of the whole picture count there is an overlap, and the word for it."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.InstanceNorm2d(4), nn.Conv2d(4, 3, 1))
    network.multiple, network.scale = 8, 1  # type: ignore[assignment]
    halo, approximate = pack_halo(network, AnchorStack({"a": network.state_dict()}), photos)
    assert (halo, approximate) == (APPROXIMATE_HALO, True)
