"""Weights that vary over the picture: the same network where α does not vary."""

from __future__ import annotations

import copy

import pytest
import torch
from tests.small import FULL_HALO, OPTIONS, random_anchors
from torch import Tensor, nn

from dnid.dni.blend import AnchorStack, BlendedNetwork
from dnid.dni.spatial import MIXABLE, SpatialNetwork, is_mixable
from dnid.networks import build


def linear_layers() -> nn.Sequential:
    """The kinds whose output is linear in their weights, with strides, dilation and groups."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.PReLU(8),
        nn.Conv2d(8, 8, 3, stride=2, padding=1),
        nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4),
        nn.GroupNorm(2, 8),
        nn.PReLU(),
        nn.Conv2d(8, 8, 2, stride=2),
        nn.ConvTranspose2d(8, 8, 2, stride=2, groups=2),
        nn.InstanceNorm2d(8, affine=True),
        nn.ConvTranspose2d(8, 8, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 3, 1),
    )


def layers_with_statistics() -> nn.Sequential:
    """The kinds that divide by one weight and multiply with another: γ(x − μ)/σ + β."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.Conv2d(4, 3, 2, stride=2),
        nn.InstanceNorm2d(3, affine=True, track_running_stats=True),
    )


def scrambled(network: nn.Module, seed: int) -> nn.Module:
    """The same network, every weight and statistic moved as a fine-tune would, only further."""
    generator = torch.Generator().manual_seed(seed)
    network = copy.deepcopy(network).eval()
    for key, value in network.state_dict().items():
        if value.is_floating_point():
            noise = torch.rand(value.shape, generator=generator)
            value += noise if key.endswith("running_var") else 0.3 * noise
    return network


def stacked(networks: list[nn.Module]) -> AnchorStack:
    return AnchorStack({f"a{i}": network.state_dict() for i, network in enumerate(networks)})


def plain(network: nn.Module, stack: AnchorStack, alpha: tuple[float, ...], x: Tensor) -> Tensor:
    blended = BlendedNetwork(copy.deepcopy(network), stack, torch.float32)
    with torch.inference_mode():
        return blended.set(alpha)(x)  # type: ignore[no-any-return]


def constant_map(alpha: tuple[float, ...], x: Tensor) -> Tensor:
    return torch.tensor(alpha)[:, None, None].expand(-1, *x.shape[-2:])


def test_every_mixable_layer_is_tested() -> None:
    """A layer kind added to MIXABLE must be added to the test networks as well."""
    assert {type(layer) for layer in [*linear_layers(), *layers_with_statistics()]} >= set(MIXABLE)


@pytest.mark.parametrize("alpha", [(0.3, 0.7), (0.2, 0.5, 0.3), (1.0, 0.0)])
def test_a_constant_map_is_the_plain_blend(alpha: tuple[float, ...]) -> None:
    """With the same α at every pixel the result is the blended network's."""
    assert_constant_map_is_plain(linear_layers(), alpha)


def test_statistics_are_blended_not_their_effects() -> None:
    """γ(x − μ)/σ + β is not linear in γ, μ and σ: each of them must be mixed by itself."""
    assert_constant_map_is_plain(layers_with_statistics(), (0.3, 0.7))


def assert_constant_map_is_plain(network: nn.Module, alpha: tuple[float, ...]) -> None:
    torch.manual_seed(0)
    stack = stacked([scrambled(network, seed) for seed in range(len(alpha))])
    x = torch.rand(1, 3, 24, 32)
    with torch.inference_mode():
        spatial = SpatialNetwork(network, stack, torch.float32)
        mixed = spatial.run(x, range(len(alpha)), constant_map(alpha, x))
    torch.testing.assert_close(mixed, plain(network, stack, alpha, x), rtol=0, atol=1e-5)


def test_two_halves_are_two_networks_away_from_the_seam() -> None:
    """Beyond the receptive field from the seam each half is its plain network's."""
    network = build("unet", OPTIONS)
    stack = AnchorStack(random_anchors())
    x = torch.rand(1, 3, 16, 64, generator=torch.Generator().manual_seed(0))
    left = (torch.arange(64) < 32).float().expand(16, 64)
    with torch.inference_mode():
        mixed = SpatialNetwork(network, stack, torch.float32).run(
            x, (0, 2), torch.stack([left, 1 - left])
        )
    low, high = plain(network, stack, (1, 0, 0), x), plain(network, stack, (0, 0, 1), x)
    edge = 32 - FULL_HALO
    torch.testing.assert_close(mixed[..., :edge], low[..., :edge], rtol=0, atol=1e-5)
    torch.testing.assert_close(mixed[..., -edge:], high[..., -edge:], rtol=0, atol=1e-5)
    assert (low - high).abs().max() > 1e-2  # else the halves would prove nothing


def test_other_active_anchors_take_their_place() -> None:
    """A second run with other anchors does not reuse the first run's weights."""
    network = build("unet", OPTIONS)
    stack = AnchorStack(random_anchors())
    x = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    spatial = SpatialNetwork(network, stack, torch.float32)
    for active, alpha in (((0, 1), (0.5, 0.5, 0.0)), ((2, 0), (0.5, 0.0, 0.5))):
        with torch.inference_mode():
            mixed = spatial.run(x, active, constant_map((0.5, 0.5), x))
        torch.testing.assert_close(mixed, plain(network, stack, alpha, x), rtol=0, atol=1e-5)


def test_the_given_network_is_left_alone() -> None:
    """The structure that a SpatialNetwork is made from still runs as before."""
    network = build("unet", OPTIONS).eval()
    x = torch.rand(1, 3, 8, 8)
    with torch.inference_mode():
        before = network(x)
        SpatialNetwork(network, AnchorStack(random_anchors()), torch.float32)
        assert torch.equal(network(x), before)


class _OwnWeight(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))


@pytest.mark.parametrize(
    ("network", "mixable"),
    [
        (build("unet", OPTIONS), True),
        (linear_layers(), True),
        (layers_with_statistics(), True),
        (nn.Sequential(nn.ReLU(), nn.PixelShuffle(2)), True),
        (nn.Sequential(nn.Conv2d(1, 1, 1), nn.LayerNorm(4)), False),
        (nn.Sequential(nn.Conv2d(1, 1, 1), nn.Linear(4, 4)), False),
        (_OwnWeight(), False),
    ],
)
def test_is_mixable(network: nn.Module, mixable: bool) -> None:
    """Mixable are networks whose every weight sits in a layer on a pixel grid."""
    assert is_mixable(network) is mixable
