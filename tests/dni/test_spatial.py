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


class Pooled(nn.Module):
    """Channel attention by Linear layers on one value a channel, as in squeeze-and-excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return y * torch.sigmoid(self.fc(y.mean((2, 3))))[..., None, None]


class Rows(nn.Module):
    """Linear over the channels of N×h×w×C, as in ConvNeXt."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)  # type: ignore[no-any-return]


class Tokens(nn.Module):
    """Linear over N×L×C: where its pixels lie is not told."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(x.shape)  # type: ignore[no-any-return]


class Windows(nn.Module):
    """A convolution over 8×8 windows that are lined up as a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        windows = x.view(n, c, h // 8, 8, w // 8, 8).permute(0, 2, 4, 1, 3, 5)
        y = self.conv(windows.reshape(-1, c, 8, 8)).view(n, h // 8, w // 8, c, 8, 8)
        return y.permute(0, 3, 1, 4, 2, 5).reshape(n, c, h, w)  # type: ignore[no-any-return]


class PastForward(nn.Module):
    """Takes a layer's weight and convolves by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.conv2d(x, self.conv.weight, padding=1)


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
    tested = [*linear_layers(), *layers_with_statistics(), *Pooled().children()]
    assert {type(layer) for layer in tested} >= set(MIXABLE)


@pytest.mark.parametrize("alpha", [(0.3, 0.7), (0.2, 0.5, 0.3), (1.0, 0.0)])
def test_a_constant_map_is_the_plain_blend(alpha: tuple[float, ...]) -> None:
    """With the same α at every pixel the result is the blended network's."""
    for network in (linear_layers(), Pooled(), Rows()):
        assert_constant_map_is_plain(network, alpha)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(3, 4, 3, padding=1),
        nn.Conv2d(3, 4, 2, stride=2),
        nn.ConvTranspose2d(3, 4, 2, stride=2),
        nn.PReLU(3),
        nn.BatchNorm2d(3),
        nn.InstanceNorm2d(3, affine=True),
        nn.InstanceNorm2d(3, affine=True, track_running_stats=True),
        nn.GroupNorm(3, 3),
        Rows(),
    ],
    ids=repr,
)
def test_each_pixel_is_its_own_blends(layer: nn.Module) -> None:
    """Layer by layer: output pixel p is what the layer blended with α(p) gives there.

    α is the same within each 2×2 block, so that it is the same on a coarser grid.
    """
    network = nn.Sequential(layer)
    stack = stacked([scrambled(network, seed) for seed in range(3)])
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(1, 3, 8, 6, generator=generator)
    shares = torch.rand(3, 4, 3, generator=generator)
    shares = (shares / shares.sum(0)).repeat_interleave(2, 1).repeat_interleave(2, 2)
    with torch.inference_mode():
        found = SpatialNetwork(network, stack, torch.float32).run(x, range(3), shares)
    factor = found.shape[2] / 8
    if factor == 2:  # on a finer grid α is interpolated: look where it does not change
        shares = torch.full_like(shares, 1 / 3) * torch.tensor([0.6, 0.9, 1.5])[:, None, None]
        with torch.inference_mode():
            found = SpatialNetwork(network, stack, torch.float32).run(x, range(3), shares)
    for row in range(found.shape[2]):
        for column in range(found.shape[3]):
            alpha = shares[:, int(row / factor), int(column / factor)].double()
            wanted = plain(network, stack, tuple((alpha / alpha.sum()).tolist()), x)
            torch.testing.assert_close(
                found[..., row, column], wanted[..., row, column], rtol=0, atol=1e-5
            )


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
        (Pooled(), True),
        (_OwnWeight(), False),
    ],
)
def test_is_mixable(network: nn.Module, mixable: bool) -> None:
    """Mixable are networks whose every weight sits in a layer on a pixel grid."""
    assert is_mixable(network) is mixable


@pytest.mark.parametrize(
    ("network", "equal"),
    [
        (build("unet", OPTIONS), True),
        (linear_layers(), True),
        (Pooled(), True),
        (Rows(), True),
        (Tokens(), False),
        (Windows(), False),
        (PastForward(), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_networks_that_only_look_mixable_are_found_out(network: nn.Module, equal: bool) -> None:
    """Before the one pass is used, it must agree with a blend; some networks' layers cannot."""
    stack = stacked([scrambled(network, seed) for seed in range(2)])
    x = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        blended = BlendedNetwork(copy.deepcopy(network), stack, torch.float32).set((0.5, 0.5))
        spatial = SpatialNetwork(network, stack, torch.float32)
        assert spatial.equals_blend(blended, x) is equal
