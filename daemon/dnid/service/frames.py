"""Pixels ⇄ frames, without copying. Apart from `wire` because the bridge needs no numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import zmq

from dnid.errors import BadImage, BadMask, BadMessage
from dnid.service.messages import Picture

_DTYPES: dict[str, np.dtype[Any]] = {
    "u8": np.dtype("u1"),
    "u16": np.dtype("<u2"),
    "f32": np.dtype("<f4"),
}


def describe(pixels: np.ndarray) -> Picture:
    """The form of an H×W or H×W×C array of uint8, uint16 or float32. Raises BadImage."""
    shape = pixels.shape if pixels.ndim == 3 else (*pixels.shape, 1)
    for name, dtype in _DTYPES.items():
        if pixels.dtype == dtype and len(shape) == 3:
            return Picture(*shape, name)
    raise BadImage("A picture is an array H×W×C of uint8, uint16 or float32.")


def to_frame(pixels: np.ndarray) -> memoryview:
    """Over the array's own memory, where its rows are packed already."""
    return np.ascontiguousarray(pixels).data


def to_array(picture: Picture, frame: zmq.Frame) -> np.ndarray:
    """H×W×C over the frame's own memory. Raises BadImage when the length does not fit."""
    data = frame.buffer
    if len(data) != picture.nbytes:
        size = f"{picture.width} × {picture.height} × {picture.channels} in {picture.dtype}"
        raise BadImage(f"{size} takes {picture.nbytes} bytes, but {len(data)} came.")
    pixels: np.ndarray = np.frombuffer(data, _DTYPES[picture.dtype]).reshape(picture.shape)
    # ZeroMQ leaves a small frame where it lay among others, at any address.
    return pixels if pixels.flags.aligned else pixels.copy()


def unpack(
    image: Picture, mask: Picture | None, payload: Sequence[zmq.Frame]
) -> tuple[np.ndarray, np.ndarray | None]:
    """The frames of a restore as H×W×C and H×W. Raises BadMessage, BadImage, BadMask."""
    if len(payload) != (1 if mask is None else 2):
        raise BadMessage("A restore brings one frame for the image and one for the mask, if any.")
    pixels = to_array(image, payload[0])
    if mask is None:
        return pixels, None
    try:
        return pixels, to_array(mask, payload[1])[..., 0]
    except BadImage as error:
        raise BadMask(str(error)) from error
