"""Small networks as other programs save them, and pickles that do what they must not."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dnid.networks import build

State = dict[str, Tensor]
DNCNN = {"colours": 3, "channels": 4, "depth": 4, "batch_norm": False}


def small_state(architecture: str, options: dict[str, Any], seed: int = 0) -> State:
    torch.manual_seed(seed)
    state = build(architecture, options).state_dict()
    return {key: value.detach().clone() for key, value in state.items()}


def save(content: object, path: Path, *, zipped: bool = True) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def zipped_pickle(program: bytes, path: Path, name: str = "archive/data.pkl") -> Path:
    """A file that looks like torch's own, with this pickle in it."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, program)
        archive.writestr("archive/version", "3\n")
    return path


def legacy_pickle(program: bytes, path: Path) -> Path:
    """torch's older form: magic number, version and system come before the object."""
    head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    path.write_bytes(b"".join(pickle.dumps(part, 2) for part in head) + program)
    return path


class Calls:
    """Pickled, it calls `function` with `arguments` when it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:  # noqa: ANN401
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.function, self.arguments


def program(content: object, protocol: int) -> bytes:
    stream = io.BytesIO()
    pickle.Pickler(stream, protocol).dump(content)
    return stream.getvalue()
