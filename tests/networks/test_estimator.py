"""The estimator: the mean of what every place says, weighed by its trust."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.small import brightness_estimator

from dnid.errors import PackDamaged
from dnid.networks.estimator import StrengthEstimator, build_estimator


def test_trust_weighs_the_places() -> None:
    """With equal trust it is the mean; where bright places are trusted more, e⁴ times here."""
    network = StrengthEstimator([1])
    state = brightness_estimator()
    network.load_state_dict(state)
    half = torch.zeros(1, 1, 3, 4, 8)
    half[..., 4:] = 1  # the 3×3 kernels only look at their middle
    assert network(half).tolist() == pytest.approx([0.5])
    network.load_state_dict(state | {"tail.weight": torch.tensor([1.0, 4.0]).reshape(2, 1, 1, 1)})
    weight = torch.tensor(4.0).exp()
    assert network(half).item() == pytest.approx(float(weight / (1 + weight)))


def test_pictures_do_not_see_each_other_and_samples_have_no_order() -> None:
    """Each of a batch gets what it gets alone, however its samples are sorted."""
    torch.manual_seed(0)
    network = StrengthEstimator([4, 6, 8]).eval()
    x = torch.rand(3, 5, 3, 16, 24)
    with torch.inference_mode():
        together = network(x)
        alone = torch.cat([network(picture[None].flip(1)) for picture in x])
    assert together.shape == (3,)
    torch.testing.assert_close(together, alone)
    assert len({round(float(value), 6) for value in together}) == 3


def test_multiple_is_what_its_strides_need() -> None:
    """Folded by 2, and halved at each level after the first."""
    assert [StrengthEstimator([2] * levels).multiple for levels in (1, 2, 3)] == [2, 4, 8]


@pytest.mark.parametrize(
    "options",
    [
        {"channels": []},
        {"channels": [1] * 7},
        {"channels": [0]},
        {"channels": [257]},
        {"channels": [True]},
        {"channels": ["8"]},
        {"channels": 8},
        {"fold": 2},
    ],
)
def test_options_that_are_refused(options: dict[str, Any]) -> None:
    """They come from a stranger's manifest."""
    with pytest.raises(PackDamaged, match="The options of the estimator do not fit"):
        build_estimator(options)
