"""Arrays at the engine's door ⇄ tensors inside, one tile at a time.

Outside: H×W×C uint8, uint16 or float32; C = 1 gray, 2 gray + alpha, 3 RGB,
4 RGB + alpha (not premultiplied). Inside: 1×3×h×w float32, 0..1, channels last.

- Gray goes through the network as three equal channels; their mean comes back.
- Alpha is kept as it is, or enlarged by bicubic interpolation. Colour under a
  fully transparent pixel is no part of the picture: it is replaced by its visible
  surroundings before the network sees it, and comes back untouched.
- Values outside 0..1 in float pictures: the network sees them clipped, and what
  was clipped off is added again (enlarged by bilinear interpolation, which does
  not ring around a bright light).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from dnid.engine.limits import check_size
from dnid.engine.tiling import Box
from dnid.errors import BadImage, BadMask

Image = NDArray[Any]

FULL_SCALE = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}
FILL_RADIUS = 8
"""How far visible colour is carried into transparent pixels; part of the halo then."""
ENLARGING_RADIUS = 2
"""How far bicubic interpolation looks; part of the halo where a stage enlarges."""


def check_image(image: Image, scale: int) -> None:
    """Raises BadImage for what is not an image at the engine's door, or too large when it is
    enlarged `scale` times."""
    if image.dtype.name not in FULL_SCALE:
        raise BadImage(f"Pixels must be uint8, uint16 or float32, not {image.dtype.name}.")
    if not image.dtype.isnative:
        raise BadImage("Pixels must be in this machine's byte order.")
    if image.ndim != 3 or not 1 <= image.shape[2] <= 4:
        raise BadImage(f"A picture is height × width × 1 to 4 channels, not {image.shape}.")
    check_size(image.shape[0], image.shape[1], scale)


def check_mask(mask: Image, image: Image) -> None:
    """Raises BadMask unless `mask` is H×W of the image's size."""
    if mask.dtype.name not in FULL_SCALE:
        raise BadMask(f"A mask must be uint8, uint16 or float32, not {mask.dtype.name}.")
    if mask.shape != image.shape[:2]:
        sizes = " × ".join(map(str, reversed(mask.shape)))
        raise BadMask(f"The mask must be {image.shape[1]} × {image.shape[0]} pixels, not {sizes}.")


def has_alpha(image: Image) -> bool:
    return image.shape[2] in (2, 4)


class TileReader:
    """Reads boxes of one image as what the network sees, and writes back what it gave."""

    def __init__(self, image: Image, scale: int = 1) -> None:
        """`scale`: how many times higher and wider the network's result is."""
        self.image = image
        self.scale = scale
        self.full = FULL_SCALE[image.dtype.name]
        self.colours = image.shape[2] - has_alpha(image)

    def empty_result(self) -> Image:
        height, width, channels = self.image.shape
        return np.empty((height * self.scale, width * self.scale, channels), self.image.dtype)

    def read(self, box: Box) -> Tensor:
        """1×3×h×w in 0..1; beyond the picture's right and bottom edge its last pixels repeat.

        Raises BadImage when a float picture holds NaN or infinity there.
        """
        x = self._colours(box)
        if self.image.dtype == np.float32:
            if not np.isfinite(self.image[box.slices]).all():  # alpha as well
                raise BadImage("The picture holds NaN or infinity; repair those pixels first.")
            x = x.clamp(0, 1)
        if has_alpha(self.image):
            x = _fill_transparent(x, self._alpha(box))
        x = x.expand(1, 3, -1, -1) if x.shape[1] == 1 else x
        missing = box.height - x.shape[2], box.width - x.shape[3]
        if any(missing):
            x = F.pad(x, (0, missing[1], 0, missing[0]), mode="replicate")
        return x.contiguous(memory_format=torch.channels_last)

    def write(
        self, result: Tensor, box: Box, core: Box, out: Image, untouched: Tensor | None = None
    ) -> None:
        """Put `core`'s part of `result` into `out`.

        `result` is what the network gave for `box` (1×3×(s·h)×(s·w), not clipped). Fully
        transparent pixels, and those where `untouched` (core's h×w, for scale 1) is true,
        keep the input's colours to the bit.
        """
        y = result[..., *core.relative_to(box).times(self.scale).slices]
        y = y.mean(1, keepdim=True) if self.colours == 1 else y
        if self.image.dtype == np.float32:
            y = y + self._enlarged(self._clipped_off, box, core, "bilinear")
        else:
            y = y.mul(self.full).round_().clamp_(0, self.full)
        target = out[core.times(self.scale).slices]
        target[..., : self.colours] = y[0].permute(1, 2, 0).numpy()  # cast to the picture's dtype
        keep = None if untouched is None else untouched.numpy()
        if has_alpha(self.image):
            self._write_alpha(box, core, target)
            transparent = target[..., -1] == 0
            keep = transparent if keep is None else keep | transparent
        if keep is not None and keep.any():
            source = self.image[core.slices][..., : self.colours]
            source = source.repeat(self.scale, 0).repeat(self.scale, 1)
            target[keep, : self.colours] = source[keep]

    def _write_alpha(self, box: Box, core: Box, target: Image) -> None:
        if self.scale == 1:
            target[..., self.colours :] = self.image[core.slices][..., self.colours :]
            return
        alpha = self._enlarged(self._alpha, box, core, "bicubic").clamp_(0, self.full)
        alpha = alpha if self.image.dtype == np.float32 else alpha.round_()
        target[..., self.colours :] = alpha[0].permute(1, 2, 0).numpy()

    def _enlarged(self, read: Callable[[Box], Tensor], box: Box, core: Box, mode: str) -> Tensor:
        """What `read` gives of the picture at `core`, on the result's grid; the rest of `box`
        is context (ENLARGING_RADIUS suffices)."""
        if self.scale == 1:
            return read(core)
        whole = F.interpolate(read(box), scale_factor=self.scale, mode=mode, align_corners=False)
        return whole[..., *core.relative_to(box).times(self.scale).slices]

    def _colours(self, box: Box) -> Tensor:
        return self._channels(box, slice(0, self.colours)) / self.full

    def _clipped_off(self, box: Box) -> Tensor:
        x = self._colours(box)
        return x - x.clamp(0, 1)

    def _alpha(self, box: Box) -> Tensor:
        return self._channels(box, slice(self.colours, self.colours + 1))

    def _channels(self, box: Box, channels: slice) -> Tensor:
        """1×c×h×w, in the picture's own units, cut off at its edge."""
        part = self.image[box.slices][..., channels].astype(np.float32)
        # The batch axis first: added last it would get a stride by which torch no longer
        # takes the tensor for channels-last, and every layer would run three times slower.
        return torch.from_numpy(part)[None].permute(0, 3, 1, 2)


def strength_tile(mask: Image, box: Box, inside: float, outside: float) -> Tensor:
    """h×w: s(p) = outside + (inside − outside) · m(p), edge pixels repeated beyond the picture.

    Raises BadMask for float masks that are not finite; values are clipped to 0..1.
    """
    part = mask[box.slices].astype(np.float32)
    m = torch.from_numpy(part).div_(FULL_SCALE[mask.dtype.name])
    if not math.isfinite(float(m.sum())):
        raise BadMask("The mask holds NaN or infinity.")
    m = m.clamp_(0, 1)
    missing = box.height - m.shape[0], box.width - m.shape[1]
    if any(missing):
        m = F.pad(m[None, None], (0, missing[1], 0, missing[0]), mode="replicate")[0, 0]
    return torch.lerp(torch.tensor(outside), torch.tensor(inside), m)


def _fill_transparent(x: Tensor, alpha: Tensor) -> Tensor:
    """Colour of transparent pixels ← mean of the visible ones nearby, mid-gray where none is."""
    visible = (alpha > 0).float()
    if bool(visible.all()):
        return x
    side = 2 * FILL_RADIUS + 1
    near = F.avg_pool2d(torch.cat([x * visible, visible], 1), side, 1, FILL_RADIUS)
    colour = torch.where(near[:, -1:] > 0, near[:, :-1] / near[:, -1:].clamp(min=1e-6), 0.5)
    return torch.where(visible > 0, x, colour)
