"""The estimator: the mean of what every place says, weighed by its trust."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.small import brightness_estimator

from dnid.errors import PackDamaged
from dnid.networks.blocks import BlockEstimator, _zeros
from dnid.networks.estimator import build_estimator
from dnid.networks.grain import GrainEstimator


def test_trust_weighs_the_places() -> None:
    """With equal trust it is the mean; where bright places are trusted more, e⁴ times here."""
    network = GrainEstimator([1])
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
    network = GrainEstimator([4, 6, 8]).eval()
    x = torch.rand(3, 5, 3, 16, 24)
    with torch.inference_mode():
        together = network(x)
        alone = torch.cat([network(picture[None].flip(1)) for picture in x])
    assert together.shape == (3,)
    torch.testing.assert_close(together, alone)
    assert len({round(float(value), 6) for value in together}) == 3


def test_multiple_is_what_its_strides_need() -> None:
    """Folded by 2, and halved at each level after the first."""
    assert [GrainEstimator([2] * levels).multiple for levels in (1, 2, 3)] == [2, 4, 8]


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
    with pytest.raises(PackDamaged, match="The options of 'grain' do not fit"):
        build_estimator("grain", options)


def test_an_unknown_estimator_is_refused() -> None:
    """By name, with those that are known; its bounds hold for the other one too."""
    with pytest.raises(
        PackDamaged, match="Unknown estimator 'moon'; this version knows: blocks, grain"
    ):
        build_estimator("moon", {})
    with pytest.raises(PackDamaged, match="The options of 'blocks' do not fit: hidden"):
        build_estimator("blocks", {"hidden": 0})


def compressed(quality: int, top: int = 0, left: int = 0) -> torch.Tensor:
    """A 112 × 96 scene as JPEG, cropped so that its blocks start `top`, `left` pixels earlier."""
    scene = np.random.default_rng(3).integers(0, 255, (15, 14, 3), dtype=np.uint8)
    large = Image.fromarray(scene).resize((112, 120), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    large.save(file, "JPEG", quality=quality, subsampling="4:4:4")
    with Image.open(file) as image:
        pixels = np.asarray(image)[top : top + 96, left : left + 96]
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None, None] / 255


def test_zeros_are_counted_in_the_grid_of_the_file() -> None:
    """Wherever the picture was cropped; a worse quality has more of them."""
    shares = [float(_zeros(compressed(quality))[0, :64].mean()) for quality in (95, 75, 40, 10)]
    assert shares == sorted(shares)
    assert shares == pytest.approx([0.63, 0.73, 0.76, 0.80], abs=0.02)
    for top, left in ((0, 0), (3, 6), (7, 1)):
        found = _zeros(compressed(40, top, left))[0]
        assert float(found[:64].mean()) == pytest.approx(shares[2], abs=0.05)
        assert float(found[:64].mean()) > 1.5 * float(found[64:].mean())


def test_samples_of_one_picture_count_together() -> None:
    """Two tiles in the same grid give the mean of what each has there."""
    one, two = compressed(40), compressed(40).flip(2)
    together = _zeros(torch.cat([one, two], 1))[0]
    alone = (_zeros(one)[0] + _zeros(two)[0]) / 2
    torch.testing.assert_close(together, alone)
    network = BlockEstimator(4).eval()
    with torch.inference_mode():
        assert network(torch.cat([one, two])).shape == (2,)
