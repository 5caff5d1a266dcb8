"""Read what others trained: .safetensors, and .pth or .pt without running any of it."""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from dnid.errors import BadInput
from dnipack.pickles import check_harmless

WRAPPERS = (
    "params_ema", "params", "state_dict", "model_state_dict", "model", "net", "network",
    "generator", "weights",
)  # fmt: skip
"""Keys below which training programs put the weights; the first that is there counts. The
mean of the last steps (`params_ema`) is what they publish figures of, so it goes first."""

PREFIX = "module."
"""What DataParallel puts before every key."""

MAX_BYTES = 4 << 30
"""Larger than any network that a pack may hold."""
_MAX_WRAPPERS = 3
_DTYPES = {
    torch.float16, torch.bfloat16, torch.float32, torch.float64,
    torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
}  # fmt: skip


@dataclass(frozen=True)
class Checkpoint:
    """The weights of one network."""

    state: dict[str, Tensor]
    """float32 where it was floating-point, on the CPU."""
    taken_from: str
    """The keys that were unwrapped, like `params_ema/module.`; empty for a bare state."""


def load_checkpoint(path: Path) -> Checkpoint:
    """Raises BadInput, in one sentence, for a file that is missing, damaged, hostile, or
    holds no weights or some that are not finite."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInput(f"{path} is larger than any network that a pack may hold.")
        content = _load(path)
    except OSError as error:
        raise BadInput(f"Cannot read {path}: {error.strerror or error}.") from error
    state, wrappers = _unwrap(content, path)
    if all(key.startswith(PREFIX) for key in state):
        state = {key.removeprefix(PREFIX): value for key, value in state.items()}
        wrappers = [*wrappers, PREFIX]
    for key, value in state.items():
        _check_tensor(key, value, path)
    floats = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    return Checkpoint({k: v.detach().contiguous() for k, v in floats.items()}, "/".join(wrappers))


def _load(path: Path) -> object:
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (SafetensorError, ValueError, KeyError) as error:
            raise BadInput(f"{path} is not a safetensors file: {error}") from error
    if path.suffix not in (".pth", ".pt"):
        raise BadInput(f"{path} is neither .pth, .pt nor .safetensors.")
    check_harmless(path)
    try:
        with warnings.catch_warnings(action="ignore"):  # of pickle protocols, for programmers
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        called = re.search(r"GLOBAL (\S+)", str(error))
        what = f"it would call {called[1][:80]}" if called else "it holds more than weights"
        raise BadInput(f"{path} was not opened: {what}.") from error
    except (RuntimeError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{path} is a damaged checkpoint: {str(error).splitlines()[0]}") from error


def _unwrap(content: object, path: Path) -> tuple[dict[str, Tensor], list[str]]:
    """The dictionary of tensors inside, and the keys on the way to it."""
    used: list[str] = []
    while isinstance(content, Mapping) and len(used) <= _MAX_WRAPPERS:
        if state := {k: v for k, v in content.items() if isinstance(v, Tensor)}:
            return {str(key): value for key, value in state.items()}, used
        inside = [key for key in content if isinstance(content[key], Mapping)]
        known = [key for key in WRAPPERS if key in inside]
        if not known and len(inside) != 1:
            break
        used.append(str((known or inside)[0]))
        content = content[(known or inside)[0]]
    keys = (
        ", ".join(str(key)[:40] for key in list(content)[:5])
        if isinstance(content, Mapping)
        else ""
    )
    raise BadInput(f"{path} holds no weights{f'; its keys are: {keys}' if keys else ''}.")


def _check_tensor(key: str, value: Tensor, path: Path) -> None:
    if value.layout != torch.strided or value.dtype not in _DTYPES:
        kind = value.dtype if value.layout == torch.strided else value.layout
        raise BadInput(f"{path}: {key!r} is stored as {kind}, which cannot be blended.")
    if not bool(torch.isfinite(value).all()):
        raise BadInput(f"{path}: {key!r} holds values that are not finite.")
