"""MATLAB's imresize(…, 'bicubic'), value by value."""

from __future__ import annotations

import pytest
import torch

from dnid.errors import BadInput
from dnipack.degrade import degradation
from dnipack.degrade.bicubic import resize


def line(*values: float) -> torch.Tensor:
    return torch.tensor([values], dtype=torch.float32)


@pytest.mark.parametrize(
    ("impulse", "wanted"),
    [
        # the kernel of width 8, sampled at ±0.25, ±0.75 …: (0.4336, 0.1133, −0.0352, −0.0117)
        (line(0, 0, 0, 1, 0, 0, 0, 0), (-0.03515625, 0.43359375, 0.11328125, -0.01171875)),
        # at the border the mirrored samples count twice
        (line(1, 0, 0, 0, 0, 0, 0, 0), (0.546875, -0.046875, 0.0, 0.0)),
    ],
)
def test_an_impulse_shrinks_to_the_kernel(impulse: torch.Tensor, wanted: tuple[float, ...]) -> None:
    """imresize([0 0 0 1 0 0 0 0], 0.5) and of an impulse at the border."""
    small = resize(impulse, 1, 4)[0]
    torch.testing.assert_close(small, torch.tensor(wanted), rtol=0, atol=1e-6)


def test_an_impulse_grows_to_the_kernel() -> None:
    """imresize([0 1 0 0], 2): Keys' kernel at 0.25, 0.75, 1.25 and 1.75, a = −0.5."""
    large = resize(line(0, 1, 0, 0), 1, 8)[0]
    wanted = [-0.09375, 0.2265625, 0.8671875, 0.8671875, 0.2265625, -0.0703125, -0.0234375, 0.0]
    torch.testing.assert_close(large, torch.tensor(wanted), rtol=0, atol=1e-6)


def test_a_ramp_stays_a_ramp() -> None:
    """Inside, every fourth of a straight ramp; flat pictures stay flat to the border."""
    ramp = torch.arange(64.0).expand(8, 64)
    small = resize(ramp, 2, 16)
    torch.testing.assert_close(small[0, 3:-3], torch.arange(64.0)[13:52:4] + 0.5)
    flat = resize(torch.full((2, 3, 9, 7), 0.3), 5, 11)
    torch.testing.assert_close(flat, torch.full((2, 3, 5, 11), 0.3))


def test_rows_and_columns_are_alike() -> None:
    """The transposed picture gives the transposed result."""
    photo = torch.rand(3, 16, 24, generator=torch.Generator().manual_seed(0))
    other = resize(photo.transpose(1, 2), 6, 4).transpose(1, 2)
    torch.testing.assert_close(resize(photo, 4, 6), other)


def test_as_a_degradation_it_gives_8_bits() -> None:
    """Four times smaller, on the 256 values, within 0..1; a side that does not fit is refused."""
    shrink = degradation({"kind": "bicubic", "scale": 4})
    edges = (torch.rand(2, 3, 16, 8, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    small = shrink(edges, torch.Generator())
    assert small.shape == (2, 3, 4, 2)
    torch.testing.assert_close(small * 255, (small * 255).round(), rtol=0, atol=1e-4)
    with pytest.raises(BadInput, match="multiples of 4, not 7×16"):
        shrink(edges[..., :7], torch.Generator())
    with pytest.raises(BadInput, match="scale of bicubic is 2 or 4"):
        degradation({"kind": "bicubic", "scale": 3})
