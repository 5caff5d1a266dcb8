"""A daemon, a bridge and clients as processes and sockets, and what to send them."""

from __future__ import annotations

import contextlib
import json
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import zmq

from dnid.recipe import Recipe, Stage
from dnid.service import connection

HERE = Path(__file__).parent
PATIENCE = 60.0
"""Seconds; for a machine that is busy with other things."""


def eventually(condition: Callable[[], object]) -> None:
    """Return once the condition holds; fail after PATIENCE."""
    deadline = time.monotonic() + PATIENCE
    tick = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "It did not happen in time."
        tick.wait(0.01)


def reapers() -> int:
    """How many daemons that this process started on demand have not ended."""
    return sum(thread.name == "reaper" for thread in threading.enumerate())


def daemon_command(*words: str) -> list[str]:
    return [sys.executable, str(HERE / "fake_daemon.py"), *words]


class RawClient:
    """A DEALER that sends what it is told to."""

    def __init__(self) -> None:
        found = connection.find()
        assert found
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.connect(found.endpoint)

    def send(self, *parts: object) -> None:
        self.socket.send_multipart([p if isinstance(p, bytes) else msgpack.packb(p) for p in parts])

    def receive(self) -> dict[str, Any]:
        assert self.socket.poll(PATIENCE * 1000), "No answer."
        return msgpack.unpackb(self.socket.recv_multipart()[0])

    def answer_to(self, *parts: object) -> dict[str, Any]:
        self.send(*parts)
        while (header := self.receive())["kind"] == "progress":
            pass
        return header


class BridgeProcess:
    """`dnid bridge`, as a plug-in sees it."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "fake_bridge.py"), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def send(self, header: dict[str, Any], *frames: bytes) -> None:
        text = json.dumps(header | {"frames": [len(frame) for frame in frames]}).encode()
        self.write(struct.pack("<I", len(text)) + text + b"".join(frames))

    def write(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def receive(self) -> tuple[dict[str, Any], list[bytes]]:
        assert self.process.stdout
        (length,) = struct.unpack("<I", self.process.stdout.read(4))
        header = json.loads(self.process.stdout.read(length))
        return header, [self.process.stdout.read(size) for size in header.pop("frames")]

    def receive_until(self, *kinds: str) -> tuple[dict[str, Any], list[bytes]]:
        while (message := self.receive())[0]["kind"] not in kinds:
            pass
        return message

    def kill(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()

    def end(self) -> int:
        """Close stdin and wait."""
        assert self.process.stdin
        self.process.stdin.close()
        return self.process.wait(PATIENCE)


def recipe(pack: str | None = None) -> Recipe:
    return Recipe((Stage("denoise", 1.0, pack=pack),))


def restore_header(name: str, pack: str | None = None, **changes: object) -> dict[str, Any]:
    """A restore of 2 × 3 gray pixels (6 bytes)."""
    image = {"height": 2, "width": 3, "channels": 1, "dtype": "u8"}
    header = {"v": 1, "kind": "restore", "id": name, "recipe": recipe(pack).to_dict()}
    return header | {"image": image, "mask": None} | changes


def picture(height: int, width: int, channels: int, dtype: str) -> np.ndarray:
    """Noise over the whole range of its dtype."""
    noise = np.random.default_rng(7).random((height, width, channels), np.float32)
    full = 1 if dtype == "float32" else np.iinfo(dtype).max
    return (noise * full).astype(dtype)
