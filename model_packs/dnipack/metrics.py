"""How near a picture is to its truth. Pictures are N×C×H×W, 0..1; results are floats."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

_BT601 = torch.tensor([65.481, 128.553, 24.966]).reshape(3, 1, 1)


def psnr(picture: Tensor, truth: Tensor) -> float:
    """dB over all values, peak 1."""
    error = float((picture - truth).square().mean(dtype=torch.float64))
    return -10 * math.log10(max(error, 1e-12))


def ssim(picture: Tensor, truth: Tensor) -> float:
    """Structural similarity (Wang et al. 2004): an 11×11 Gaussian window of σ 1.5 that lies
    wholly inside the picture, K₁ = 0.01, K₂ = 0.03; the mean over channels and positions."""
    maps = torch.cat([picture, truth, picture * picture, truth * truth, picture * truth])
    window = _window()[None, None].expand(maps.shape[1], 1, 11, 1)
    maps = F.conv2d(maps, window, groups=maps.shape[1])
    maps = F.conv2d(maps, window.transpose(2, 3), groups=maps.shape[1])
    mean1, mean2, square1, square2, product = maps.chunk(5)
    c1, c2 = 0.01**2, 0.03**2
    likeness = (2 * mean1 * mean2 + c1) * (2 * (product - mean1 * mean2) + c2)
    spread = square1 - mean1**2 + square2 - mean2**2
    return float((likeness / ((mean1**2 + mean2**2 + c1) * (spread + c2))).mean())


def _window() -> Tensor:
    """11×1, sums to 1."""
    line = torch.exp(-((torch.arange(11.0) - 5) ** 2) / (2 * 1.5**2))
    return (line / line.sum())[:, None]


def studio_luma(picture: Tensor) -> Tensor:
    """N×3×H×W R'G'B' → N×1×H×W Y' of ITU-R BT.601 in studio swing, 16/255 to 235/255: what
    MATLAB's rgb2ycbcr gives, and super-resolution is measured on."""
    return ((picture * _BT601).sum(1, keepdim=True) + 16) / 255


def without_border(picture: Tensor, border: int) -> Tensor:
    """`border` pixels cut off at every side."""
    return picture[..., border : picture.shape[-2] - border, border : picture.shape[-1] - border]


def gradient_energy(picture: Tensor, truth: Tensor, where: Tensor | None = None) -> float:
    """The mean squared difference of neighbours, as a share of the truth's: 1 is as sharp.

    `where`, 1×1×H×W of bools, says which pixels count, together with their neighbours.
    """

    def energy(values: Tensor, direction: int) -> float:
        squares = values.diff(dim=direction).square()
        if where is None:
            return float(squares.mean())
        both = where.narrow(direction, 1, where.shape[direction] - 1)
        both = both & where.narrow(direction, 0, where.shape[direction] - 1)
        return float(squares.masked_select(both).sum())

    found, wanted = (sum(energy(x, direction) for direction in (-1, -2)) for x in (picture, truth))
    return found / max(wanted, 1e-12)
