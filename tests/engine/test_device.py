"""The number format is chosen by agreement and speed, and remembered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from dnid.engine import device
from dnid.engine.device import choose_format, find_device, has_bfloat16, probe_picture
from dnid.errors import DeviceUnavailable

CPU = torch.device("cpu")
PROBE = probe_picture(16)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give each test a cache of its own, and bfloat16."""
    monkeypatch.setenv("DNID_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(device, "has_bfloat16", lambda: True)
    return tmp_path / "cache"


class _Shift(nn.Module):
    def __init__(self, amount: float) -> None:
        super().__init__()
        self.amount = amount

    def forward(self, x: Tensor) -> Tensor:
        return x + self.amount


class _Networks:
    """The reduced network is off by `amount`; counts how often one was asked for."""

    def __init__(self, amount: float) -> None:
        self.amount, self.asked = amount, 0

    def __call__(self, dtype: torch.dtype) -> nn.Module:
        self.asked += 1
        return _Shift(0.0 if dtype == torch.float32 else self.amount)


@pytest.mark.parametrize("amount", [0.004, float("nan"), float("inf")])
def test_a_format_that_disagrees_is_not_taken(amount: float) -> None:
    """A reduced format 48 dB from float32, or not finite at all, is out however fast it is."""
    assert choose_format(_Networks(amount), CPU, "n", PROBE).format == "float32"


def test_imitated_bfloat16_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a processor without it the probe would take seconds for each network."""
    monkeypatch.setattr(device, "has_bfloat16", lambda: False)
    networks = _Networks(0.0)
    assert choose_format(networks, CPU, "n", PROBE).format == "float32"
    assert networks.asked == 1


@pytest.mark.parametrize(("slower", "has"), [(0.5, True), (3.0, True), (5.0, False), (60.0, False)])
def test_bfloat16_is_imitated_where_it_is_far_slower(
    monkeypatch: pytest.MonkeyPatch, slower: float, has: bool
) -> None:
    """A little slower may be noise, or an older processor; many times slower is not."""
    seconds = {torch.float32: 0.01, torch.bfloat16: 0.01 * slower}
    monkeypatch.setattr(device, "_convolution_seconds", seconds.__getitem__)
    assert has_bfloat16.__wrapped__() is has


def test_a_slow_network_is_timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """After one run to warm up, where a fast one is timed three times."""
    formats: list[torch.dtype] = []

    def counted(dtype: torch.dtype) -> nn.Module:
        layer = nn.Conv2d(3, 3, 1).to(dtype)
        layer.register_forward_hook(lambda *_: formats.append(dtype))
        return layer

    monkeypatch.setattr(device, "has_bfloat16", lambda: False)
    monkeypatch.setattr(device, "ENOUGH_SECONDS", float("inf"))  # however busy the machine is
    choose_format(counted, torch.device("cpu"), "fast", PROBE)
    assert len(formats) == 1 + 3
    monkeypatch.setattr(device, "ENOUGH_SECONDS", 0.0)
    choose_format(counted, torch.device("cpu"), "slow", PROBE)
    assert len(formats) == 1 + 3 + 1 + 1


def test_the_choice_is_remembered() -> None:
    """A network is measured once; another name, another measurement."""
    networks = _Networks(1.0)
    first = choose_format(networks, CPU, "n", PROBE)
    measured = networks.asked
    assert choose_format(networks, CPU, "n", PROBE) == first
    assert networks.asked == measured
    choose_format(networks, CPU, "another", PROBE)
    assert networks.asked > measured


@pytest.mark.parametrize("content", [b"", b"[]", b'{"k": 1}', b"\xff\xfe", b'{"k": {"device": 1}}'])
def test_a_damaged_cache_is_measured_again(cache: Path, content: bytes) -> None:
    """It is only a cache: what cannot be read is replaced."""
    cache.mkdir()
    (cache / "formats.json").write_bytes(content)
    networks = _Networks(1.0)
    choose_format(networks, CPU, "n", PROBE)
    assert networks.asked > 0
    before = networks.asked
    choose_format(networks, CPU, "n", PROBE)
    assert networks.asked == before


def test_no_place_for_a_cache_is_no_fault(cache: Path) -> None:
    """Where nothing can be written the measurement is made and used."""
    cache.write_text("a file where the folder should be")
    assert choose_format(_Networks(1.0), CPU, "n", PROBE).format == "float32"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_find_device() -> None:
    """auto and cpu give the processor here; what is not there is refused."""
    assert find_device("auto") == find_device("cpu") == CPU
    for wanted in ("cuda", "cuda:0", "tpu", ""):
        with pytest.raises(DeviceUnavailable):
            find_device(wanted)
