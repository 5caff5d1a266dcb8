"""Small random networks, packs and pictures: nothing is trained or downloaded for a test."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from dnid.networks import build
from dnid.packs.manifest import Anchor, Manifest, SideNetwork

Pixels = NDArray[Any]
State = dict[str, Tensor]

OPTIONS = {"channels": [4, 6], "blocks": [1, 1], "fold": 1}
FULL_HALO = 12
"""Of the U-Net above; tests/networks measures that its gradient reaches no further."""
ANCHORS = ("low", "mid", "high")
FULL_SCALE = {"uint8": 255, "uint16": 65535, "float32": 1}


def random_state(
    seed: int, options: Mapping[str, Any] = OPTIONS, architecture: str = "unet"
) -> State:
    """Weights that change a picture by some percent."""
    torch.manual_seed(seed)
    return {k: v.detach().clone() for k, v in build(architecture, options).state_dict().items()}


def random_anchors(
    seed: int = 0, options: Mapping[str, Any] = OPTIONS, architecture: str = "unet"
) -> dict[str, State]:
    """Three descendants of one ancestor."""
    ancestor, *others = (random_state(seed + i, options, architecture) for i in range(4))
    return {
        name: {key: torch.lerp(ancestor[key], other[key], 0.4) for key in ancestor}
        for name, other in zip(ANCHORS, others, strict=True)
    }


def small_manifest(anchors: dict[str, str], **changes: Any) -> Manifest:  # noqa: ANN401
    """A manifest for anchors, given as name → sha256."""
    names = tuple(anchors)
    parents = (None, *names[:-1])
    fields: dict[str, Any] = {
        "id": "denoise",
        "name": "Small",
        "version": "1.2.3",
        "effect": "denoise",
        "architecture": "unet",
        "options": OPTIONS,
        "anchors": tuple(
            Anchor(name, anchors[name], parent, f"Anchor {name}")
            for name, parent in zip(names, parents, strict=True)
        ),
        "path": names,
        "curve": ((0.0, 0.0), (1.0, len(names) - 1.0)),
        "halo": FULL_HALO,
        "licence": "CC0-1.0",
        "trained_on": "Nothing: random weights.",
    }
    return Manifest(**(fields | changes))


def enlarger_options(scale: int) -> dict[str, Any]:
    """Of the smallest `srvgg`."""
    return {"num_feat": 6, "num_conv": 0, "upscale": scale}


ENLARGER_HALO = 2


def write_enlarger(folder: Path, scale: int, **changes: Any) -> Path:  # noqa: ANN401
    """A pack for sr."""
    options = enlarger_options(scale)
    fields = {
        "id": f"sr-x{scale}", "effect": "sr", "scale": scale, "halo": ENLARGER_HALO,
        "architecture": "srvgg", "options": options,
    }  # fmt: skip
    anchors = changes.pop("anchors", None) or random_anchors(0, options, "srvgg")
    return write_pack(folder, anchors, **fields | changes)


ESTIMATOR_OPTIONS = {"channels": [1]}


def brightness_estimator() -> State:
    """An estimator whose proposal is the mean brightness of the picture."""
    middle = torch.zeros(1, 1, 3, 3)
    middle[..., 1, 1] = 1
    of_pixels = (torch.arange(24) < 12).reshape(1, 24, 1, 1)  # and none of their grain
    return {
        "head.weight": middle * of_pixels / 12,
        "head.bias": torch.tensor([0.5]),
        "body.0.weight": middle,
        "body.0.bias": torch.zeros(1),
        "tail.weight": torch.tensor([1.0, 0.0]).reshape(2, 1, 1, 1),
        "tail.bias": torch.zeros(2),
    }


DOF_OPTIONS = {"channels": [3], "blocks": [0], "fold": 1}
DOF_SIDE = 64


def _pixelwise(weights: torch.Tensor, bias: float = 0.0) -> State:
    """A 3×3 convolution that looks at one pixel; `weights` are outputs×inputs."""
    kernel = torch.zeros(*weights.shape, 3, 3)
    kernel[..., 1, 1] = weights
    return {"weight": kernel, "bias": torch.full((len(weights),), bias)}


def refocus_state(slope: float, bias: float) -> State:
    """Weights of a `refocus` whose result is x + (1 − focus) · (slope · x + bias)."""
    layers = {
        "head": _pixelwise(torch.eye(4)[:3]), "tail": _pixelwise(slope * torch.eye(3), bias),
    }  # fmt: skip
    return {f"{n}.{key}": value for n, layer in layers.items() for key, value in layer.items()}


def red_finder() -> State:
    """Weights of a finder to which the subject is what is red."""
    first = torch.zeros(1, 3)
    first[0, 0] = 40.0
    layers = {"head": _pixelwise(first), "tail": _pixelwise(torch.ones(1, 1))}
    return {f"{n}.{key}": value for n, layer in layers.items() for key, value in layer.items()}


def write_dof(
    folder: Path,
    slope: float = -1.0,
    bias: float = 0.5,
    *,
    finds: bool = True,
    **changes: Any,  # noqa: ANN401
) -> Path:
    """A pack for dof; its network makes the background 0.5 unless other numbers are given."""
    anchors = {"identity": refocus_state(0.0, 0.0), "soft": refocus_state(slope, bias)}
    fields = {
        "id": "dof", "effect": "dof", "architecture": "refocus", "options": DOF_OPTIONS,
        "working_side": DOF_SIDE, "halo": 0,
    }  # fmt: skip
    if finds:
        (folder / "dof").mkdir(parents=True)
        sha256 = _save(red_finder(), folder / "dof" / "subject.safetensors")
        options = {"channels": [1], "blocks": [0], "fold": 1}
        fields["subject"] = SideNetwork(sha256, "unet", options)
    return write_pack(folder, anchors, **fields | changes)


def write_pack(
    folder: Path,
    anchors: dict[str, State] | None = None,
    estimator: State | None = None,
    **changes: Any,  # noqa: ANN401
) -> Path:
    """A pack of float32 anchors below `folder`; `changes` are fields of its manifest."""
    pack = folder / changes.get("id", "denoise")
    pack.mkdir(parents=True, exist_ok=True)
    hashes = {
        n: _save(s, pack / f"{n}.safetensors") for n, s in (anchors or random_anchors()).items()
    }
    if estimator is not None:
        sha256 = _save(estimator, pack / "auto.safetensors")
        changes = {"auto": SideNetwork(sha256, "grain", ESTIMATOR_OPTIONS)} | changes
    manifest = small_manifest(hashes, **changes)
    (pack / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    return pack


def _save(state: State, path: Path) -> str:
    """Its sha256."""
    save_file({key: value.contiguous() for key, value in state.items()}, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def photo(height: int, width: int, channels: int, dtype: str, seed: int = 0) -> Pixels:
    """Noise over the whole range of the dtype; alpha from 0 to full."""
    values = np.random.default_rng(seed).random((height, width, channels), np.float32)
    return quantised(values, dtype)


def quantised(values: Pixels, dtype: str) -> Pixels:
    """0..1 float → the dtype's own range."""
    if dtype == "float32":
        return values.astype(np.float32)
    return np.rint(np.clip(values, 0, 1) * FULL_SCALE[dtype]).astype(dtype)
