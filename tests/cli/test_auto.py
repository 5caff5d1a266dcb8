"""How `auto` decides, and what a JPEG file tells of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.small import photo

from dnid.commands.auto import RESAVED, decide
from dnid.commands.effects import Wish
from dnid.engine.result import Proposed
from dnid.errors import BadRecipe
from dnid.jpeg import quality_of
from dnid.recipe import Recipe, Stage

PIXELS = photo(16, 16, 3, "uint8")


class Proposer:
    """Proposes what it was told to, and remembers for which effects it was asked."""

    def __init__(self, **strengths: float) -> None:
        self.strengths = strengths
        self.asked: list[str] = []

    def propose(self, image: NDArray[Any], recipe: Recipe) -> Proposed:
        assert image is PIXELS
        effects = [stage.effect for stage in recipe.stages]
        self.asked += effects
        if not set(effects) <= set(self.strengths):
            raise BadRecipe("No idea.")
        return Proposed({effect: self.strengths[effect] for effect in effects}, 0.0, ())


def save(path: Path, **options: Any) -> Path:  # noqa: ANN401
    Image.fromarray(PIXELS).save(path, **options)
    return path


@pytest.mark.parametrize("quality", [*range(1, 101, 7), 50, 100])
def test_the_tables_tell_the_quality(tmp_path: Path, quality: int) -> None:
    """Of colour and gray, progressive or not."""
    for options in ({}, {"progressive": True, "subsampling": 0}):
        assert quality_of(save(tmp_path / "a.jpg", quality=quality, **options)) == quality
    Image.fromarray(PIXELS[..., 0]).save(tmp_path / "b.jpg", quality=quality)
    assert quality_of(tmp_path / "b.jpg") == quality


def test_steps_of_a_cameras_own_are_near_some_quality(tmp_path: Path) -> None:
    """Every step of quality 60 a little finer or coarser is still about quality 60."""
    with Image.open(save(tmp_path / "a.jpg", quality=60)) as image:
        luma = image.quantization[0]
    own = [step + (1 if i % 2 else -1) for i, step in enumerate(luma)]
    found = quality_of(save(tmp_path / "b.jpg", qtables=[own, own]))
    assert found is not None
    assert abs(found - 60) <= 2


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8\xff", b"\xff\xd8\xff\xdb\x00\x43\x00" + b"\x01" * 9]
)
def test_other_files_have_no_quality(tmp_path: Path, data: bytes) -> None:
    """PNG, nothing, and a JPEG that is cut off."""
    (tmp_path / "cut.jpg").write_bytes(data)
    assert quality_of(tmp_path / "cut.jpg") is None
    assert quality_of(save(tmp_path / "a.png")) is None
    assert quality_of(tmp_path / "missing.jpg") is None


def test_what_is_not_auto_stays(tmp_path: Path) -> None:
    """Nobody is asked, and the stages are the user's."""
    stages = (Stage("dejpeg", 0.3, 0.1), Stage("sr", 1.0, scale=2))
    proposer = Proposer()
    wishes = [Wish(stage, auto=False) for stage in stages]
    assert decide(wishes, tmp_path / "a.png", PIXELS, proposer) == (Recipe(stages), {})
    assert proposer.asked == []


def test_the_pack_is_asked_for_what_the_file_does_not_tell(tmp_path: Path) -> None:
    """Of a PNG both effects, in one question; outside and pack stay the user's."""
    wishes = [
        Wish(Stage("dejpeg", 0.0), auto=True),
        Wish(Stage("denoise", 0.0, 0.1, "mine"), auto=True),
    ]
    proposer = Proposer(dejpeg=0.25, denoise=0.5)
    recipe, told = decide(wishes, save(tmp_path / "a.png"), PIXELS, proposer)
    assert recipe.stages == (Stage("dejpeg", 0.25), Stage("denoise", 0.5, 0.1, "mine"))
    assert told == {"dejpeg": "dejpeg 0.25", "denoise": "denoise 0.50"}
    assert proposer.asked == ["dejpeg", "denoise"]


@pytest.mark.parametrize(
    ("seen", "strength", "why"),
    [
        ({}, 0.2, "quality 82"),
        ({"dejpeg": 0.0}, 0.2, "quality 82"),
        ({"dejpeg": 0.2 + RESAVED - 0.01}, 0.2, "quality 82"),
        ({"dejpeg": 0.7}, 0.7, "saved again at quality 82"),
    ],
)
def test_the_files_quality_counts_unless_the_picture_is_much_worse(
    tmp_path: Path, seen: dict[str, float], strength: float, why: str
) -> None:
    """A bad JPEG that was saved again at a good quality says a good quality."""
    path = save(tmp_path / "a.jpg", quality=82)
    wishes = [Wish(Stage("dejpeg", 0.0), auto=True)]
    recipe, told = decide(wishes, path, PIXELS, Proposer(**seen))
    assert recipe.stages[0].strength == pytest.approx(strength)
    assert told == {"dejpeg": f"dejpeg {strength:.2f} ({why})"}


def test_the_worst_qualities_are_the_sliders_end(tmp_path: Path) -> None:
    """Strength 1 is quality 10 and all below."""
    wishes = [Wish(Stage("dejpeg", 0.0), auto=True)]
    for quality, strength in ((100, 0.0), (10, 1.0), (3, 1.0)):
        path = save(tmp_path / "a.jpg", quality=quality)
        recipe, _ = decide(wishes, path, np.asarray(PIXELS), Proposer())
        assert recipe.stages[0].strength == strength
