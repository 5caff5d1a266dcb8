"""What a hostile pack may cost: twice its file, held by the system itself."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tests.small import small_manifest

from dnid.networks import build

OPTIONS = {"channels": [512], "blocks": [1], "fold": 1}
"""18 MiB of float32 weights in two tensors."""

CHILD = """
import resource, sys
from pathlib import Path
from dnid.errors import PackDamaged
from dnid.packs import archive
from dnid.packs.store import open_pack

def refuse(path, size):
    try:
        if path.is_dir():
            open_pack(path).anchors()
        else:
            archive.unpack(path, path.parent)
    except PackDamaged as error:
        return str(error)
    raise SystemExit(f"{path} was accepted")

refuse(Path(sys.argv[1]), 0)  # a small one imports everything
for name in sys.argv[2:]:
    path = Path(name)
    size = sum(f.stat().st_size for f in path.iterdir()) if path.is_dir() else path.stat().st_size
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + 2 * size + (4 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    print(refuse(path, size))
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


def refusals(*packs: Path) -> list[str]:
    """What a process says that may take twice each pack's bytes, and 4 MiB."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *map(str, packs)],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=250,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def pack(folder: Path, anchor: bytes) -> Path:
    """Of one anchor with this content, whose hash the manifest has."""
    folder.mkdir(parents=True)
    (folder / "low.safetensors").write_bytes(anchor)
    sha256 = hashlib.sha256(anchor).hexdigest()
    manifest = small_manifest({"low": sha256, "high": sha256}, options=OPTIONS, id=folder.name)
    (folder / "manifest.json").write_text(manifest.to_json())
    (folder / "high.safetensors").hardlink_to(folder / "low.safetensors")
    return folder


def with_nan(path: Path) -> bytes:
    """A sound anchor but for the last of its weights."""
    state = {k: v.detach().clone() for k, v in build("unet", OPTIONS).state_dict().items()}
    list(state.values())[-1].view(-1)[-1] = torch.nan
    save_file(state, path)
    return path.read_bytes()


def header_bomb(tensors: int) -> bytes:
    """A header that is all of the file, of tensors without weights."""
    table = {
        f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(tensors)
    }
    header = json.dumps(table, separators=(",", ":")).encode()
    return struct.pack("<Q", len(header)) + header


@pytest.mark.skipif(sys.platform != "linux", reason="the bound is Linux's")
def test_no_refusal_costs_more_than_twice_the_file(tmp_path: Path) -> None:
    """NaN in the last place, a header bomb, a huge shape, and a zip that is all directory."""
    zero = {"dtype": "F32", "shape": [1 << 31, 1 << 30], "data_offsets": [0, 8]}
    huge = json.dumps({"head.weight": zero}).encode()
    entries = struct.pack("<4s", b"PK\x01\x02") + bytes(42)
    (tmp_path / "directory.dnipack").write_bytes(
        entries * 100_000
        + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, 4_600_000, 0, 0)
    )
    packs = [
        pack(tmp_path / "small", b""),
        pack(tmp_path / "nan", with_nan(tmp_path / "nan.safetensors")),
        pack(tmp_path / "bomb", header_bomb(100_000)),
        pack(tmp_path / "shape", struct.pack("<Q", len(huge)) + huge + bytes(8)),
        tmp_path / "directory.dnipack",
    ]
    expected = ("not finite", "a header of", "not a safetensors file", "more than the 128 files")
    said = refusals(*packs)
    assert len(said) == len(expected)
    for sentence, part in zip(said, expected, strict=True):
        assert part in sentence
