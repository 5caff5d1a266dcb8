"""Where and in what number format a network runs: measured once, then remembered."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import platformdirs
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dnid.errors import DeviceUnavailable

MIN_AGREEMENT_DB = 50.0
"""A reduced format is taken only if its result lies within this PSNR of float32's."""

IMITATION = 4.0
"""So many times slower than float32, bfloat16 is imitated and not worth a longer look."""

ENOUGH_SECONDS = 1.0
"""Timed runs that took as long together need no further one."""

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Choice:
    """What was measured for one network on one device."""

    device: str
    format: str
    """"float32", "bfloat16" or "float16"."""
    megapixels_per_second: float
    agreement_db: float
    """PSNR against float32 on the probe; 999 for float32 itself."""

    @property
    def dtype(self) -> torch.dtype:
        return _DTYPES[self.format]


def find_device(wanted: str) -> torch.device:
    """`auto`, `cpu` or `cuda`. Raises DeviceUnavailable for one that is not there."""
    has_gpu = torch.cuda.is_available()
    if wanted == "cpu" or (wanted == "auto" and not has_gpu):
        return torch.device("cpu")
    if wanted in ("auto", "cuda") and has_gpu:
        return torch.device("cuda")
    raise DeviceUnavailable(f"There is no device {wanted!r} here; choose auto or cpu.")


def choose_format(
    network_for: Callable[[torch.dtype], nn.Module],
    device: torch.device,
    name: str,
    probe: Tensor,
) -> Choice:
    """The fastest format whose result for `probe` (see below) agrees with float32.

    `network_for` gives the same network in a format; `name` says which network
    this is, so that the measurement is made once per machine and network.
    """
    key = _machine_key(device, name)
    remembered = _remembered()
    if key in remembered:
        return remembered[key]
    choice = _measure(network_for, probe.to(device))
    _remember(remembered | {key: choice})
    return choice


def _measure(network_for: Callable[[torch.dtype], nn.Module], probe: Tensor) -> Choice:
    device = probe.device
    reference, seconds = _timed(network_for(torch.float32), probe)
    best = Choice(str(device), "float32", _rate(probe, seconds), 999.0)
    if device.type == "cpu" and not has_bfloat16():
        return best
    reduced = "float16" if device.type == "cuda" else "bfloat16"
    result, seconds = _timed(network_for(_DTYPES[reduced]), probe)
    error = float((result - reference).square().mean())
    agreement = -10 * math.log10(max(error, 1e-20)) if math.isfinite(error) else 0.0
    rate = _rate(probe, seconds)
    if agreement >= MIN_AGREEMENT_DB and rate > best.megapixels_per_second:
        best = Choice(str(device), reduced, rate, round(agreement, 1))
    return best


@lru_cache
def has_bfloat16() -> bool:
    """Whether the processor computes in bfloat16. One without the instructions imitates them:
    with AVX2 alone a convolution takes 60 times as long as in float32, a probe picture seconds."""
    return _convolution_seconds(torch.bfloat16) < IMITATION * _convolution_seconds(torch.float32)


@torch.inference_mode()
def _convolution_seconds(dtype: torch.dtype) -> float:
    """Best of two after one to warm up; if imitated, a quarter of a second."""
    layer = nn.Conv2d(64, 64, 3, padding=1).to(dtype)
    return _timed(layer, torch.zeros(1, 64, 32, 32, dtype=dtype), runs=2)[1]


def probe_picture(side: int, inputs: int = 3) -> Tensor:
    """1×inputs×side×side in 0..1: soft shapes, an edge and fixed noise; the same everywhere.
    Planes beyond R, G and B are 0: a focus map by which everything is to change."""
    line = torch.linspace(0, 1, side)
    y, x = torch.meshgrid(line, line, indexing="ij")
    soft = 0.5 + 0.4 * torch.sin(9 * x) * torch.cos(7 * y)
    picture = torch.stack([soft, torch.where(x > y, 0.8, 0.2), 1 - soft])
    noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(0))
    probe = (picture + noise * (20 / 255)).clamp(0, 1)[None]
    probe = F.pad(probe, (0, 0, 0, 0, 0, inputs - 3))
    return probe.contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def _timed(network: nn.Module, probe: Tensor, runs: int = 3) -> tuple[Tensor, float]:
    """(result, best of the runs in seconds) after one run to warm up; of a slow network fewer."""
    seconds = []
    result = network(probe)
    for _ in range(runs):
        start = time.perf_counter()
        result = network(probe)
        if probe.is_cuda:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
        if sum(seconds) > ENOUGH_SECONDS:  # noise is small beside it, and somebody waits
            break
    return result.float().cpu(), min(seconds)


def _rate(probe: Tensor, seconds: float) -> float:
    return round(probe[0, 0].numel() / 1e6 / seconds, 3)


def _machine_key(device: torch.device, name: str) -> str:
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    parts = [name, device.type, where, torch.__version__, str(torch.get_num_threads())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _processor() -> str:
    """Model name and instruction sets, as far as the system tells."""
    return f"{platform.processor()} {platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def _cache_file() -> Path:
    override = os.environ.get("DNID_CACHE_DIR")
    folder = Path(override) if override else platformdirs.user_cache_path("dnid")
    return folder / "formats.json"


def _remembered() -> dict[str, Choice]:
    """Empty when there is no cache or it cannot be used: it is only a cache."""
    try:
        table = json.loads(_cache_file().read_text("utf-8"))
        return {key: Choice(**value) for key, value in table.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _remember(choices: dict[str, Choice]) -> None:
    path = _cache_file()
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps({k: asdict(v) for k, v in choices.items()}, indent=1))
        partial.replace(path)
    except OSError:
        with contextlib.suppress(OSError):  # the folder itself may be out of reach
            partial.unlink(missing_ok=True)
