"""From the working size to the picture's own: a soft background behind a sharp subject."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dnid.engine.tiling import Box

RADIUS = 4
"""Of the guided filter's windows, in pixels of the working size."""
EDGE = 1e-4
"""Variance from which on an edge of the photo is one of the map, too (0..1 scale, squared)."""
SURE = 1.6
"""What the guided filter leaves within 0.19 of 0 or 1 counts as sure: grain moves it a little."""
LOCAL = 24
"""Radius in which it is measured how much fine detail the network leaves."""
_LEAST = 1e-3
_FAINT = 0.2
"""A share of detail that is measured where the network leaves none: the picture's own shading."""
_LOW_PASS = (-1.0, 4.0, 10.0, 4.0, -1.0)
_QUIET = 1e-5
"""Energy of detail below which a place says little, and the picture's mean counts."""


@dataclass(frozen=True)
class Place:
    """Where the strips lie: their picture may be a part of the one that was reduced."""

    height: int
    width: int
    """Of the whole picture, in pixels."""
    top: int = 0
    left: int = 0


class Lift:
    """Lays the softened background behind the photo, strip by strip.

    At full size a pixel becomes f·I + (1 − f)·(B + d·(I − P)): I the photo, f its focus, B the
    softened background and P the photo's own at the working size, both enlarged with the weights
    1 − focus, and d the share of detail that the network leaves, since what is finer than the
    working size must go as the finest detail there went; what the network adds of that size is
    its own noise, and goes as well. Where f is 1, the pixel is I.
    """

    def __init__(
        self,
        photo: Tensor,
        soft: Tensor,
        focus: Tensor,
        place: Place,
        width: int,
        edges: Tensor | None = None,
    ) -> None:
        """`photo` is what the network was given, `soft` what it made of it, 1×3×h×w, `focus`
        1×1×h×w, at the working size; `width` is that of the strips, which lie at `place`.

        `edges` is what `guide` gives: the focus map at full size then follows the photo; without
        it `apply` must be given one.
        """
        weight, left = (1 - focus).clamp(min=_LEAST), detail_left(photo, soft, focus)
        behind = soft - focus * photo  # the network's picture is focus · photo + (1 − focus) · B
        layer = torch.cat([weight, behind], 1)
        layer = torch.lerp(_without_finest(layer), layer, left)
        planes = [layer, weight * photo, weight, left, *([] if edges is None else [edges])]
        small = torch.cat(planes, 1)
        self.place = place
        # To full width at once, which takes little; rows as they are needed.
        columns = _Between(place.left, width, small.shape[-1], place.width)
        self.wide = torch.lerp(small[..., columns.low], small[..., columns.high], columns.share)

    def apply(self, tile: Tensor, core: Box, focus: Tensor | None = None) -> Tensor:
        """1×3×h×W for the strip `core`, of the photo's 1×3×h×W; `focus` h×W where it is known."""
        rows = self._rows(core)
        f = self._focus(tile, rows) if focus is None else focus[None, None]
        soft, photo = rows[:, 1:4] / rows[:, :1], rows[:, 4:7] / rows[:, 7:8]
        left = rows[:, 8:9]
        behind = soft.add_(left * (tile - photo))
        return torch.where(f == 1, tile, torch.lerp(behind, tile, f))

    def focus(self, tile: Tensor, core: Box) -> Tensor:
        """1×1×h×W in 0..1: the focus map at full size."""
        return self._focus(tile, self._rows(core))

    def _focus(self, tile: Tensor, rows: Tensor) -> Tensor:
        """The guided filter's linear model, applied to the photo itself."""
        f = (rows[:, 9:12] * tile).sum(1, keepdim=True).add_(rows[:, 12:13])
        return f.sub_(0.5).mul_(SURE).add_(0.5).clamp_(0, 1)

    def _rows(self, core: Box) -> Tensor:
        """The planes at the rows of a strip, bilinear like the columns."""
        first, count = self.place.top + core.top, self.wide.shape[-2]
        rows = _Between(first, core.height, count, self.place.height)
        low, high = self.wide[..., rows.low, :], self.wide[..., rows.high, :]
        return torch.lerp(low, high, rows.share[:, None])


class _Between:
    """Bilinear enlarging along one side: the neighbours of `count` pixels from `start` on, where
    `small` pixels become `large`."""

    def __init__(self, start: int, count: int, small: int, large: int) -> None:
        place = (torch.arange(start, start + count) + 0.5) * (small / large) - 0.5
        place = place.clamp_(0, small - 1)
        self.low = place.long()
        self.high = (self.low + 1).clamp_(max=small - 1)
        self.share = place - self.low


def guide(photo: Tensor, focus: Tensor) -> Tensor:
    """1×4×h×w: around each pixel the focus map as a linear function of the photo's R, G and B,
    whose last plane is the constant (He, Sun and Tang 2013, with He and Sun 2015's subsampling)."""
    mean, target = _mean(photo, RADIUS), _mean(focus, RADIUS)
    slope = _mean(photo * focus, RADIUS) - mean * target
    products = photo[:, :, None] * photo[:, None]  # 1×3×3×h×w
    spread = _mean(products.flatten(1, 2), RADIUS).view_as(products)
    spread = spread - mean[:, :, None] * mean[:, None]
    spread = spread.permute(0, 3, 4, 1, 2) + EDGE * torch.eye(3)
    a = torch.linalg.solve(spread, slope.permute(0, 2, 3, 1)[..., None])[..., 0]
    a = a.permute(0, 3, 1, 2)
    b = target - (a * mean).sum(1, keepdim=True)
    return _mean(torch.cat([a, b], 1), RADIUS)


def detail_left(photo: Tensor, soft: Tensor, focus: Tensor) -> Tensor:
    """1×1×h×w in 0..1: which share of the photo's finest detail is left around each pixel of
    the background."""
    fine, left = (x - _mean(x, 1) for x in (photo, soft))
    behind = (F.max_pool2d(focus, 5, 1, 2) < 0.1).float()  # nowhere near the subject's own edge
    both = torch.cat([(fine * other).sum(1, keepdim=True) for other in (left, fine)], 1) * behind
    overall = both.sum((2, 3), keepdim=True)
    near = _mean(both, LOCAL)
    known = overall[:, :1] / overall[:, 1:].clamp(min=_QUIET)
    share: Tensor = (near[:, :1] + _QUIET * known) / (near[:, 1:] + _QUIET)
    return share.sub_(_FAINT).div_(1 - _FAINT).clamp_(0, 1)


def _without_finest(planes: Tensor) -> Tensor:
    """The planes without what changes from pixel to pixel: an even low-pass that is 0 there, and
    at half of that frequency still 3/4."""
    line = torch.tensor(_LOW_PASS) / sum(_LOW_PASS)
    count, reach = planes.shape[1], len(_LOW_PASS) // 2
    kernel = (line[:, None] * line).expand(count, 1, -1, -1)
    return F.conv2d(F.pad(planes, [reach] * 4, mode="replicate"), kernel, groups=count)


def _mean(x: Tensor, radius: int) -> Tensor:
    return F.avg_pool2d(x, 2 * radius + 1, 1, radius, count_include_pad=False)
