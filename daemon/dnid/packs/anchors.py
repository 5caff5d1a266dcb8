"""Read and verify one anchor, in at most twice the memory of its file."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from dnid.errors import PackDamaged
from dnid.packs.files import read_file

MAX_ANCHOR_BYTES = 1 << 30
MAX_HEADER_BYTES, MAX_HEADER_BYTES_A_TENSOR = 1 << 16, 1 << 8
"""A parsed header takes many times its size, so it may not be larger than the network needs."""

_FLOATS = {torch.float16, torch.bfloat16, torch.float32}


def read_anchor(path: Path, sha256: str, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights in a safetensors file with this hash, for a network whose state is `expected`
    (on the `meta` device). Raises PackDamaged, naming the file and the fault.

    The bytes that were hashed are the bytes that are parsed.
    """
    state = _parse(_read_verified(path, sha256, expected), path.name, _max_header(expected))
    _check_layout(state, expected, path.name)
    if not all(_is_finite(value) for value in state.values()):
        raise PackDamaged(f"{path.name} holds values that are not finite.")
    return state


def max_bytes(expected: Mapping[str, Tensor]) -> int:
    """What a file of such a state has at most: float32, and the longest header."""
    weights = sum(value.numel() * value.itemsize for value in expected.values())
    return min(MAX_ANCHOR_BYTES, 8 + _max_header(expected) + weights)


def _max_header(expected: Mapping[str, Tensor]) -> int:
    return MAX_HEADER_BYTES + MAX_HEADER_BYTES_A_TENSOR * len(expected)


def _read_verified(path: Path, sha256: str, expected: Mapping[str, Tensor]) -> bytes:
    data = read_file(path, max_bytes(expected))
    if hashlib.sha256(data).hexdigest() != sha256:
        raise PackDamaged(f"{path.name} is not the file of its author: the hash does not fit.")
    return data


def _parse(data: bytes, name: str, max_header: int) -> dict[str, Tensor]:
    header = struct.unpack("<Q", data[:8])[0] if len(data) >= 8 else 0
    if header > max_header:
        raise PackDamaged(
            f"{name} is not a safetensors file of this network: a header of {header} bytes."
        )
    try:
        return load(data)
    except _NOT_SAFETENSORS as error:
        raise PackDamaged(f"{name} is not a safetensors file: {str(error)[:200]!r}.") from error


_NOT_SAFETENSORS = (
    SafetensorError, json.JSONDecodeError, KeyError, ValueError, TypeError, AssertionError,
)  # fmt: skip


def _check_layout(state: Mapping[str, Tensor], expected: Mapping[str, Tensor], name: str) -> None:
    for key in [*expected, *state]:
        told = f"{key[:80]!r}"
        if key not in state or key not in expected:
            raise PackDamaged(f"{name} has {'no' if key in expected else 'an extra'} {told}.")
        if state[key].shape != expected[key].shape:
            shapes = f"{tuple(state[key].shape)} instead of {tuple(expected[key].shape)}"
            raise PackDamaged(f"{name}: {told} has the shape {shapes}.")
        fitting = _FLOATS if expected[key].is_floating_point() else {expected[key].dtype}
        if state[key].dtype not in fitting:
            raise PackDamaged(f"{name}: {told} is stored as {state[key].dtype}.")


def _is_finite(value: Tensor) -> bool:
    """Without a second tensor: the extremes of a tensor with NaN are NaN."""
    if not (value.is_floating_point() and value.numel()):
        return True
    return all(bool(torch.isfinite(extreme)) for extreme in torch.aminmax(value))
