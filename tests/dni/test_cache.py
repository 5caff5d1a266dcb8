"""Blends are kept for a while, within a bound, and are the same as computed anew."""

from __future__ import annotations

import pytest
import torch
from tests.small import OPTIONS, random_anchors
from torch import Tensor

from dnid.dni.blend import AnchorStack, BlendedNetwork
from dnid.dni.cache import BlendCache
from dnid.networks import build


class Maker:
    """Makes vectors of 25 values, and remembers for which keys."""

    def __init__(self, cache: BlendCache) -> None:
        self.cache, self.made = cache, list[str]()

    def __call__(self, key: str) -> Tensor:
        def make() -> Tensor:
            self.made.append(key)
            return torch.full((25,), float(ord(key)))

        return self.cache.vector(key, make)


def test_what_is_kept_is_not_made_again() -> None:
    """The second time a key gives the very same vector."""
    get = Maker(BlendCache())
    first = get("a")
    assert get("b") is not first
    assert get("a") is first
    assert get.made == ["a", "b"]


def test_the_least_recently_used_is_forgotten() -> None:
    """Three vectors of 100 bytes fit into 350; the fourth drops the one that was longest unused."""
    get = Maker(BlendCache(max_bytes=350))
    for key in "abcad":
        get(key)
    assert get.cache.nbytes == 300
    for key in "acd":
        get(key)
    assert get.made == list("abcd")
    get("b")
    assert get.made == list("abcdb")


@pytest.mark.parametrize("max_bytes", [0, 99])
def test_what_exceeds_the_bound_is_not_kept(max_bytes: int) -> None:
    """It is given all the same."""
    get = Maker(BlendCache(max_bytes))
    assert float(get("a").sum()) == 25 * ord("a")
    get("a")
    assert get.made == ["a", "a"]
    assert get.cache.nbytes == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_kept_blend_is_the_same_to_the_bit(dtype: torch.dtype) -> None:
    """A network that returns to an α has the weights that a fresh one gets."""
    stack = AnchorStack(random_anchors())
    kept = BlendedNetwork(build("unet", OPTIONS), stack, dtype, BlendCache(), "pack")
    for alpha in ((0.3, 0.7, 0.0), (0.0, 0.0, 1.0), (0.3, 0.7, 0.0)):
        fresh = BlendedNetwork(build("unet", OPTIONS), stack, dtype).set(alpha).state_dict()
        found = kept.set(alpha).state_dict()
        assert all(torch.equal(found[key], value) for key, value in fresh.items())


def test_packs_and_formats_are_told_apart() -> None:
    """Two packs and two number formats share a cache without mixing their blends up."""
    cache = BlendCache()
    stacks = {name: AnchorStack(random_anchors(seed)) for seed, name in enumerate("xy")}
    for _ in range(2):
        for name, stack in stacks.items():
            for dtype in (torch.float32, torch.bfloat16):
                network = BlendedNetwork(build("unet", OPTIONS), stack, dtype, cache, name)
                weight = network.set((1.0, 0.0, 0.0)).state_dict()["head.weight"]
                assert weight.dtype == dtype
                assert torch.equal(weight, stack.state(stack.matrix[0])["head.weight"].to(dtype))


def test_a_pack_that_is_read_again_finds_its_blends() -> None:
    """The order of a file's tensors changes from one reading to the next; a blend that was kept
    fits all the same."""
    cache, anchors = BlendCache(), random_anchors()
    turned = {name: dict(reversed(list(state.items()))) for name, state in anchors.items()}
    first, second = (
        BlendedNetwork(build("unet", OPTIONS), AnchorStack(states), torch.float32, cache, "pack")
        .set((0.3, 0.7, 0.0))
        .state_dict()
        for states in (anchors, turned)
    )
    assert all(torch.equal(second[key], value) for key, value in first.items())
    assert cache.nbytes == sum(4 * value.numel() for value in first.values()), "one vector"
