"""A disc of confusion in linear light that leaves the subject alone."""

from __future__ import annotations

import pytest
import torch

from dnid.errors import BadInput
from dnipack.degrade import degradation, lens
from dnipack.degrade.lens import WORKING_SIDE, disc, render
from dnipack.degrade.light import srgb_to_linear


def scene(side: int = 48) -> torch.Tensor:
    """Noise; the left half is the subject."""
    rgb = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    focus = torch.zeros(1, 1, side, side)
    focus[..., : side // 2] = 1
    return torch.cat([rgb, focus], 1)


@pytest.mark.parametrize("radius", [0.3, 1.0, 2.5, 7.3])
def test_the_disc_has_its_area(radius: float) -> None:
    """Weights sum to 1, lie within the radius and are as many as its area."""
    kernel = disc(radius)
    assert float(kernel.sum()) == pytest.approx(1, abs=1e-5)
    area = torch.pi * max(radius, 0.5) ** 2
    assert float(1 / kernel.max()) == pytest.approx(max(area, 0.785), rel=0.05) or radius < 1
    torch.testing.assert_close(kernel, kernel.T)
    torch.testing.assert_close(kernel, kernel.flip(0))


def test_the_subject_is_left_alone() -> None:
    """Where focus is 1 the picture stays, and no light of it reaches the background."""
    one = scene()
    other = one.clone()
    other[:, :3, :, :24] = 1 - other[:, :3, :, :24]  # another subject
    first, second = (render(s, 5.0) for s in (one, other))
    torch.testing.assert_close(first[..., :24], one[:, :3, :, :24], atol=1e-4, rtol=0)
    torch.testing.assert_close(first[..., 24:], second[..., 24:])


@pytest.mark.parametrize("size", [(90, 71), (20, 140)])
def test_a_large_disc_by_transform(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same as its weights one by one, at the borders as well."""
    scene = torch.rand(2, 4, *size, generator=torch.Generator().manual_seed(1))
    quick = render(scene, 15.3)
    monkeypatch.setattr(lens, "_BY_SUMS", 100)
    torch.testing.assert_close(quick, render(scene, 15.3), atol=1e-4, rtol=0)


def test_light_is_added_in_linear_light() -> None:
    """A bright spot on black keeps its energy: the disc's mean is that of the light."""
    dark = torch.zeros(1, 4, 41, 41)
    dark[:, :3, 20, 20] = 1
    spot = render(dark, 4.0)
    assert float(srgb_to_linear(spot).sum()) == pytest.approx(3, rel=0.02)
    assert float(spot[0, 0, 20, 20]) > 0.1  # a blur of the sRGB values would give 1/50


def test_a_flat_picture_stays() -> None:
    """At its borders, too."""
    flat = torch.full((1, 4, 30, 30), 0.4)
    flat[:, 3] = 0
    torch.testing.assert_close(render(flat, 6.0), flat[:, :3], atol=1e-4, rtol=0)


def test_the_radius_is_a_share_of_the_long_side() -> None:
    """Of a picture at the working size; 0 changes nothing."""
    lens = degradation({"kind": "lens", "radius": 0.01})
    one = scene()
    torch.testing.assert_close(lens(one, torch.Generator()), render(one, 0.01 * WORKING_SIDE))
    still = degradation({"kind": "lens", "radius": 0})(one, torch.Generator())
    assert torch.equal(still, one[:, :3])
    with pytest.raises(BadInput, match="radius of a lens"):
        degradation({"kind": "lens", "radius": 0.5})
