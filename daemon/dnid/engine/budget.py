"""How many pixels a tile may read: what the device has room for, within what is worth having."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

LARGEST = 1 << 21
"""Pixels, halo included. Beyond, hardly fewer pixels are read twice."""
SMALLEST = 1 << 16
"""Or four halos squared: smaller tiles are mostly halo. Where even that is too much, they are
halved when memory runs out."""
LARGEST_BYTES = 640 << 20
"""What one tile's activations may take however much is free: the machine is not ours alone."""
SHARE = 0.25
"""Of the free memory."""
LIVE_LAYERS = 4
"""Outputs of the widest layer that live at the same time: its input, a skip, working memory."""
_PROBE_SIDE = 64
_MEMORY = Path("/proc/meminfo")


def tile_pixels(bytes_per_pixel: float, device: torch.device, halo: int) -> int:
    """Pixels that a tile reads, halo included; how many they are changes no result."""
    free = free_bytes(device)
    room = LARGEST_BYTES if free is None else min(LARGEST_BYTES, SHARE * free)
    smallest = max(SMALLEST, (4 * halo) ** 2)
    return max(smallest, min(LARGEST, int(room / bytes_per_pixel)))


def free_bytes(device: torch.device) -> int | None:
    """What new tensors on the device may take; None where the system does not tell."""
    if device.type == "cuda":  # not run here
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    try:
        lines = _MEMORY.read_text().splitlines()
    except OSError:  # not Linux
        return None
    kibibytes = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return next((int(number) * 1024 for number in kibibytes), None)


def bytes_per_pixel(network: nn.Module, itemsize: int) -> float:
    """What a pixel of a tile takes while the network runs, about.

    `network` gives the structure; its weights, which may lie on `meta`, become zeros.
    `itemsize` is the number format's.
    """
    multiple, scale = int(network.multiple), int(network.scale)  # type: ignore[arg-type]
    side = -(-_PROBE_SIDE // multiple) * multiple
    widest = _widest_layer(network.eval(), side) / side**2
    pictures = 3 * torch.float32.itemsize * (2 + 3 * scale**2)
    return LIVE_LAYERS * widest * itemsize + pictures


def _widest_layer(network: nn.Module, side: int) -> int:
    """Values in the largest output of a layer for a picture of side × side."""
    widest = 0

    def note(_layer: nn.Module, _inputs: object, output: object) -> None:
        nonlocal widest
        if isinstance(output, Tensor):
            widest = max(widest, output.numel())

    leaves = [module for module in network.modules() if not list(module.children())]
    hooks = [leaf.register_forward_hook(note) for leaf in leaves]
    # Run on `meta`, torch would import sympy first, which takes a second.
    zeros = {k: torch.zeros(v.shape, dtype=v.dtype) for k, v in network.state_dict().items()}
    network.load_state_dict(zeros, assign=True)
    with torch.inference_mode():
        network(torch.zeros(1, 3, side, side))
    for hook in hooks:
        hook.remove()
    return widest
