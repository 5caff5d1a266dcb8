"""Find the architecture of weights by their keys and shapes: the project's own, then spandrel's."""

from __future__ import annotations

import math
import re

import torch
from torch import Tensor, nn

from dnid.errors import PackDamaged
from dnid.networks import build
from dnipack.foreign import recognise_foreign
from dnipack.recognised import Recognised, State


def recognise(state: State) -> Recognised:
    """Raises BadInput where no architecture fits."""
    for detect in (_unet, _edsr, _srvgg, _dncnn):
        if (found := detect(state)) is not None and _fits(found):
            return found
    return recognise_foreign(state)


def _fits(found: Recognised) -> bool:
    """Whether the network has exactly these keys and shapes."""
    try:
        with torch.device("meta"):
            network: nn.Module = build(found.architecture, found.options)
    except PackDamaged:
        return False
    shapes = {key: value.shape for key, value in network.state_dict().items()}
    return shapes == {key: value.shape for key, value in found.state.items()}


def _unet(state: State) -> Recognised | None:
    head = state.get("head.weight")
    if head is None or head.ndim != 4 or "tail.weight" not in state:
        return None
    channels = [len(head)]
    while (down := state.get(f"down.{len(channels) - 1}.weight")) is not None:
        channels.append(len(down))
    blocks = [_count(state, rf"encoder\.{level}\.(\d+)\.") for level in range(len(channels))]
    fold = math.isqrt(head.shape[1] // 3)
    options = {"channels": channels, "blocks": blocks, "fold": fold}
    return Recognised("unet", options, dict(state))


def _edsr(state: State) -> Recognised | None:
    head, tail = state.get("head.weight"), state.get("tail.weight")
    if head is None or tail is None or head.ndim != 4:
        return None
    options = {
        "channels": len(head),
        "blocks": _count(state, r"body\.(\d+)\.conv1\."),
        "scale": math.isqrt(len(tail) // 3),
    }
    return Recognised("edsr", options, dict(state))


def _srvgg(state: State) -> Recognised | None:
    first, last = state.get("body.0.weight"), _count(state, r"body\.(\d+)\.") - 1
    tail = state.get(f"body.{last}.weight")
    if first is None or tail is None or first.ndim != 4 or tail.ndim != 4:
        return None
    options = {
        "num_feat": len(first),
        "num_conv": last // 2 - 1,  # each convolution has a PReLU behind it
        "upscale": math.isqrt(len(tail) // 3),
    }
    return Recognised("srvgg", options, dict(state))


def _dncnn(state: State) -> Recognised | None:
    """A chain of another program that has 7 convolutions is not taken: it may be IRCNN, which
    looks the same and spreads its filters apart by numbers that no weight shows."""
    own = _renumbered(state)
    first, depth = own.get("layers.0.weight"), _count(own, r"layers\.(\d+)\.")
    if first is None or first.ndim != 4 or (depth == 7 and "layers.0.weight" not in state):
        return None
    options = {
        "colours": first.shape[1],
        "channels": len(first),
        "depth": depth,
        "batch_norm": "norms.1.weight" in own,
    }
    return Recognised("dncnn", options, own)


def _renumbered(state: State) -> dict[str, Tensor]:
    """`model.0`, `model.2` … or `dncnn.0` …, where ReLU and BatchNorm have numbers of their
    own, as `layers.0`, `layers.1` … and `norms.1` …; other states as they are."""
    parts = [re.fullmatch(r"(?:model|dncnn)\.(\d+)\.(\w+)", key) for key in state]
    entries = [(int(m[1]), m[2], m.string) for m in parts if m is not None]
    if len(entries) < len(state):
        return dict(state)
    renamed: dict[str, Tensor] = {}
    layers = -1
    for number in sorted({number for number, _, _ in entries}):
        inside = {name: state[key] for n, name, key in entries if n == number}
        is_convolution = inside.get("weight", torch.empty(0)).ndim == 4
        layers += is_convolution
        if is_convolution and "bias" not in inside:
            inside["bias"] = torch.zeros(len(inside["weight"]))  # left out before a BatchNorm
        kind = "layers" if is_convolution else "norms"
        renamed |= {f"{kind}.{layers}.{name}": value for name, value in inside.items()}
    return renamed


def _count(state: State, pattern: str) -> int:
    """One more than the highest number that the pattern finds at the start of a key."""
    found = (re.match(pattern, key) for key in state)
    return max((int(match[1]) for match in found if match is not None), default=-1) + 1
