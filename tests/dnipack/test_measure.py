"""Measuring and calibrating, on a pack whose effect is known by heart."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.dnipack.brightening import write_brightening
from tests.dnipack.small_recipe import made_up_photo, write_photos
from tests.small import enlarger_options, random_state, write_enlarger

from dnid.engine.runner import PackRunner
from dnid.errors import BadInput
from dnid.packs.store import open_pack
from dnipack.calibrate import best_place, calibrate, to_curve
from dnipack.cli import main
from dnipack.degrade.bicubic import resize
from dnipack.levels import KINDS, Kind, kind_for
from dnipack.measure import Case, measure, metrics_for, restore

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a folder that keeps the choice of the number format for all tests here."""
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def _own_cache(cache: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DNID_CACHE_DIR", cache)


def runner(folder: Path) -> PackRunner:
    return PackRunner(open_pack(write_brightening(folder)), CPU)


def darkened(level: float) -> Case:
    """A picture that the pack restores by `level` more brightness."""
    truth = torch.full((1, 3, 24, 24), 0.9)
    return Case("dark", truth - level, truth)


def test_every_position_is_measured(tmp_path: Path) -> None:
    """Darkened by 0.1, the pack's middle is exact; 0 leaves it, 1 is 0.3 too bright."""
    result = measure(
        runner(tmp_path), [darkened(0.1)], metrics_for(1), 0.1, lambda _: 0.25, (0.0, 0.5, 1.0)
    )
    assert result.untouched["psnr"] == pytest.approx(20.0, abs=0.01)
    left, exact, bright = result.curves["psnr"]
    assert left == result.untouched["psnr"]
    assert exact > 50
    assert bright == pytest.approx(10.46, abs=0.05)
    assert result.best == (0.5, exact)
    assert result.at_own["psnr"] == pytest.approx(26.02, abs=0.05)
    assert result.own["dark"] == (0.25, result.at_own["psnr"])
    assert result.worst_gain() == ("dark", pytest.approx(6.02, abs=0.05))
    assert result.worst_gain(1.0) == ("dark", pytest.approx(bright - left))


def test_figures_are_means_over_the_pictures(tmp_path: Path) -> None:
    """PSNR and SSIM of two pictures; the worse one is told."""
    cases = [darkened(0.1), replace(darkened(0.2), name="darker")]
    result = measure(runner(tmp_path), cases, metrics_for(1), positions=(0.5,))
    rows = result.pictures
    assert result.curves["psnr"][0] == pytest.approx((rows["dark"][1] + rows["darker"][1]) / 2)
    assert result.worst_gain(0.5)[0] == "darker"
    assert 0.9 < result.curves["ssim"][0] <= 1


def test_enlargers_run_at_strength_0_too(tmp_path: Path) -> None:
    """Scored on luma in the large size; untouched is the bicubic enlargement."""
    zeros = {key: 0 * value for key, value in random_state(0, enlarger_options(2), "srvgg").items()}
    bright = zeros | {"body.2.bias": zeros["body.2.bias"] + 0.1}
    pack = write_enlarger(tmp_path, 2, anchors={"a": zeros, "b": bright})
    truth = torch.rand(1, 3, 20, 24, generator=torch.Generator().manual_seed(0)) / 2
    small = resize(truth, 10, 12)
    result = measure(
        PackRunner(open_pack(pack), CPU), [Case("x", small, truth)], metrics_for(2),
        positions=(0.0, 1.0),
    )  # fmt: skip
    nearest = small.repeat_interleave(2, -1).repeat_interleave(2, -2)
    plain = metrics_for(2)["psnr"]
    assert result.curves["psnr"][0] == pytest.approx(plain(nearest, truth), abs=0.02)
    assert result.curves["psnr"][1] == pytest.approx(plain(nearest + 0.1, truth), abs=0.02)
    enlarged = resize(small, 20, 24)
    assert result.untouched["psnr"] == pytest.approx(plain(enlarged, truth), abs=1e-6)
    assert result.untouched["gradients"] < 1


def test_sides_that_do_not_fit_are_padded(tmp_path: Path) -> None:
    """An odd picture comes back in its own size."""
    odd = torch.rand(1, 3, 11, 7, generator=torch.Generator().manual_seed(0))
    restored = restore(runner(tmp_path), odd, 1.0)
    torch.testing.assert_close(restored, odd + 0.4, rtol=0, atol=5e-3)


# --- calibration


def dark_kind(*levels: float) -> Kind:
    return Kind("darkness", lambda level: lambda clean, _: clean - level, lambda d: d / 0.4,
                levels, levels)  # fmt: skip


def test_the_curve_is_where_each_level_is_restored_best(tmp_path: Path) -> None:
    """+0.05, +0.1, +0.25 lie at 0.5, 1 and 1.5 on the path 0 → 0.1 → 0.4."""
    curve = calibrate(runner(tmp_path), [made_up_photo(0)], dark_kind(0.05, 0.1, 0.25))
    wanted = ((0, 0), (0.125, 0.5), (0.25, 1.0), (0.625, 1.5), (1, 2))
    assert np.allclose(curve, wanted, atol=0.03)


def test_the_best_place_is_found_between_the_steps() -> None:
    """Of a parabola exactly; at the ends of the path the end itself."""
    assert best_place(lambda p: -((p - 1.337) ** 2), 3) == pytest.approx(1.337)
    assert best_place(lambda p: -p, 3) == 0
    assert best_place(lambda p: p, 3) == 3


def test_a_curve_never_falls() -> None:
    """A place that was measured lower than the one before is levelled; 0 and 1 are the ends."""
    curve = to_curve([(0.5, 1.2), (0.25, 1.3), (1.0, 1.7), (0.0, 0.4)], 3)
    assert curve == ((0.0, 0.0), (0.25, 1.3), (0.5, 1.3), (1.0, 3.0))


def test_calibrate_writes_the_curve_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest keeps its hashes and all else; the pack opens with the new curve."""
    pack = write_brightening(tmp_path / "packs")
    before = open_pack(pack).manifest
    monkeypatch.setattr("dnipack.levels.KINDS", dict(KINDS) | {"noise": dark_kind(0.1)})
    photos = write_photos(tmp_path / "photos")
    assert main(["calibrate", str(pack), "--data", str(photos), "--side", "32"]) == 0
    after = open_pack(pack).manifest
    assert np.allclose(after.curve, ((0, 0), (0.25, 1.0), (1, 2)), atol=0.03)
    assert replace(after, curve=before.curve) == before
    assert not list(pack.glob("*.partial"))


def test_a_pack_without_levels_is_not_calibrated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sharpness of an enlarger has no level to be linear in."""
    pack = write_enlarger(tmp_path, 2)
    photos = write_photos(tmp_path / "photos")
    assert main(["calibrate", str(pack), "--data", str(photos)]) == 1
    assert "nothing to calibrate" in capsys.readouterr().err


# --- the command


def test_levels_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table and a JSON with every figure, the nominal strength among them."""
    pack = write_brightening(tmp_path / "packs")
    photos, figures = write_photos(tmp_path / "photos"), tmp_path / "figures.json"
    command = ["measure", str(pack), "--data", str(photos), "--levels", "20,60"]
    assert main([*command, "--json", str(figures)]) == 0
    low, high = json.loads(figures.read_text())
    assert (low["level"], high["level"]) == (20, 60)
    assert low["own"]["photos/a.png"][0] == pytest.approx(1 / 3)
    assert high["own"]["photos/a.png"][0] == 1
    assert low["untouched"]["psnr"] == pytest.approx(22.1, abs=0.1)
    assert len(low["curves"]["psnr"]) == 21
    assert sorted(low["pictures"]) == ["photos/a.png", "photos/b.png", "photos/c.png"]
    said = capsys.readouterr().out
    assert re.search(r"on 3 photos, σ of white Gaussian noise, 0–255 scale, in b?float\d\d\n", said)
    assert "own 0.33" in said


def test_what_cannot_be_measured_is_said_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the photos are looked for: a place beyond the slider, a folder that is not there."""
    command = ["measure", "denoise", "--data", str(tmp_path / "none")]
    with pytest.raises(SystemExit):
        main([*command, "--positions", "0,2"])
    assert "strengths are numbers from 0 to 1, not 0,2" in capsys.readouterr().err
    assert main([*command, "--json", str(tmp_path / "none" / "figures.json")]) == 1
    assert f"There is no folder {tmp_path / 'none'} to write into." in capsys.readouterr().err


def test_jpeg_levels(tmp_path: Path) -> None:
    """`--kind jpeg` degrades by quality, whatever the effect; the nominal one is (100 − Q)/90."""
    pack = write_brightening(tmp_path / "packs")
    photos, figures = write_photos(tmp_path / "photos"), tmp_path / "figures.json"
    command = ["measure", str(pack), "--data", str(photos), "--kind", "jpeg", "--levels", "10,55"]
    assert main([*command, "--json", str(figures)]) == 0
    worse, better = json.loads(figures.read_text())
    assert worse["untouched"]["psnr"] < better["untouched"]["psnr"] - 2
    assert [result["own"]["photos/a.png"][0] for result in (worse, better)] == [1.0, 0.5]


def test_pairs_by_their_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Real and true pictures are matched by what the stars stand for."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    dark = torch.full((16, 16, 3), 100, dtype=torch.uint8).numpy()
    for name in ("cup_1", "cup_2"):
        Image.fromarray(dark).save(folder / f"{name}_real.PNG")
        Image.fromarray(dark + 51).save(folder / f"{name}_mean.png")
    pack, figures = write_brightening(tmp_path / "packs"), tmp_path / "figures.json"
    command = ["measure", str(pack), "--data", str(folder), "--json", str(figures), "--pairs"]
    assert main([*command, "*_real.*", "*_mean.*"]) == 0
    (result,) = json.loads(figures.read_text())
    assert result["level"] is None
    assert list(result["pictures"]) == ["cup_1_real.PNG", "cup_2_real.PNG"]
    assert result["untouched"]["psnr"] == pytest.approx(13.98, abs=0.01)
    assert max(result["curves"]["psnr"]) > 30
    (folder / "cup_2_mean.png").unlink()
    assert main([*command, "*_real.*", "*_mean.*"]) == 1
    assert "cup_2_real.PNG has no picture beside it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--kind", "bicubic"], "not measured on bicubic"),
        (["--levels", "300"], "sigma of noise must be a number"),
        (["--pairs", "a.png", "*.png"], "needs a *"),
        (["--pairs", "*.gif", "*.png"], "No pictures *.gif"),
        (["--features", "none.safetensors"], "are no feature network"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """In one sentence."""
    pack, photos = write_brightening(tmp_path / "packs"), write_photos(tmp_path / "photos")
    assert main(["measure", str(pack), "--data", str(photos), *arguments]) == 1
    assert said in capsys.readouterr().err


def test_kinds_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    """A lens is for depth of field, and nothing else is."""
    manifest = open_pack(write_brightening(tmp_path)).manifest
    assert kind_for(replace(manifest, effect="dof")).renders
    for effect, kind in (("dof", "noise"), ("denoise", "lens"), ("sr", "lens")):
        with pytest.raises(BadInput, match=f"A pack for {effect} is not measured on {kind}"):
            kind_for(replace(manifest, effect=effect), kind)
