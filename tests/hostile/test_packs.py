"""Packs come from strangers: each broken one is refused whole, in one sentence."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save
from tests.small import State, random_state, write_pack
from torch import Tensor

from dnid.errors import PackDamaged
from dnid.packs.files import read_file
from dnid.packs.store import open_pack

KEY = "encoder.0.0.conv1.weight"


def rehash(pack: Path, **changes: Any) -> None:  # noqa: ANN401
    """Make the manifest fit the files again: a stranger can count hashes as well."""
    manifest = json.loads((pack / "manifest.json").read_text())
    for anchor in manifest["anchors"]:
        data = (pack / f"{anchor['name']}.safetensors").read_bytes()
        anchor["sha256"] = hashlib.sha256(data).hexdigest()
    (pack / "manifest.json").write_text(json.dumps(manifest | changes))


def refused(pack: Path, said: str) -> None:
    with pytest.raises(PackDamaged, match=said) as caught:
        open_pack(pack).anchors()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


def test_a_changed_anchor_is_refused(tmp_path: Path) -> None:
    """One flipped bit, and the hash no longer fits."""
    pack = write_pack(tmp_path)
    data = bytearray((pack / "mid.safetensors").read_bytes())
    data[-1] ^= 1
    (pack / "mid.safetensors").write_bytes(data)
    refused(pack, r"mid\.safetensors is not the file of its author: the hash does not fit")


def test_a_missing_anchor_is_refused(tmp_path: Path) -> None:
    """The error names the file."""
    pack = write_pack(tmp_path)
    (pack / "mid.safetensors").unlink()
    refused(pack, r"Cannot read .*mid\.safetensors")


def without(state: State) -> None:
    del state[KEY]


def with_more(state: State) -> None:
    state["backdoor"] = torch.zeros(1)


def reshaped(state: State) -> None:
    state[KEY] = state[KEY].reshape(-1)


def transposed(state: State) -> None:
    state["down.0.weight"] = state["down.0.weight"].transpose(0, 1).contiguous()


def with_value(value: float) -> Callable[[State], None]:
    def change(state: State) -> None:
        state[KEY][1, 2, 0, 1] = value

    return change


def stored_as(dtype: torch.dtype) -> Callable[[State], None]:
    def change(state: State) -> None:
        state[KEY] = state[KEY].to(dtype)

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without, f"has no '{KEY}'"),
        (with_more, "an extra 'backdoor'"),
        (reshaped, rf"'{KEY}' has the shape \(144,\) instead of \(4, 4, 3, 3\)"),
        (transposed, r"'down.0.weight' has the shape \(4, 6, 2, 2\) instead of \(6, 4, 2, 2\)"),
        (with_value(float("nan")), "not finite"),
        (with_value(float("inf")), "not finite"),
        (stored_as(torch.int8), f"'{KEY}' is stored as torch.int8"),
        (stored_as(torch.float64), f"'{KEY}' is stored as torch.float64"),
        (stored_as(torch.complex64), f"'{KEY}' is stored as torch.complex64"),
        (stored_as(torch.float8_e4m3fn), f"'{KEY}' is stored as torch.float8_e4m3fn"),
    ],
)
def test_an_anchor_that_does_not_fit_is_refused(
    tmp_path: Path, change: Callable[[State], None], said: str
) -> None:
    """A key, shape, type or value that is not the network's is named with its file."""
    pack = write_pack(tmp_path)
    state: dict[str, Tensor] = random_state(0)
    change(state)
    (pack / "mid.safetensors").write_bytes(save(state))
    rehash(pack)
    refused(pack, rf"mid\.safetensors.*{said}")


def header(table: object, length: int | None = None) -> bytes:
    text = json.dumps(table).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text


SHAPE = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 7,
        b"\x00" * 8,
        b"\xff" * 16,
        header({}, length=1 << 60),
        header({}, length=100),
        header({"w": SHAPE}),
        header({"w": SHAPE | {"data_offsets": [8, 0]}}) + b"\x00" * 8,
        header({"w": SHAPE | {"data_offsets": [0, 1 << 62]}}) + b"\x00" * 8,
        header({"w": SHAPE | {"shape": [1 << 40, 1 << 40]}}) + b"\x00" * 8,
        header({"w": SHAPE | {"shape": [-2]}}) + b"\x00" * 8,
        header({"w": SHAPE | {"dtype": "X99"}}) + b"\x00" * 8,
        header({"w": SHAPE, "v": SHAPE}) + b"\x00" * 8,
        header([]),
        header("w"),
        struct.pack("<Q", 60_000) + b"[" * 60_000,
        b"\x80\x04\x95.pickle",
    ],
    ids=range(17),
)
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, data: bytes) -> None:
    """Truncated, overlapping, endless or another format: never more than an error."""
    pack = write_pack(tmp_path)
    (pack / "low.safetensors").write_bytes(data)
    rehash(pack)
    refused(pack, r"low\.safetensors is not a safetensors file")


@pytest.mark.parametrize("cut", [1, 100, 1000])
def test_a_truncated_anchor_is_refused(tmp_path: Path, cut: int) -> None:
    """Even when the manifest has the hash of the truncated file."""
    pack = write_pack(tmp_path)
    data = (pack / "low.safetensors").read_bytes()
    (pack / "low.safetensors").write_bytes(data[:-cut])
    rehash(pack)
    refused(pack, r"low\.safetensors is not a safetensors file")


def test_an_anchor_beyond_the_bound_is_not_read(tmp_path: Path) -> None:
    """A sparse file of any size costs no memory: the network says how much is needed."""
    pack = write_pack(tmp_path)
    with (pack / "low.safetensors").open("r+b") as file:
        file.truncate(1 << 40)
    refused(pack, r"low\.safetensors has 1099511627776 bytes, and at most 77372 fit there")


@pytest.mark.parametrize(
    "options",
    [
        {"channels": [10**9], "blocks": [1]},
        {"channels": [4, 6], "blocks": [1, 10**9]},
        {"channels": [4] * 1000, "blocks": [1] * 1000},
        {"depth": 3},
        {"self": 1},
        {"a\n\x1b[2J" * 1000: 1},
    ],
)
def test_absurd_options_cost_no_memory(tmp_path: Path, options: dict[str, Any]) -> None:
    """They are refused before a network of that size is made."""
    pack = write_pack(tmp_path)
    rehash(pack, network={"architecture": "unet", "options": options})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(pack, "options of 'unet' do not fit|multiple values")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64 * 1024  # KiB


def test_an_unknown_architecture_is_refused(tmp_path: Path) -> None:
    """Packs of a later version are told apart from damage by their sentence."""
    pack = write_pack(tmp_path)
    rehash(pack, network={"architecture": "os.system", "options": {}})
    refused(pack, "Unknown architecture 'os.system'; this version knows: .*unet")


def test_a_link_out_of_the_pack_is_refused(tmp_path: Path) -> None:
    """Even to a file that fits: what a pack holds lies in its folder."""
    pack = write_pack(tmp_path)
    (pack / "low.safetensors").rename(tmp_path / "elsewhere")
    (pack / "low.safetensors").symlink_to(tmp_path / "elsewhere")
    refused(pack, r"low\.safetensors is a link, and a pack holds plain files")


@pytest.mark.parametrize("name", ["manifest.json", "low.safetensors"])
def test_a_folder_instead_of_a_file_is_refused(tmp_path: Path, name: str) -> None:
    """It is named, with what it is."""
    pack = write_pack(tmp_path)
    (pack / name).unlink()
    (pack / name).mkdir()
    refused(pack, f"{name} is a folder")


@pytest.mark.parametrize("name", ["manifest.json", "low.safetensors"])
def test_a_pipe_instead_of_a_file_is_refused(tmp_path: Path, name: str) -> None:
    """Nobody waits for a writer that never comes."""
    pack = write_pack(tmp_path)
    (pack / name).unlink()
    os.mkfifo(pack / name)
    refused(pack, f"{name} is a named pipe")


def test_a_device_instead_of_a_file_is_refused() -> None:
    """/dev/zero has no end."""
    with pytest.raises(PackDamaged, match="/dev/zero is a device"):
        read_file(Path("/dev/zero"), 100)
