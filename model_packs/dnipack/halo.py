"""The smallest halo with which tiles look like the whole picture.

A deep U-Net's receptive field is wide, but its influence fades long before the
edge. The halo in a manifest is the smallest at which no pixel of the probe
photos, at any anchor, differs from the untiled result by more than 0.25/255.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from dnid.dni.blend import AnchorStack, BlendedNetwork
from dnid.engine.receptive import full_halo
from dnipack.photos import Photo, to_tensor

TOLERANCE = 0.25 / 255
APPROXIMATE_HALO = 64
"""For a network that sees the whole picture: what neighbouring tiles share and blend over."""
_CORE = 128
"""Side in pixels of the tile that is compared, rounded up to the network's multiple."""


def pack_halo(network: nn.Module, stack: AnchorStack, photos: Sequence[Photo]) -> tuple[int, bool]:
    """(pixels, whether no halo is exact) for the manifest of these anchors.

    `network` gives the structure; its weights are replaced. `photos` may be of any size.
    """
    multiple = int(network.multiple)  # type: ignore[arg-type]
    full = full_halo(network, multiple, int(network.scale))  # type: ignore[arg-type]
    if full is None:
        return _round_up(APPROXIMATE_HALO, multiple), True
    side = _round_up(_CORE, multiple) + 2 * full
    probes = [_probe(photo, side, number) for number, photo in enumerate(photos)]
    blended = BlendedNetwork(network, stack, torch.float32)
    count, halo = len(stack.names), 0
    with torch.inference_mode():
        for index in range(count):
            anchor = blended.set([float(i == index) for i in range(count)])
            halo = _least_halo(anchor, probes, full, halo)
    return halo, False


def _least_halo(network: nn.Module, probes: Sequence[Tensor], full: int, least: int) -> int:
    """At least `least`, which mostly is enough; else by bisection, as each try takes seconds."""
    step = int(network.multiple)  # type: ignore[arg-type]
    wholes = [network(probe) for probe in probes]
    if _worst(network, probes, wholes, full, least) <= TOLERANCE:
        return least
    low, high = least // step + 1, full // step
    while low < high:
        middle = (low + high) // 2
        if _worst(network, probes, wholes, full, middle * step) <= TOLERANCE:
            high = middle
        else:
            low = middle + 1
    return low * step


def _probe(photo: Photo, side: int, seed: int) -> Tensor:
    """The photo's middle, mirrored where it is too small, with noise that wakes the network."""
    top, left = (max(0, (length - side) // 2) for length in photo.shape[:2])
    crop = photo[top : top + side, left : left + side]
    missing = [(0, side - length) for length in crop.shape[:2]]
    clean = to_tensor(np.pad(crop, (*missing, (0, 0)), "symmetric"))
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))
    return clean + noise * (20 / 255)


def _worst(
    network: nn.Module, probes: Sequence[Tensor], wholes: Sequence[Tensor], full: int, halo: int
) -> float:
    """The largest difference in the core when it is read with `halo`, 0..1 scale."""
    scale = int(network.scale)  # type: ignore[arg-type]
    side = probes[0].shape[-1] - 2 * full
    read = _square(full - halo, side + 2 * halo)
    core, inner = (_square(start * scale, side * scale) for start in (full, halo))
    return max(
        float((network(probe[..., *read])[..., *inner] - whole[..., *core]).abs().max())
        for probe, whole in zip(probes, wholes, strict=True)
    )


def _square(start: int, side: int) -> tuple[slice, slice]:
    return slice(start, start + side), slice(start, start + side)


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
