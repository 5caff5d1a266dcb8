"""The engine beside other runtimes: same weights, same picture, same threads."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch

from dnid.bench.costs import Subject
from dnid.bench.peers import PEERS, Peer
from dnid.bench.pictures import Photo, make_photo
from dnid.bench.timing import gflop_per_pixel, in_turn, matrix_product
from dnid.engine.result import Progress
from dnid.engine.stage import Counter, StageRun

if TYPE_CHECKING:
    from collections.abc import Iterator

WARM_UP = 600
"""Pixels: enough for a runtime to see a whole tile and the rest of one."""

Told = Callable[[str], None]


def compare(subject: Subject, size: tuple[int, int], rounds: int, told: Told) -> dict[str, float]:
    """`vs_…`: the peer's time divided by ours, above 1 we are faster.

    `float32_vs_eager` is the same with ours held to float32, as on a processor without
    bfloat16; `gflops` what ours reaches of `matmul_gflops`, the rate of a matrix product.
    """
    photo = make_photo(*size)
    network = subject.network(torch.float32)
    product, product_gflop = matrix_product(subject.runner.choice.dtype)
    actions: dict[str, Callable[[], object]] = {
        "ours": lambda: subject.engine.restore(photo, subject.recipe()),
        "float32": lambda: _in_float32(subject, photo),
        "matmul": product,
    }
    for name, peer in _installed(network, told).items():
        peer(photo[:WARM_UP, :WARM_UP])
        actions[name] = partial(peer, photo)
    product()
    told(f"{subject.stage.effect}: ours in turn with {', '.join(actions)}")
    seconds = dict(zip(actions, in_turn(rounds, *actions.values()), strict=True))
    return ratios(seconds, gflop_per_pixel(network) * size[0] * size[1], product_gflop)


def ratios(seconds: dict[str, float], gflop: float, product_gflop: float) -> dict[str, float]:
    """The figures of one comparison from the best seconds of each action."""
    found = {f"vs_{name}": seconds[name] / seconds["ours"] for name in PEERS if name in seconds}
    if "eager" in seconds:
        found["float32_vs_eager"] = seconds["eager"] / seconds["float32"]
    found["gflops"] = gflop / seconds["ours"]
    found["matmul_gflops"] = product_gflop / seconds["matmul"]
    return found


def _installed(network: torch.nn.Module, told: Told) -> dict[str, Peer]:
    peers = {}
    for name, prepare in PEERS.items():
        try:
            peers[name] = prepare(network)
        except ImportError as error:
            told(f"{name} is left out: {error.name} is not installed (pip install 'dnid[bench]')")
    return peers


def _in_float32(subject: Subject, photo: Photo) -> None:
    with _held_to_float32(subject):
        StageRun(subject.runner, subject.recipe().stages[0], photo, None, False).run(
            photo, Counter(0, _ignore, _never)
        )


@contextmanager
def _held_to_float32(subject: Subject) -> Iterator[None]:
    chosen = subject.runner.choice
    subject.runner.choice = replace(chosen, format="float32")
    try:
        yield
    finally:
        subject.runner.choice = chosen


def _ignore(_: Progress) -> None:
    pass


def _never() -> bool:
    return False
