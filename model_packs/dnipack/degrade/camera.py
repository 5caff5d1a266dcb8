"""The noise of a camera's JPEG: from the sensor through the camera's processing to 8 bits.

The way of Brooks et al., "Unprocessing Images for Learned Raw Denoising" (CVPR 2019), with
the noise law of Foi et al. (IEEE TIP 2008): back to linear light, heteroscedastic noise on
a Bayer mosaic, demosaicing, white balance and colour matrix, the camera's own noise
reduction, tone curve, 8 bits, JPEG. Every stage between the sensor and the tone curve is
linear, so the noise travels through it by itself and the picture stays as sharp as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional as F

from dnipack.degrade.interval import Interval, bounds, check_probability
from dnipack.degrade.jpeg import Jpeg
from dnipack.degrade.light import linear_to_srgb, srgb_to_linear

MID_GREY = 0.2
"""Linear light at which the noise has its nominal σ; about 124 of 255 in sRGB."""
_LUMA = torch.tensor([0.299, 0.587, 0.114]).reshape(3, 1, 1)


@dataclass(frozen=True)
class Camera:
    """Every interval is drawn anew for each picture, evenly."""

    sigma: Interval
    """Of the finished noise at mid-grey, RMS over R, G and B, on the 0..255 scale; for
    strong noise a little more, as the tone curve bends."""
    shot: Interval = (0.9, 0.99)
    """Share of the variance at mid-grey that is shot noise (grows with light); the rest is
    read noise (the same everywhere): some 4 of 25 electrons at ISO 3200, squared."""
    balance: Interval = (1.2, 2.4)
    """White-balance gain of red and of blue over green."""
    saturation: Interval = (0.0, 0.6)
    """How far the colour matrix spreads the channels: M = (1+s)·I − s/3·1."""
    luma_blur: Interval = (0.0, 1.2)
    """σ in pixels of the camera's smoothing of luma noise."""
    chroma_blur: Interval = (0.0, 4.0)
    """σ in pixels of the camera's smoothing of chroma noise: the blotches."""
    grain: Interval = (0.0, 0.5)
    """Share of the unsmoothed noise that the camera leaves in."""
    tone: Interval = (0.8, 1.15)
    """Exponent on linear light before the sRGB curve; > 1 lifts the shadows."""
    mosaic: float = 0.8
    """Probability that the noise comes through a Bayer mosaic; else the photo was scaled
    down so far that neighbouring pixels are independent."""
    jpeg: float = 0.5
    """Probability that the result was compressed."""
    quality: Interval = (80, 98)
    """Of that compression."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in ("mosaic", "jpeg"):
                check_probability(value, field.name)
            else:
                bounds(value, f"{field.name} of camera noise", *_LIMITS[field.name])

    def __call__(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        """Decoded 8-bit pictures of the same shape."""
        draw = _Draw(len(clean), generator)
        tone = draw.evenly(self.tone)
        linear = srgb_to_linear(clean.cpu().clamp(0, 1)) ** tone
        noisy = (linear + self._noise(linear, tone, draw)).clamp_(0, 1)
        finished = linear_to_srgb(noisy ** (1 / tone)).mul_(255).round_().div_(255)
        return self._compressed(finished, draw).to(clean.device)

    def _noise(self, linear: Tensor, tone: Tensor, draw: _Draw) -> Tensor:
        """N×3×H×W, in linear light after the colour matrix.

        A grey card goes the same way beside the picture, to tell how strong the noise is.
        """
        gains = torch.ones(len(linear), 3, 1, 1)
        gains[:, 0::2] = torch.cat([draw.evenly(self.balance), draw.evenly(self.balance)], 1)
        matrix = _colour_matrix(draw.evenly(self.saturation).flatten())
        shot, grey = draw.evenly(self.shot), MID_GREY**tone
        light = torch.einsum("nij,njhw->nihw", matrix.inverse(), linear).clamp_(min=0) / grey
        sensor = torch.stack([light, torch.ones_like(light)]) / gains  # in units of the card's
        white = torch.randn(linear.shape, generator=draw.generator)
        noise = white * (shot * sensor + 1 - shot).sqrt()
        noise = _demosaic(noise, draw.masks(linear.shape, self.mosaic)) * gains
        picture, card = self._reduced(torch.einsum("nij,knjhw->knihw", matrix, noise), draw)
        rms = card.square().mean((1, 2, 3), keepdim=True).sqrt()
        scaled: Tensor = picture * (draw.evenly(self.sigma) / 255 / (rms * _slope_at_grey(tone)))
        return scaled

    def _reduced(self, noise: Tensor, draw: _Draw) -> Tensor:
        """What the camera's noise reduction leaves: luma and chroma smoothed, some grain kept.

        By Fourier transform, so that each picture has its own σ; edges wrap around.
        """
        spectrum = torch.fft.rfft2(noise)
        luma = (spectrum * _LUMA).sum(2, keepdim=True)
        size = noise.shape[-2:]
        smooth = luma * _gaussian(draw.evenly(self.luma_blur), size) + (
            spectrum - luma
        ) * _gaussian(draw.evenly(self.chroma_blur), size)
        left = smooth + (spectrum - smooth) * draw.evenly(self.grain)
        finished: Tensor = torch.fft.irfft2(left, s=size)
        return finished

    def _compressed(self, pictures: Tensor, draw: _Draw) -> Tensor:
        chosen = draw.evenly((0, 1)).flatten() < self.jpeg
        compress = Jpeg(self.quality, shifted=0.5)
        if bool(chosen.any()):
            pictures[chosen] = compress(pictures[chosen], draw.generator)
        return pictures


class _Draw:
    """Draws for a batch from one generator."""

    def __init__(self, count: int, generator: torch.Generator) -> None:
        self.count, self.generator = count, generator

    def evenly(self, interval: Interval) -> Tensor:
        """N×1×1×1"""
        low, high = interval if isinstance(interval, Sequence) else (interval, interval)
        return low + (high - low) * torch.rand(self.count, 1, 1, 1, generator=self.generator)

    def masks(self, shape: torch.Size, probability: float) -> Tensor:
        """N×3×H×W: 1 where a Bayer sensor has that colour; all 1 for pictures without mosaic."""
        y, x = torch.arange(shape[2])[:, None], torch.arange(shape[3])
        masks = torch.ones(shape)
        for mask in masks:
            chance, top, left = torch.rand(3, generator=self.generator).tolist()
            if chance < probability:
                odd_row = (y + (top < 0.5)) % 2
                odd_column = (x + (left < 0.5)) % 2
                mask[0] = (1 - odd_row) * (1 - odd_column)
                mask[1] = (odd_row + odd_column) % 2
                mask[2] = odd_row * odd_column
        return masks


def _demosaic(noise: Tensor, masks: Tensor) -> Tensor:
    """K×N×3×H×W: the bilinear interpolation of each colour's sites; edges wrap around.

    Normalised by the sites that were there, which is the bilinear kernel on a mosaic and
    leaves a picture without mosaic as it is.
    """
    spread = torch.tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]])
    kernel = (spread / 4).expand(3, 1, 3, 3)
    full = masks.amin((1, 2, 3), keepdim=True) > 0

    def interpolate(planes: Tensor) -> Tensor:
        return F.conv2d(F.pad(planes, (1, 1, 1, 1), "circular"), kernel, groups=3)

    weight = interpolate(masks)
    done = torch.stack([interpolate(part * masks) / weight for part in noise])
    return torch.where(full, noise, torch.where(masks > 0, noise, done))


def _gaussian(sigma: Tensor, size: torch.Size) -> Tensor:
    """The frequency response (as rfft2 has it) of a Gaussian of `sigma` (N×1×1×1) pixels."""
    y, x = torch.fft.fftfreq(size[0])[:, None], torch.fft.rfftfreq(size[1])
    return torch.exp(-2 * (torch.pi * sigma) ** 2 * (y * y + x * x))


def _colour_matrix(saturation: Tensor) -> Tensor:
    """N → N×3×3 with rows that sum to 1: grey stays grey."""
    spread = saturation[:, None, None]
    return (1 + spread) * torch.eye(3) - spread / 3 * torch.ones(3, 3)


def _slope_at_grey(tone: Tensor) -> Tensor:
    """Of linear light → tone → sRGB: what the curve makes of a small noise at mid-grey."""
    return 1.055 / 2.4 * MID_GREY ** (1 / 2.4 - tone) / tone


_LIMITS = {
    "sigma": (0.0, 255.0),
    "shot": (0.0, 1.0),
    "balance": (1.0, 8.0),
    "saturation": (0.0, 2.0),
    "luma_blur": (0.0, 16.0),
    "chroma_blur": (0.0, 16.0),
    "grain": (0.0, 1.0),
    "tone": (0.25, 4.0),
    "quality": (1.0, 100.0),
}
