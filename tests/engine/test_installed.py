"""Packs come and go while the engine runs: a job keeps what it began with, the next looks anew."""

from __future__ import annotations

import shutil
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from tests.engine.small_engine import assert_holds, denoise, engine_in, expected, tiles_of
from tests.small import photo, random_anchors, write_pack

from dnid.engine.result import Progress
from dnid.errors import PackDamaged, PackNotFound
from dnid.packs.store import Pack, PackStore


def replace_pack(folder: Path) -> None:
    """By one with other weights."""
    shutil.rmtree(folder / "denoise")
    write_pack(folder, random_anchors(9))


def test_a_job_keeps_its_pack(tmp_path: Path) -> None:
    """Removed at the first tile, the picture is still what the pack makes of it."""
    write_pack(tmp_path)
    engine = engine_in(tmp_path)
    image = photo(60, 50, 3, "float32")
    with_pack = expected(engine, image, 0.7)

    def remove(progress: Progress) -> None:
        if progress.state == "running":
            shutil.rmtree(tmp_path / "denoise", ignore_errors=True)

    with tiles_of(1 << 11):
        result = engine.restore(image, denoise(0.7), progress=remove)
    assert_holds(result.pixels, with_pack)
    with pytest.raises(PackNotFound):
        engine.restore(image, denoise(0.7))


def test_a_replaced_pack_is_used_by_the_next_job(tmp_path: Path) -> None:
    """And the old one's weights are let go."""
    write_pack(tmp_path)
    engine = engine_in(tmp_path)
    image = photo(20, 20, 3, "float32")
    old = engine.restore(image, denoise(1.0))
    replace_pack(tmp_path)
    new = engine.restore(image, denoise(1.0))
    assert old.packs != new.packs
    assert not np.array_equal(old.pixels, new.pixels)
    assert len(engine.describe()["networks"]) == 1


def test_a_pack_that_is_replaced_while_it_is_read(tmp_path: Path) -> None:
    """Its manifest was the old one, its anchors are the new one's: it is read once more."""
    write_pack(tmp_path)
    engine = engine_in(tmp_path)
    engine._runners.clear()
    find = PackStore.find
    found: list[Pack] = []

    def find_late(store: PackStore, effect: str, pack: str | None = None, scale: int = 1) -> Pack:
        found.append(find(store, effect, pack, scale))
        if len(found) == 1:
            replace_pack(tmp_path)
        return found[-1]

    with patch.object(PackStore, "find", find_late):
        result = engine.restore(photo(20, 20, 3, "float32"), denoise(1.0))
    assert [pack.sha256 for pack in result.packs] == [found[1].sha256]
    (tmp_path / "denoise" / "low.safetensors").write_bytes(b"")
    engine._runners.clear()
    with pytest.raises(PackDamaged):
        engine.restore(photo(20, 20, 3, "float32"), denoise(1.0))
