"""θ = Σ αᵢ θᵢ: exact at the anchors, right between them, strict about what fits."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.small import ANCHORS, OPTIONS, State, random_anchors
from torch import Tensor, nn

from dnid.dni.blend import AnchorStack, BlendedNetwork
from dnid.errors import BadRecipe, PackDamaged
from dnid.networks import build


def bits(tensor: Tensor) -> list[int]:
    """So that −0.0 and 0.0 differ."""
    return tensor.contiguous().view(torch.uint8).flatten().tolist()


def normed_anchors() -> dict[str, State]:
    """Two anchors of a convolution and a BatchNorm that has counted its batches."""
    anchors = {}
    for name, seed, count in (("a", 0, 7), ("b", 1, 9)):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
        network[1].running_mean = torch.randn(2)
        network[1].running_var = torch.rand(2)
        network[1].num_batches_tracked = torch.tensor(count)
        anchors[name] = {key: value.detach() for key, value in network.state_dict().items()}
    return anchors


@pytest.mark.parametrize("index", range(len(ANCHORS)))
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_one_hot_alpha_is_the_anchor(index: int, dtype: torch.dtype) -> None:
    """A one-hot α puts that anchor into the network bit for bit, cast to its format."""
    anchors = random_anchors()
    blended = BlendedNetwork(build("unet", OPTIONS), AnchorStack(anchors), dtype)
    blended.set((0.3, 0.3, 0.4))  # whatever was there before is gone
    network = blended.set([float(i == index) for i in range(len(ANCHORS))])
    expected = anchors[ANCHORS[index]]
    found = network.state_dict()
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert bits(found[key]) == bits(value.to(dtype)), key


@given(
    shares=st.lists(st.integers(0, 100), min_size=1, max_size=6).filter(any),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_blend_equals_a_float64_sum(shares: list[int], seed: int) -> None:
    """For any α the blend is Σ αᵢ θᵢ to within the rounding of float32."""
    alpha = [share / sum(shares) for share in shares]
    torch.manual_seed(seed)
    anchors = {f"a{i}": {"w": torch.randn(3, 5), "b": torch.randn(7)} for i in range(len(alpha))}
    stack = AnchorStack(anchors)
    state = stack.state(stack.blend(alpha))
    for key in ("w", "b"):
        exact = sum(a * anchor[key].double() for a, anchor in zip(alpha, anchors.values()))  # noqa: B905
        assert torch.allclose(state[key].double(), exact, rtol=0, atol=2e-6)  # type: ignore[arg-type]


def test_blend_into_a_given_vector_is_the_same() -> None:
    """`out` receives the very bits that are returned without it, one-hot or not."""
    stack = AnchorStack(random_anchors())
    for alpha in ((0.0, 1.0, 0.0), (0.25, 0.5, 0.25)):
        out = torch.full_like(stack.matrix[0], torch.nan)
        assert stack.blend(alpha, out=out) is out
        assert torch.equal(out, stack.blend(alpha))


def test_anchors_are_not_changed_by_blending() -> None:
    """A blend that is written over does not reach the anchors, not even a one-hot one."""
    stack = AnchorStack(random_anchors())
    before = stack.matrix.clone()
    stack.blend((0.0, 1.0, 0.0)).zero_()
    stack.blend((0.5, 0.5, 0.0)).zero_()
    assert torch.equal(stack.matrix, before)


def test_half_precision_anchors_blend_in_float32() -> None:
    """Anchors stored as float16 lose nothing more in a blend: 1 + ε/2 is not rounded away."""
    ones, next_up = torch.ones(1).half(), torch.tensor([1 + 2**-10]).half()
    stack = AnchorStack({"a": {"w": ones}, "b": {"w": next_up}})
    assert stack.blend((0.5, 0.5)).item() == 1 + 2**-11


def test_running_statistics_are_blended() -> None:
    """BatchNorm's running mean and variance take part like any weight."""
    anchors = normed_anchors()
    stack = AnchorStack(anchors)
    state = stack.state(stack.blend((0.25, 0.75)))
    for key in ("1.running_mean", "1.running_var", "1.weight"):
        expected = 0.25 * anchors["a"][key] + 0.75 * anchors["b"][key]
        torch.testing.assert_close(state[key], expected)


def test_integer_buffers_are_carried_over() -> None:
    """The batch counter is no weight: it comes from the first anchor, as an integer."""
    stack = AnchorStack(normed_anchors())
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    counter = BlendedNetwork(network, stack, torch.float32).set((0.0, 1.0))[1].num_batches_tracked
    assert (counter.dtype, counter.item()) == (torch.int64, 7)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("b"), "'second' has no 'b'"),
        (lambda s: s.update(c=torch.zeros(1)), "'first' has no 'c'"),
        (lambda s: s.update(w=torch.zeros(3, 2)), r"differ at 'w': \(2, 3\) and \(3, 2\)"),
    ],
)
def test_anchors_that_do_not_fit_are_refused(change: object, said: str) -> None:
    """The error names the anchor and the first key or shape that differs."""
    first = {"w": torch.zeros(2, 3), "b": torch.zeros(4)}
    second = {"w": torch.ones(2, 3), "b": torch.ones(4)}
    change(second)  # type: ignore[operator]
    with pytest.raises(PackDamaged, match=said):
        AnchorStack({"first": first, "second": second})


@pytest.mark.parametrize(
    "alpha",
    [(1.0,), (0.5, 0.25, 0.25), (-0.1, 1.1), (0.6, 0.6), (0.0, 0.0), (float("nan"), 1.0)],
)
def test_alpha_off_the_simplex_is_refused(alpha: tuple[float, ...]) -> None:
    """Shares of another number, below 0, or of another sum than 1 are no blend."""
    stack = AnchorStack({"a": {"w": torch.zeros(2)}, "b": {"w": torch.ones(2)}})
    with pytest.raises(BadRecipe, match="share"):
        stack.blend(alpha)
