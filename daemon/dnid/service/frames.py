"""Pixels ⇄ frames, without copying. Apart from `wire` because the bridge needs no numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import zmq

from dnid.engine.part import Part
from dnid.errors import BadImage, BadMask, BadMessage
from dnid.service.messages import Picture, Restore

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


def unpack(forms: Sequence[Picture], payload: Sequence[zmq.Frame]) -> list[np.ndarray]:
    """The frames of a message as H×W×C each. Raises BadMessage and BadImage."""
    if len(payload) != len(forms):
        raise BadMessage(f"{len(forms)} frames belong to this message, but {len(payload)} came.")
    return [to_array(form, frame) for form, frame in zip(forms, payload, strict=True)]


def unpack_restore(
    request: Restore, payload: Sequence[zmq.Frame]
) -> tuple[np.ndarray, np.ndarray | None, Part | None]:
    """Image, mask H×W, and where they lie in a larger picture.

    Raises BadMessage, BadImage and BadMask.
    """
    if len(payload) != len(request.frames):
        raise BadMessage(
            "A restore brings one frame for the image and one for the mask, if any, and the same"
            " for the whole picture, if it is told."
        )
    frames = iter(payload)
    image = to_array(request.image, next(frames))
    mask = None if request.mask is None else _mask(request.mask, next(frames))
    if (whole := request.whole) is None:
        return image, mask, None
    place = whole.height, whole.width, whole.top, whole.left
    all_of_it = to_array(whole.image, next(frames))
    whole_mask = None if whole.mask is None else _mask(whole.mask, next(frames))
    return image, mask, Part(*place, all_of_it, whole_mask)


def _mask(form: Picture, frame: zmq.Frame) -> np.ndarray:
    try:
        return to_array(form, frame)[..., 0]
    except BadImage as error:
        raise BadMask(str(error)) from error
