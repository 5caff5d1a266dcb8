"""Training survives any stop and gives the same weights; its pack restores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests import threads
from tests.dnipack.small_recipe import made_up_photo, recipe, write_photos

from dnid.engine.engine import Engine
from dnid.errors import BadInput
from dnid.packs.store import PackStore, open_pack
from dnid.recipe import Recipe, Stage
from dnipack import train
from dnipack.build import build_pack
from dnipack.photos import CropSampler, load_pool
from dnipack.recipe import AnchorPlan, TrainingRecipe
from dnipack.stock import needed
from dnipack.train import Moment, State, finished_file, train_anchor

PHOTOS = [made_up_photo(0), made_up_photo(1)]


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tiny batches are done before a second thread has woken up; checkpoint every step."""
    monkeypatch.setattr(train, "CHECKPOINT_SECONDS", -1.0)
    with threads.single():
        yield


def trained(
    small: TrainingRecipe, work: Path, report: Callable[[Moment], None] = lambda _: None
) -> dict[str, State]:
    work.mkdir(exist_ok=True)
    return {
        plan.name: train_anchor(small, plan, PHOTOS, [made_up_photo(2)], work, report)
        for plan in small.anchors
    }


def assert_equal(found: dict[str, State], wanted: dict[str, State]) -> None:
    assert found.keys() == wanted.keys()
    for name, state in wanted.items():
        for key, value in state.items():
            assert torch.equal(found[name][key], value), (name, key)


class _Stopped(Exception):
    pass


def stop_at(anchor: str, step: int) -> Callable[[Moment], None]:
    def report(moment: Moment) -> None:
        if (moment.anchor, moment.step) == (anchor, step):
            raise _Stopped

    return report


@pytest.mark.parametrize(("anchor", "step"), [("n10", 1), ("n10", 3), ("n10", 5), ("n30", 2)])
def test_a_resumed_run_gives_the_very_weights(tmp_path: Path, anchor: str, step: int) -> None:
    """Stopped anywhere and started again, each anchor is bit for bit what it would have been."""
    straight = trained(recipe(), tmp_path / "straight")
    with pytest.raises(_Stopped):
        trained(recipe(), tmp_path / "stopped", stop_at(anchor, step))
    steps: list[int] = []
    resumed = trained(recipe(), tmp_path / "stopped", lambda moment: steps.append(moment.step))
    assert_equal(resumed, straight)
    assert steps[0] == step  # the one that was lost is the only one done twice


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    """A finished anchor is read back bit for bit, without a step; its checkpoint is gone."""
    first = trained(recipe(), tmp_path / "work")
    moments: list[Moment] = []
    assert_equal(trained(recipe(), tmp_path / "work", moments.append), first)
    assert moments == []
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == [
        finished_file(tmp_path, plan, recipe().fingerprint(plan)).name for plan in recipe().anchors
    ]


def test_recipes_share_what_is_the_same(tmp_path: Path) -> None:
    """Another recipe whose first anchor is the same one takes it as it is."""
    trained(recipe(), tmp_path / "work")
    first, second = recipe().anchors
    other = recipe(id="other", anchors=(first, replace(second, steps=3)))
    moments: list[Moment] = []
    trained(other, tmp_path / "work", moments.append)
    assert {moment.anchor for moment in moments} == {"n30"}


@pytest.mark.parametrize(
    "change", [{"loss": "l2"}, {"loss": "psnr"}, {"prepare": {"kind": "zoom", "factor": 2}}]
)
def test_the_plan_is_the_one_that_was_asked_for(tmp_path: Path, change: dict[str, Any]) -> None:
    """Another loss and softer pictures lead to other weights."""
    first, second = recipe().anchors
    other = recipe(anchors=(first, replace(second, **change)))
    plain, changed = trained(recipe(), tmp_path), trained(other, tmp_path)
    assert any(not torch.equal(plain["n30"][key], changed["n30"][key]) for key in plain["n30"])


@pytest.mark.parametrize("finished", [True, False])
def test_a_changed_recipe_starts_anew(tmp_path: Path, finished: bool) -> None:
    """Neither weights nor checkpoints of the recipe as it was are used."""
    if finished:
        trained(recipe(), tmp_path / "work")
    else:
        with pytest.raises(_Stopped):
            trained(recipe(), tmp_path / "work", stop_at("n10", 3))
    first, second = recipe().anchors
    changed = recipe(anchors=(replace(first, learning_rate=0.003), second))
    assert_equal(trained(changed, tmp_path / "work"), trained(changed, tmp_path / "fresh"))


def test_a_child_starts_from_its_parent(tmp_path: Path) -> None:
    """With a vanishing learning rate the child is the parent: its filters correspond."""
    first, second = recipe().anchors
    still = recipe(anchors=(first, replace(second, learning_rate=1e-12)))
    states = trained(still, tmp_path / "work")
    for key, value in states["n10"].items():
        torch.testing.assert_close(states["n30"][key], value, rtol=0, atol=1e-6)


def test_a_deeper_child_starts_as_its_parent_ends(tmp_path: Path) -> None:
    """Its further blocks add nothing yet, and learn from the first step."""
    shallow = dict(recipe().network)
    stone, child = recipe().anchors
    stone = replace(stone, network=shallow)

    def deeper(learning_rate: float) -> TrainingRecipe:
        plans = (stone, replace(child, learning_rate=learning_rate))
        return recipe(network=shallow | {"blocks": [2, 3]}, anchors=plans, path=("n30",))

    start = trained(deeper(1e-12), tmp_path / "work")
    noisy = torch.rand(1, 3, 32, 32)
    outputs = []
    for plan in deeper(1e-12).anchors:
        network = deeper(1e-12).build_network(plan)
        network.load_state_dict(start[plan.name])
        outputs.append(network(noisy))
    torch.testing.assert_close(*outputs, rtol=0, atol=1e-6)
    assert not torch.allclose(outputs[0], noisy, atol=1e-3)  # the parent does something
    further = "encoder.1.2.conv2.weight"
    assert start["n30"][further].abs().max() < 1e-6
    assert trained(deeper(1e-3), tmp_path / "work")["n30"][further].abs().max() > 1e-4


def test_the_pack_of_a_recipe_restores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trained for seconds, written and loaded, it takes noise off a photo it never saw."""
    monkeypatch.setenv("DNID_CACHE_DIR", str(tmp_path / "cache"))
    small = recipe(
        anchors=(AnchorPlan("n30", {"kind": "noise", "sigma": 30}, 250, 0.01),),
        path=("n30",),
        batch=4,
        crop=24,
        network={"architecture": "unet", "channels": [8], "blocks": [1], "fold": 1},
    )
    output = tmp_path / "packs" / "denoise"
    manifest = build_pack(small, trained(small, tmp_path / "work"), [made_up_photo(2)], output)
    pack = open_pack(output)
    assert pack.manifest == manifest
    assert pack.anchors().names == ("n30",)
    clean = made_up_photo(9) / np.float32(255)
    noise = np.random.default_rng(0).normal(0, 30 / 255, clean.shape)
    noisy = (clean + noise).astype(np.float32)
    engine = Engine(PackStore([tmp_path / "packs"]))
    restored = engine.restore(noisy, Recipe((Stage("denoise", 1.0),))).pixels
    assert psnr(noisy, clean) == pytest.approx(18.6, abs=0.2)
    assert psnr(restored, clean) > psnr(noisy, clean) + 3


def psnr(picture: np.ndarray, truth: np.ndarray) -> float:
    return float(-10 * np.log10(np.square(picture - truth).mean()))


def test_the_pool_keeps_the_validation_apart(tmp_path: Path) -> None:
    """What is held back is not trained on, and a name that is not there is refused."""
    folder = write_photos(tmp_path / "photos")
    training, validation = load_pool(folder, ("c.png",))
    assert [photo.tobytes() for photo in training] == [made_up_photo(i).tobytes() for i in (0, 1)]
    assert [photo.tobytes() for photo in validation] == [made_up_photo(2).tobytes()]
    for held_back, said in ((("d.png",), r"d\.png"), (("C.png",), r"C\.png")):
        with pytest.raises(BadInput, match=said):
            load_pool(folder, held_back)
    with pytest.raises(BadInput, match="No photos"):
        load_pool(tmp_path / "nowhere", ())


def test_a_photo_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """One bad file among hundreds is found."""
    folder = write_photos(tmp_path / "photos")
    data = (folder / "b.png").read_bytes()
    (folder / "b.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(BadInput, match=r"Cannot read .*b\.png"):
        load_pool(folder, ())


def test_each_size_is_shown_equally_often() -> None:
    """A stripe of 8 and one of 4 pixels: the photo as it is, and at half its size."""
    photo = np.zeros((64, 128, 3), np.uint8)
    photo[:, np.arange(128) // 8 % 2 == 1] = 255
    crops = CropSampler([photo], 32, (1, 0.5)).batch(400, np.random.default_rng(0))
    white = crops[:, 0] > 0.5
    edges = white[:, 0].diff().sum(1) + white[:, :, 0].diff().sum(1)  # one of the two has them
    assert 160 < int((edges > 5).sum()) < 240
    assert set(edges.unique().tolist()) <= {3, 4, 7, 8}


def test_a_size_at_which_no_photo_holds_a_crop_is_refused() -> None:
    """It would never be shown, whatever the recipe says."""
    with pytest.raises(BadInput, match=r"32×32 pixels at 0\.25 of its size"):
        CropSampler(PHOTOS, 32, (1, 0.25))


def test_of_several_crops_the_one_with_most_detail_is_shown() -> None:
    """Half a photo is grey, half a pattern: one crop in two has both or the pattern alone."""
    photo = np.full((64, 256, 3), 128, np.uint8)
    photo[:, 128::2] = 0

    def flat(choose: int) -> int:
        sampler = CropSampler([photo], 16, choose=choose)
        crops = sampler.batch(200, np.random.default_rng(0))
        return int((crops.std((1, 2, 3)) == 0).sum())

    assert 70 < flat(1) < 130  # one in two
    assert 0 <= flat(4) < 30  # one in sixteen


def test_colours_change_places() -> None:
    """A photo of one colour comes in each order of its three values and as its negative, about
    equally often; without the option as it is."""
    photo = np.full((16, 16, 3), (10, 80, 200), np.uint8)

    def colours(*, recolour: bool) -> Counter[tuple[int, ...]]:
        crops = CropSampler([photo], 8, recolour=recolour).batch(600, np.random.default_rng(0))
        return Counter(tuple(crop[:, 0, 0].mul(255).int().tolist()) for crop in crops)

    assert colours(recolour=False) == {(10, 80, 200): 600}
    orders = [*permutations((10, 80, 200)), *permutations((245, 175, 55))]
    assert sorted(colours(recolour=True)) == sorted(orders)
    assert all(25 < count < 75 for count in colours(recolour=True).values())


def test_a_mean_is_the_blend_of_what_was_trained(tmp_path: Path) -> None:
    """By its shares, without a step; and a pack of it alone needs what it is made of."""
    mean = AnchorPlan("soup", {"kind": "noise", "sigma": 10}, mean={"n10": 0.25, "n30": 0.75})
    small = recipe(anchors=(*recipe().anchors, mean), path=("soup",))
    steps: list[Moment] = []
    states = trained(small, tmp_path / "work", steps.append)
    for key, value in states["soup"].items():
        torch.testing.assert_close(value, states["n10"][key].lerp(states["n30"][key], 0.75))
    assert {moment.anchor for moment in steps} == {"n10", "n30"}
    assert needed(small, tmp_path / "work") == {"soup"}
    assert needed(small, tmp_path / "elsewhere") == {"soup", "n30", "n10"}
    assert small.manifest({"soup": "0" * 64}, 0).anchors[0].parent is None
    first, second = recipe().anchors
    prints = [small.fingerprint(mean)]
    for changed in (
        (replace(first, steps=9), second, mean),
        (first, replace(second, steps=9), mean),
    ):
        prints.append(replace(small, anchors=changed).fingerprint(mean))
    assert len(set(prints)) == 3
    other = replace(second, network=dict(small.network) | {"blocks": [1, 2]})
    with pytest.raises(BadInput, match="soup: a mean is of anchors of its own network"):
        replace(small, anchors=(first, other, mean))


def test_an_identity_anchor_gives_noise_back(tmp_path: Path) -> None:
    """Trained on its own input, a network leaves noise alone that its parent takes away."""
    denoiser = AnchorPlan("n10", {"kind": "noise", "sigma": 30}, 150, 0.01)
    noise = {"kind": "noise", "sigma": [0, 60]}
    identity = AnchorPlan("n30", noise, 150, 0.01, "n10", target="input")
    small = recipe(anchors=(denoiser, identity), crop=32)
    told: dict[str, float] = {}
    trained(small, tmp_path / "work", lambda m: told.update({m.anchor: m.psnr or 0.0}))
    assert told["n30"] > 33.0  # against its input; noise of σ 30 alone would be 18.6 dB away
    assert told["n10"] < 30.0  # against the clean photo
