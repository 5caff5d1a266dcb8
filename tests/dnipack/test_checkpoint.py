"""Weights come out of every wrapping that occurs in the wild; nothing else is run."""

from __future__ import annotations

import os
import tarfile
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tests.dnipack.checkpoints import (
    DNCNN,
    Calls,
    legacy_pickle,
    program,
    save,
    small_state,
    zipped_pickle,
)

from dnid.errors import BadInput
from dnipack.checkpoint import load_checkpoint

STATE = small_state("dncnn", DNCNN)
OTHER = small_state("dncnn", DNCNN, seed=1)
PARALLEL = {f"module.{key}": value for key, value in STATE.items()}


@pytest.mark.parametrize(
    ("content", "taken_from"),
    [
        (STATE, ""),
        (OrderedDict(STATE), ""),
        (PARALLEL, "module."),
        ({"params": STATE}, "params"),
        ({"params": OTHER, "params_ema": STATE}, "params_ema"),
        ({"params_ema": PARALLEL, "params": OTHER}, "params_ema/module."),
        ({"epoch": 7, "state_dict": STATE, "optimizer": {"lr": 0.1}}, "state_dict"),
        ({"model": {"state_dict": PARALLEL}}, "model/state_dict/module."),
        ({"best": STATE}, "best"),
        ({"step": 7, **STATE}, ""),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_weights_are_unwrapped(
    tmp_path: Path, content: object, taken_from: str, zipped: bool
) -> None:
    """Zipped or in torch's older form: the same tensors, and the keys that were used are told."""
    found = load_checkpoint(save(content, tmp_path / "a.pth", zipped=zipped))
    assert found.taken_from == taken_from
    assert found.state.keys() == STATE.keys()
    assert all(torch.equal(found.state[key], value) for key, value in STATE.items())


def test_safetensors_are_read(tmp_path: Path) -> None:
    """Whatever precision they were stored in, float32 comes out."""
    save_file(
        {key: value.to(torch.bfloat16) for key, value in STATE.items()}, tmp_path / "a.safetensors"
    )
    found = load_checkpoint(tmp_path / "a.safetensors")
    for key, value in STATE.items():
        assert torch.equal(found.state[key], value.to(torch.bfloat16).float())


MARKER = "DNID_A_PICKLE_RAN"


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("wrap", [zipped_pickle, legacy_pickle])
@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, (f"echo > {MARKER}",), f"{os.system.__module__}.system"),
        (eval, (f"open({MARKER!r}, 'w')",), "builtins.eval"),
        (torch.hub.load, ("a", "b"), "torch.hub.load"),
    ],
)
def test_a_hostile_pickle_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrap: Any, protocol: int,  # noqa: ANN401
    function: Any, arguments: tuple[str, ...], name: str,  # noqa: ANN401
) -> None:  # fmt: skip
    """What it would call is told, and nothing is called."""
    monkeypatch.chdir(tmp_path)
    told = name if protocol > 2 else name.replace("builtins.eval", "__builtin__.eval")
    path = wrap(program({"params": Calls(function, *arguments)}, protocol), tmp_path / "a.pth")
    with pytest.raises(BadInput) as refusal:
        load_checkpoint(path)
    assert f"a.pth was not opened: it would call {told}," in str(refusal.value)
    assert not Path(MARKER).exists()


def test_a_pickle_that_hides_the_name_is_refused_by_torch(tmp_path: Path) -> None:
    """Its stack is shuffled so that the list shows OrderedDict; torch's own reader sees more."""
    strings = [
        (b"\x8c" + bytes([len(s)]) + s)
        for s in (b"posix", b"system", b"collections", b"OrderedDict")
    ]
    hidden = b"\x80\x04" + b"".join(strings) + b"00" + b"\x93."  # two POPs, then STACK_GLOBAL
    with pytest.raises(BadInput, match=r"a\.pth was not opened"):
        load_checkpoint(zipped_pickle(hidden, tmp_path / "a.pth"))


def garbage(path: Path) -> Path:
    path.write_bytes(b"\x00\x01 not a pickle")
    return path


def torchscript(path: Path) -> Path:
    return zipped_pickle(program({}, 2), path, "archive/code/__torch__.py")


def compressed(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", program(STATE.keys().__len__(), 2))
    return path


def tar(path: Path) -> Path:
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("storages"))
    return path


def cut_off(path: Path) -> Path:
    save(STATE, path)
    path.write_bytes(path.read_bytes()[:-100])
    return path


def cut_off_legacy(path: Path) -> Path:
    save(STATE, path, zipped=False)
    path.write_bytes(path.read_bytes()[:-100])
    return path


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (garbage, "is no torch checkpoint"),
        (torchscript, "is TorchScript, a program"),
        (compressed, "compressed archive"),
        (tar, "oldest"),
        (cut_off, "is no torch checkpoint|damaged"),
        (cut_off_legacy, "damaged"),
        (lambda path: save({"a": 1, "b": [2]}, path), "holds no weights; its keys are: a, b"),
        (lambda path: save([1, 2], path), "holds no weights"),
        (lambda path: save({"a": torch.tensor([float("nan")])}, path), "'a' .* not finite"),
        (
            lambda path: save({"a": torch.eye(2).to_sparse()}, path),
            "_rebuild_sparse_tensor",
        ),
        (
            lambda path: save({"a": torch.zeros(1, dtype=torch.complex64)}, path),
            "ComplexFloatStorage",
        ),
        (lambda path: path, "Cannot read .*No such file"),
    ],
)
def test_what_holds_no_weights_is_refused(tmp_path: Path, write: Any, said: str) -> None:  # noqa: ANN401
    """In one sentence that names the file."""
    path = tmp_path / "a.pth"
    write(path)
    with pytest.raises(BadInput, match=said) as refusal:
        load_checkpoint(path)
    assert "a.pth" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    """By its name's end; and a safetensors file that is none."""
    (tmp_path / "a.onnx").write_bytes(b"x")
    with pytest.raises(BadInput, match=r"neither \.pth, \.pt nor \.safetensors"):
        load_checkpoint(tmp_path / "a.onnx")
    (tmp_path / "a.safetensors").write_bytes(b"x" * 20)
    with pytest.raises(BadInput, match="is not a safetensors file"):
        load_checkpoint(tmp_path / "a.safetensors")
