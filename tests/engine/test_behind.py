"""A photo whose subject is filled in from around it."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from dnid.engine.behind import without_subject


def masked(height: int, width: int) -> torch.Tensor:
    """A focus map with a block in its middle."""
    focus = torch.zeros(1, 1, height, width)
    focus[..., height // 4 : -(height // 4), width // 4 : -(width // 4)] = 1
    return focus


@pytest.mark.parametrize("size", [(64, 48), (37, 53), (8, 1)])
def test_what_is_seen_stays(size: tuple[int, int]) -> None:
    """Bit for bit, but for the pixels next to it; and nothing of the subject is left."""
    photo = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    focus = masked(*size).expand(2, -1, -1, -1)
    found = without_subject(photo, focus)
    away = F.max_pool2d(focus, 3, 1, 1) == 0
    assert torch.equal(found.where(away, photo), photo)
    other = photo.where(focus == 0, 1 - photo)
    assert torch.equal(without_subject(other, focus), found)


def test_the_hole_has_the_colours_around_it() -> None:
    """Red on the left, blue on the right: the hole goes from one to the other."""
    photo = torch.zeros(1, 3, 64, 64)
    photo[:, 0, :, :32] = 1
    photo[:, 2, :, 32:] = 1
    focus = masked(64, 64)
    found = without_subject(photo.where(focus == 0, torch.tensor(0.5)), focus)
    assert 0 <= found.min() <= found.max() <= 1
    torch.testing.assert_close(found.sum(1), torch.ones(1, 64, 64))
    row = found[0, 0, 32]
    assert row[17] > 0.8 > 0.2 > row[46]
    assert bool((row.diff() <= 1e-6).all())


def test_all_subject_or_none() -> None:
    """Without a subject nothing changes; where all is subject nothing is known, and it is black."""
    photo = torch.rand(1, 3, 20, 30, generator=torch.Generator().manual_seed(0))
    assert torch.equal(without_subject(photo, torch.zeros(1, 1, 20, 30)), photo)
    assert float(without_subject(photo, torch.ones(1, 1, 20, 30)).abs().max()) == 0


def test_the_edge_is_a_hole() -> None:
    """A pixel beside the subject may have its colour, too: it is filled as well."""
    photo = torch.full((1, 3, 16, 16), 0.2)
    photo[..., 4:7, 4:7] = 0.9
    focus = torch.zeros(1, 1, 16, 16)
    focus[..., 5, 5] = 1
    assert float(without_subject(photo, focus).max()) == pytest.approx(0.2, abs=1e-6)
