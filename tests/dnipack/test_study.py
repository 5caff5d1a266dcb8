"""Contenders are scored alike; a valley between two anchors is found."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.dnipack.brightening import write_brightening

from dnid.engine.runner import PackRunner
from dnid.packs.store import open_pack
from dnipack.measure import Case, metrics_for, restore
from dnipack.study import Blends, Level, Mixing, Scores, score, slider_positions, valleys

POSITIONS = (0.0, 0.25, 0.5, 1.0)
METRICS = metrics_for(1)


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackRunner:
    """Lend a pack that brightens by its strength."""
    monkeypatch.setenv("DNID_CACHE_DIR", str(tmp_path))
    return PackRunner(open_pack(write_brightening(tmp_path)), torch.device("cpu"))


def test_blends_and_mixes_share_their_ends(runner: PackRunner) -> None:
    """At 0 and 1 they are the pack's own; between, a mix is the straight line."""
    picture = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    blends = list(Blends(runner, POSITIONS).results(picture))
    mixes = list(Mixing(runner, POSITIONS).results(picture))
    assert torch.equal(blends[0], picture)
    assert torch.equal(blends[1], restore(runner, picture, 0.25))
    assert torch.equal(mixes[0], blends[0])
    assert torch.equal(mixes[3], blends[3])
    assert torch.allclose(mixes[1], 0.75 * blends[0] + 0.25 * blends[3])


def test_every_contender_has_its_own_figures(runner: PackRunner) -> None:
    """The mean over the pictures, by metric and position; the best is the highest PSNR."""
    truth = torch.full((1, 3, 24, 24), 0.9)
    cases = [Case("a", truth - 0.1, truth), Case("b", truth - 0.2, truth)]
    seen: list[None] = []
    contenders = (Blends(runner, POSITIONS), Mixing(runner, (0.0, 1.0)))
    level = score(contenders, cases, METRICS, 7, lambda: seen.append(None))
    assert (level.level, len(seen)) == (7, 2)
    assert level.untouched["psnr"] == pytest.approx((20 + 13.9794) / 2, abs=0.01)
    blends, mixes = level.scores
    assert [blends.name, mixes.name] == ["denoise", "mixing"]
    assert mixes.psnr == pytest.approx((blends.psnr[0], blends.psnr[3]))
    assert blends.psnr[0] == level.untouched["psnr"]
    assert blends.best == max(range(4), key=blends.psnr.__getitem__)
    assert blends.curves.keys() == {"psnr", "ssim"}


@pytest.mark.parametrize("path", [2, 3, 4, 9])
def test_every_anchor_is_among_the_positions(path: int) -> None:
    """On a bent curve too: at equal steps of the list stand whole places of the path."""
    curve = ((0.0, 0.0), (0.3, 0.1), (1.0, path - 1.0))
    positions = slider_positions(path, curve)
    step = (len(positions) - 1) // (path - 1)
    assert positions[0] == 0
    assert positions[-1] == 1
    for place, strength in enumerate(positions[::step]):
        slope = (path - 1.1) / 0.7
        expected = 0 if place == 0 else 0.3 + (place - 0.1) / slope
        assert strength == pytest.approx(expected)


def test_one_anchor_has_two_positions() -> None:
    """The picture itself and the anchor."""
    assert slider_positions(1, ((0.0, 0.0), (1.0, 0.0))) == (0.0, 1.0)


def level_of(*psnr: float) -> Level:
    positions = tuple(i / (len(psnr) - 1) for i in range(len(psnr)))
    return Level(20, {"psnr": 10.0}, (Scores("pack", positions, {"psnr": psnr}),))


def test_a_valley_is_below_both_anchors() -> None:
    """Between anchors 1 and 2 of three, 2 dB below the worse; what falls steadily is none."""
    found = valleys(level_of(20, 22, 24, 19, 21), 3)
    assert [(v.position, v.depth) for v in found] == [(0.75, 2)]
    assert valleys(level_of(20, 22, 24, 23, 21), 3) == []
    assert valleys(level_of(24, 23, 22, 21, 20), 2) == []
    assert valleys(level_of(24, 23.96, 24.0), 2) == []  # rounding
