"""The smallest halo with which tiles look like the whole picture.

A deep U-Net's receptive field is wide, but its influence fades long before the
edge. The halo in a manifest is the smallest at which no pixel of the probe
photos, at any anchor, differs from the untiled result by more than 0.25/255.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from dnipack.photos import Photo, to_tensor

TOLERANCE = 0.25 / 255
_CORE = 128
"""Side in pixels of the tile that is compared."""


def measure_halo(
    network_at: Callable[[int], nn.Module],
    anchors: int,
    photos: Sequence[Photo],
    full_halo: int,
    multiple: int,
) -> int:
    """Pixels. `network_at(i)` gives anchor i in float32; `full_halo` is the receptive field."""
    probes = [_probe(photo, full_halo, number) for number, photo in enumerate(photos)]
    halo = multiple
    for index in range(anchors):
        network = network_at(index)
        wholes = [network(probe) for probe in probes]
        while halo < full_halo and _worst(network, probes, wholes, full_halo, halo) > TOLERANCE:
            halo += multiple
    return halo


def _probe(photo: Photo, full_halo: int, seed: int) -> Tensor:
    """The photo's middle, large enough for the full halo, with noise that wakes the network."""
    side = _CORE + 2 * full_halo
    top, left = (max(0, (length - side) // 2) for length in photo.shape[:2])
    clean = to_tensor(photo[top : top + side, left : left + side])
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))
    return clean + noise * (20 / 255)


def _worst(
    network: nn.Module,
    probes: Sequence[Tensor],
    wholes: Sequence[Tensor],
    full_halo: int,
    halo: int,
) -> float:
    """The largest difference in the core, 0..1 scale."""
    core = slice(full_halo, full_halo + _CORE)
    read = slice(full_halo - halo, full_halo + _CORE + halo)
    inner = slice(halo, halo + _CORE)
    return max(
        float((network(p[..., read, read])[..., inner, inner] - w[..., core, core]).abs().max())
        for p, w in zip(probes, wholes, strict=True)
    )
