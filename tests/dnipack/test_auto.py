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
from torch import Tensor

from dnid.errors import BadInput
from dnid.networks.estimator import build_estimator
from dnid.packs.store import open_pack
from dnipack import auto
from dnipack.auto import (
    LESSONS,
    by_strength,
    by_strength_then_cost,
    check,
    check_costs,
    mean_error,
    train_estimator,
    write_estimator,
)
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
    batches = by_strength(darkening, grey, batch=6, crop=32)
    network = train_estimator(darkening, batches, 30)
    proposals = check(network, darkening, [np.full((48, 40, 3), 235, np.uint8)])
    found = [value for (value,) in proposals.values()]
    assert found == sorted(found)
    assert mean_error(proposals) < 0.1


def test_the_same_seed_gives_the_same_network() -> None:
    """Bit for bit."""
    first, second = (
        train_estimator(
            LESSONS["jpeg"], by_strength(LESSONS["jpeg"], [scene(0)], batch=2, crop=32), 3
        )
        for _ in range(2)
    )
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_it_learns_what_costs_least() -> None:
    """Restoring here is the stronger of the two: what is best is learnt, 0.6 of what was done."""
    darkening = auto.Lesson(lambda strength: lambda clean, _: clean - 0.4 * strength)
    grey = [np.full((32, 32, 3), value, np.uint8) for value in (230, 240, 250)]
    told: list[None] = []

    def lighten(picture: Tensor, strength: float) -> Tensor:
        return picture + 0.4 / 0.6 * strength

    batches = by_strength_then_cost(
        darkening, grey, lighten, 60, 200, batch=6, crop=32, progress=lambda: told.append(None)
    )
    assert len(told) == 60
    network = train_estimator(darkening, batches, 200)
    photo = np.full((32, 32, 3), 235, np.uint8)
    proposals = check(network, darkening, [photo])
    assert proposals[1.0][0] == pytest.approx(0.6, abs=0.1)
    lost = check_costs(network, darkening, [photo], lighten)
    assert 0 <= lost[1.0][0] < 10, "the strength that was done would lose 25 dB"


def test_what_the_proposals_cost() -> None:
    """For each photo and strength what is lost against the best; here 0 is best, and a strength
    of 1 is off by 0.1."""
    harmless = auto.Lesson(lambda _: lambda clean, generator: clean)
    network = build_estimator("grain", {"channels": [4]})
    torch.nn.init.constant_(network.tail.bias, 5.0)  # it always says 1
    photos = [scene(0), scene(1)]
    assert check(network, harmless, photos)[0.5] == [1, 1]
    lost = check_costs(network, harmless, photos, lambda x, strength: x - 0.1 * strength)
    worst = 10 * np.log10((0.01 + 1e-4) / 1e-4)
    assert lost == {s: pytest.approx([worst, worst], abs=1.5) for s in auto.CHECKED}
    lost = check_costs(network, harmless, photos, lambda x, strength: x)
    assert lost == {s: [0, 0] for s in auto.CHECKED}


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
