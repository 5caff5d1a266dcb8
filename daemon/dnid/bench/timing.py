"""Things timed in turn, and what the processor can do at most."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from dnid.engine.device import probe_picture

MATMUL_SIDE = 2048
_PROBE_SIDE = 64


def in_turn(rounds: int, *actions: Callable[[], object]) -> list[float]:
    """Best seconds of each action: one in each of `rounds` rounds, in turn.

    What disturbs the machine disturbs all of them, and the best are the least
    disturbed. Warm them up before.
    """
    best = [float("inf")] * len(actions)
    for _ in range(rounds):
        for index, action in enumerate(actions):
            start = time.perf_counter()
            action()
            best[index] = min(best[index], time.perf_counter() - start)
    return best


def matrix_product(dtype: torch.dtype) -> tuple[Callable[[], Any], float]:
    """(one product of large square matrices, its GFLOP): the limit that no network passes."""
    a = torch.rand(MATMUL_SIDE, MATMUL_SIDE).to(dtype)
    return lambda: a @ a, 2 * MATMUL_SIDE**3 / 1e9


def gflop_per_pixel(network: nn.Module) -> float:
    """10⁹ multiplications and additions of the matrix kind, for each pixel it reads."""
    counter = FlopCounterMode(display=False)
    with torch.inference_mode(), counter:
        network(probe_picture(_PROBE_SIDE))
    return float(counter.get_total_flops()) / _PROBE_SIDE**2 / 1e9
