"""Which packs can be blended: copies yes, strangers no, a shuffled copy once it is aligned."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tests.dnipack.small_recipe import made_up_photo
from tests.small import small_manifest, write_pack
from torch import Tensor

from dnid.errors import BadInput
from dnid.networks import build
from dnid.packs.store import open_pack
from dnipack import align as alignment
from dnipack.align import align
from dnipack.cli import main
from dnipack.gate import PairFigures, Verdict, check, judge
from dnipack.importer import Description, import_pack, read_source
from dnipack.samples import load_samples

State = dict[str, Tensor]
OPTIONS = {"colours": 3, "channels": 6, "depth": 4, "batch_norm": False}
PHOTOS = [made_up_photo(0), made_up_photo(1)]


def smoother(seed: int | None = None) -> State:
    """Takes off what a 3×3 mean leaves: channels 2c and 2c + 1 carry ±colour c through the
    ReLUs. A seed shuffles the channels of each hidden layer; the function stays the same."""
    state = {
        key: torch.zeros_like(value) for key, value in build("dncnn", OPTIONS).state_dict().items()
    }
    signs = torch.kron(torch.eye(3), torch.tensor([[1.0], [-1.0]]))
    state["layers.0.weight"][..., 1, 1] = signs
    for layer in (1, 2):
        state[f"layers.{layer}.weight"][..., 1, 1] = torch.eye(6)
    sharp = torch.full((3, 3), -1 / 9)
    sharp[1, 1] += 1
    state["layers.3.weight"] += signs.T[..., None, None] * sharp
    if seed is not None:
        generator = torch.Generator().manual_seed(seed)
        for layer in range(3):
            order = torch.randperm(6, generator=generator)
            state[f"layers.{layer}.weight"] = state[f"layers.{layer}.weight"][order]
            following = f"layers.{layer + 1}.weight"
            state[following] = state[following][:, order]
    return state


def checked(one: State, other: State, **changes: Any) -> Verdict:  # noqa: ANN401
    manifest = small_manifest(
        {"one": "0" * 64, "other": "0" * 64}, architecture="dncnn", options=OPTIONS, **changes
    )
    anchors = {"one": one, "other": other}
    return check(manifest, build("dncnn", OPTIONS), anchors, PHOTOS)


def test_two_copies_pass() -> None:
    """Correlation 1, no barrier, nothing lost."""
    found = checked(smoother(), smoother())
    assert (found.verdict, found.reason) == ("yes", "The blends lie between their ends.")
    (pair,) = found.pairs
    assert pair.correlation == pytest.approx(1)
    assert pair.barrier == pytest.approx(0, abs=1e-4)
    assert pair.contrast == pytest.approx((1,) * 5, abs=1e-4)
    assert set(pair.psnr) == {"20", "40", "60"}


def test_relatives_pass() -> None:
    """A weaker smoother is a blend of the smoother and of doing nothing."""
    weak = smoother() | {"layers.3.weight": smoother()["layers.3.weight"] * 0.5}
    assert checked(smoother(), weak).verdict == "yes"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_shuffled_copy_is_refused_and_saved_by_alignment(seed: int) -> None:
    """The same function in another order of channels: no blend, until they correspond."""
    found = checked(smoother(), smoother(seed))
    assert found.verdict == "no"
    assert "dB worse than the worse of its ends" in found.reason
    aligned = align(smoother(), smoother(seed))
    for key, value in smoother().items():
        assert torch.equal(aligned[key], value)
    assert checked(smoother(), aligned).verdict == "yes"


def test_alignment_does_not_change_the_network() -> None:
    """With PReLU and biases too: the outputs are those of the network as it came."""
    options = {"num_feat": 5, "num_conv": 2, "upscale": 2}
    states = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        states.append(
            {k: torch.randn_like(v) for k, v in build("srvgg", options).state_dict().items()}
        )
    aligned = align(*states)
    assert any(not torch.equal(aligned[key], states[1][key]) for key in aligned)
    x = torch.rand(1, 3, 6, 5)
    network = build("srvgg", options)
    with torch.inference_mode():
        network.load_state_dict(states[1])
        wanted = network(x)
        network.load_state_dict(aligned)
        torch.testing.assert_close(network(x), wanted, rtol=1e-4, atol=1e-3)


def test_alignment_never_agrees_less() -> None:
    """A copy that is in order already stays as it is, whatever its weights."""
    torch.manual_seed(0)
    state = {k: torch.randn_like(v) for k, v in build("dncnn", OPTIONS).state_dict().items()}
    assert all(torch.equal(value, state[key]) for key, value in align(state, state).items())


def test_without_scipy_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alignment is an extra."""
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(BadInput, match=r"install dnid\[align\]"):
        alignment.align(smoother(), smoother(1))


def pair(**changes: Any) -> PairFigures:  # noqa: ANN401
    fields = {"anchors": ("a", "b"), "layers": (0.9,), "correlation": 0.9} | changes
    return PairFigures(**fields)


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({"psnr": {"20": (30.0, 29.9, 29.8, 29.9, 30.0)}}, "yes", "between their ends"),
        ({"psnr": {"20": (30.0, 29.9, 29.5, 29.9, 30.0)}}, "with care", "0.5 dB worse"),
        ({"psnr": {"20": (30.0, 29.0, 25.0, 29.0, 40.0)}}, "no", "5.0 dB worse"),
        ({"psnr": {"20": (30.0, 29.0, 25.0, 22.0, 20.0)}}, "yes", "between their ends"),
        ({"psnr": {"2": (9.0,) * 5, "4": (9.0, 9.0, 7.0, 9.0, 9.0)}}, "no", "2.0 dB worse"),
        ({"contrast": (1.0, 0.9, 0.8, 0.9, 1.0)}, "with care", "lose 20% of the contrast"),
        ({"contrast": (1.0, 0.9, 0.5, 0.9, 1.0)}, "no", "lose 50% of the contrast"),
        ({"brightness": (0.0, 0.0, 0.04, 0.0, 0.0)}, "with care", "brightness by 10/255"),
        ({"departure": (0.0, 0.4, 0.7, 0.4, 0.0)}, "with care", "0.7 times the ends' distance"),
        ({"departure": (0.0, 0.4, 1.7, 0.4, 0.0)}, "no", "1.7 times"),
        ({"departure": (0.0, float("nan"), 0, 0, 0.0)}, "no", "nan"),
        ({"departure": (0.0, 0, 9, 0, 0.0), "psnr": {"1": (9.0,) * 5}}, "yes", "between"),
        ({"correlation": 0.1}, "with care", r"do not correspond \(correlation 0.10\)"),
    ],
)
def test_the_worst_finding_is_the_verdict(
    changes: dict[str, Any], verdict: str, reason: str
) -> None:
    """Against each threshold from both sides; where the truth is known, distance is no fault."""
    found = judge([pair(), pair(**changes)])
    assert found.verdict == verdict
    assert re.search(reason, found.reason)


def test_without_a_truth_the_blend_is_held_against_its_ends() -> None:
    """dof cannot be made from a sharp photo: agreement and contrast decide."""
    assert checked(smoother(), smoother(), effect="dof").verdict == "yes"
    last = "layers.3.weight"
    loud = [state | {last: state[last] * 30} for state in (smoother(), smoother(1))]
    found = checked(*loud, effect="dof")
    assert found.pairs[0].psnr == {}
    assert found.verdict == "no"


def test_the_command_stores_what_it_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 1 for no, the verdict in the manifest, and the aligned pack where it was wanted."""
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(made_up_photo(0)).save(photos / "a.png")
    folder = write_pack(
        tmp_path, {"one": smoother(), "other": smoother(1)},
        architecture="dncnn", options=OPTIONS, id="mine",
    )  # fmt: skip
    asked = ["check", str(folder), "--data", str(photos)]
    assert main([*asked, "--aligned", str(tmp_path / "aligned")]) == 1
    told = capsys.readouterr().out
    assert "one → other: correlation" in told
    assert "With the filters aligned (Git Re-Basin): yes." in told
    table = json.loads((folder / "manifest.json").read_text("utf-8"))["check"]
    assert table["verdict"] == "no"
    assert list(table["pairs"][0]["psnr"]) == ["20", "40", "60"]
    assert len(table["pairs"][0]["correlation"]) == 4
    assert (open_pack(folder).manifest.check or {})["reason"] == table["reason"]
    saved = open_pack(tmp_path / "aligned")
    assert (saved.manifest.check or {})["verdict"] == "yes"
    assert saved.anchors().names == ("one", "other")
    assert main(["check", str(tmp_path / "aligned"), "--data", str(photos)]) == 0


WEIGHTS = os.environ.get("DNID_TEST_WEIGHTS")


@pytest.mark.skipif(WEIGHTS is None, reason="DNID_TEST_WEIGHTS names no folder of real weights")
@pytest.mark.parametrize(
    ("names", "effect", "verdict"),
    [
        (("realesr-general-wdn-x4v3", "realesr-general-x4v3"), "sr", "yes"),
        (("dncnn_color_sigma15", "dncnn_color_sigma50"), "denoise", "yes"),
        (("dncnn_gray_sigma20", "dncnn_gray_sigma60"), "denoise", "no"),
    ],
)
@pytest.mark.parametrize("wrap", ["params_ema", "state_dict", None])
def test_real_checkpoints(
    tmp_path: Path, names: tuple[str, str], effect: str, verdict: str, wrap: str | None
) -> None:
    """Of Real-ESRGAN and DnCNN, saved as .pth the ways that occur in the wild."""
    sources = []
    for name in names:
        state = load_file(Path(str(WEIGHTS)) / f"{name}.safetensors")
        content = {wrap: state} if wrap else {f"module.{k}": v for k, v in state.items()}
        torch.save(content, tmp_path / f"{name}.pth", _use_new_zipfile_serialization=bool(wrap))
        sources.append(read_source(tmp_path / f"{name}.pth"))
    assert {source.taken_from for source in sources} == {wrap or "module."}
    if wrap is not None and wrap != "params_ema":
        return  # the rest takes a minute, and is the same
    photos = [np.asarray(photo) for photo in list(load_samples().values())[:2]]
    folder = tmp_path / "mine"
    manifest = import_pack(sources, Description("mine", effect, "MIT"), photos[:1], folder)
    pack = open_pack(folder)
    stack = pack.anchors()
    anchors = {name: stack.state(stack.matrix[i]) for i, name in enumerate(stack.names)}
    assert check(manifest, pack.network(), anchors, photos).verdict == verdict
