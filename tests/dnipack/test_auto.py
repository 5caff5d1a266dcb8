"""Training the network that proposes a strength."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from tests.dnipack.small_recipe import TOML
from tests.small import write_pack

from dnid.errors import BadInput
from dnid.networks.estimator import build_estimator
from dnid.packs.store import open_pack
from dnipack import auto
from dnipack.auto import LESSONS, check, check_costs, mean_error, train_estimator, write_estimator
from dnipack.cli import main
from dnipack.recipe import load_recipe

RECIPES = Path(__file__).parents[2] / "model_packs" / "recipes"


def scene(seed: int) -> NDArray[np.uint8]:
    """Soft patches of colour with edges between them, 128 × 128."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(30, 220, (6, 6, 3), dtype=np.uint8))
    soft = np.asarray(small.resize((128, 128), Image.Resampling.BICUBIC)).copy()
    soft[: int(rng.integers(20, 70)), : int(rng.integers(20, 70))] //= 2
    return soft


def test_it_learns_the_strength() -> None:
    """Here strength darkens; after some steps the proposals for a new picture follow it."""
    darkening = auto.Lesson(lambda strength: lambda clean, _: clean * (1 - 0.8 * strength))
    grey = [np.full((32, 32, 3), value, np.uint8) for value in (230, 240, 250)]
    network = train_estimator(darkening, grey, 30, batch=6, crop=32)
    proposals = check(network, darkening, [np.full((48, 40, 3), 235, np.uint8)])
    found = [value for (value,) in proposals.values()]
    assert found == sorted(found)
    assert mean_error(proposals) < 0.1


def test_the_same_seed_gives_the_same_network() -> None:
    """Bit for bit."""
    first, second = (
        train_estimator(LESSONS["jpeg"], [scene(0)], 3, batch=2, crop=32) for _ in range(2)
    )
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_clean_pictures_are_among_the_crops(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the lesson's share; the others lean to the faint side by its skew."""
    seen: list[float] = []

    def darken(strength: float) -> auto.Degradation:
        seen.append(strength)
        return lambda clean, _: clean

    lesson = auto.Lesson(darken, clean=0.3, skew=2.0)
    train_estimator(lesson, [scene(0)], 40, batch=10, crop=32)
    degraded = [strength for strength in seen if strength > 0]
    assert len(seen) - len(degraded) == pytest.approx(120, abs=40)
    assert np.median(degraded) == pytest.approx(auto.BEYOND / 4, abs=0.08)
    assert max(degraded) > 1


def test_what_the_proposals_cost() -> None:
    """For each photo and strength what is lost against the best; here nothing is to be done."""
    harmless = auto.Lesson(lambda _: lambda clean, generator: clean)
    network = build_estimator("grain", {"channels": [4]})
    found = check_costs(network, harmless, [scene(0), scene(1)], lambda x, s: x - 0.1 * s)
    assert list(found) == list(auto.CHECKED)
    proposals = check(network, harmless, [scene(0), scene(1)])
    for strength, lost in found.items():
        for one, proposal in zip(lost, proposals[strength], strict=True):
            assert one == pytest.approx(10 * np.log10((0.01 * proposal**2 + 1e-5) / 1e-5), abs=0.1)


def test_lessons_degrade_as_much_as_they_say() -> None:
    """Half of the slider is σ 30, JPEG quality 55."""
    grey = torch.full((1, 3, 64, 64), 0.5)
    generator = torch.Generator().manual_seed(0)
    noisy = LESSONS["noise"].degradation(0.5)(grey, generator)
    assert float(noisy.std()) * 255 == pytest.approx(30, rel=0.03)
    assert LESSONS["jpeg"].degradation(0.5).quality == 55  # type: ignore[attr-defined]
    assert LESSONS["camera"].degradation(0.5).sigma == 12  # type: ignore[attr-defined]


def test_it_becomes_part_of_the_pack(tmp_path: Path) -> None:
    """All else of the manifest stays; the pack's estimator says what the trained one says."""
    folder = write_pack(tmp_path)
    before = json.loads((folder / "manifest.json").read_text())
    torch.manual_seed(1)
    lesson = LESSONS["noise"]
    network = build_estimator("grain", lesson.options).half().float().eval()
    write_estimator(folder, open_pack(folder).manifest, lesson, network)
    after = json.loads((folder / "manifest.json").read_text())
    told = after.pop("auto")
    assert (told["architecture"], told["options"]) == ("grain", {"channels": [16, 32, 48]})
    assert after == before
    found = open_pack(folder).estimator()
    assert found is not None
    x = torch.rand(1, 2, 3, 16, 16)
    with torch.inference_mode():
        assert torch.equal(found(x), network(x))


def test_the_command_writes_it_and_tells_its_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`dni-pack auto` trains on all photos but those kept aside, on which it is checked."""
    (tmp_path / "recipe.toml").write_text(TOML)
    (tmp_path / "photos").mkdir()
    for seed, name in enumerate("abc"):
        Image.fromarray(scene(seed)).save(tmp_path / "photos" / f"{name}.png")
    folder = write_pack(tmp_path)
    options = ["--recipe", tmp_path / "recipe.toml", "--data", tmp_path / "photos", "--steps", 2]
    assert main(["auto", str(folder), *map(str, options)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("1 photos. Strength that is needed")
    assert [float(line.split()[0]) for line in lines[1:7]] == list(auto.CHECKED)
    assert lines[7].startswith("mean absolute error 0.")
    assert lines[8].startswith("dB lost against the best strength")
    assert [float(line.split()[0]) for line in lines[9:]] == list(auto.CHECKED)
    assert open_pack(folder).estimator() is not None


def test_what_has_no_strength_is_refused() -> None:
    """By how much a picture was made smaller no slider asks."""
    assert auto.lesson_for(load_recipe(RECIPES / "dejpeg.toml")) is LESSONS["jpeg"]
    assert auto.lesson_for(load_recipe(RECIPES / "denoise.toml")) is LESSONS["camera"]
    with pytest.raises(BadInput, match="Nobody can tell a strength from 'bicubic'"):
        auto.lesson_for(load_recipe(RECIPES / "sr-x2.toml"))
