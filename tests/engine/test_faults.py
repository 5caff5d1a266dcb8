"""A fault at any tile: the same picture from smaller tiles, or an error; never a wrong pixel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from unittest.mock import patch

import numpy as np
import pytest
import torch
from tests.engine import small_networks
from tests.engine.small_engine import denoise, engine_in, enlarge, tiles_of
from tests.small import Pixels, photo, write_enlarger
from torch import Tensor

from dnid.engine.engine import Engine
from dnid.engine.result import Progress
from dnid.engine.runner import PackRunner
from dnid.errors import Cancelled, OutOfMemory
from dnid.recipe import Recipe

IMAGE = photo(40, 40, 3, "uint8")
MASK = np.linspace(0, 255, 1600).reshape(40, 40).astype(np.uint8)
BUDGET = 1200


@pytest.fixture(scope="module")
def tiles(engine: Engine) -> int:
    """Return how many tiles BUDGET gives; the same with the mask."""
    told: list[Progress] = []
    with tiles_of(BUDGET):
        engine.restore(IMAGE, denoise(1.0), progress=told.append)
    assert told[-1].total >= 4
    return told[-1].total


def exhaust_the_allocator() -> None:
    """Fail as torch fails: with a plain RuntimeError."""
    torch.empty(1 << 60)


def exhaust_python() -> None:
    raise MemoryError


def exhaust_the_gpu() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory.")


class Faulty:
    """Stands in for a runner's method; counts its calls and fails as it is told."""

    def __init__(self, name: str, fault: Callable[[int, Tensor], None]) -> None:
        self.name, self.method, self.fault = name, getattr(PackRunner, name), fault
        self.calls = 0

    def installed(self) -> AbstractContextManager[object]:
        return patch.object(PackRunner, self.name, lambda *arguments: self(*arguments))

    def __call__(self, runner: PackRunner, tile: Tensor, *strength: object) -> Tensor:
        self.calls += 1
        self.fault(self.calls, tile)
        return self.method(runner, tile, *strength)  # type: ignore[no-any-return]


def restore(engine: Engine, mask: Pixels | None, faulty: Faulty | None = None) -> Pixels:
    with tiles_of(BUDGET):
        if faulty is None:
            return engine.restore(IMAGE, denoise(1.0), mask).pixels
        with faulty.installed():
            return engine.restore(IMAGE, denoise(1.0), mask).pixels


def at(k: int, fault: Callable[[], None]) -> Callable[[int, Tensor], None]:
    """Fail at the k-th call alone."""
    return lambda call, _: fault() if call == k else None


@pytest.mark.parametrize("fault", [exhaust_the_allocator, exhaust_python, exhaust_the_gpu])
@pytest.mark.parametrize(("method", "mask"), [("run", None), ("run_spatial", MASK)])
def test_out_of_memory_at_any_tile_gives_the_identical_picture(
    engine: Engine, tiles: int, method: str, mask: Pixels | None, fault: Callable[[], None]
) -> None:
    """For every k: memory that runs out at tile k costs time, not a pixel."""
    undisturbed = restore(engine, mask)
    for k in range(1, tiles + 1):
        faulty = Faulty(method, at(k, fault))
        assert np.array_equal(restore(engine, mask, faulty), undisturbed), k
        assert faulty.calls > tiles, k


def test_memory_for_small_tiles_only_is_enough(engine: Engine, tiles: int) -> None:
    """Tiles are halved until they fit, again and again."""

    def only_small(_: int, tile: Tensor) -> None:
        if tile.shape[-1] * tile.shape[-2] > 800:
            exhaust_the_allocator()

    faulty = Faulty("run", only_small)
    assert np.array_equal(restore(engine, None, faulty), restore(engine, None))
    assert faulty.calls > 2 * tiles


def test_no_memory_at_all_is_told(engine: Engine) -> None:
    """When even the smallest tile does not fit, the error says so, and it ends."""
    faulty = Faulty("run", lambda *_: exhaust_the_allocator())
    with pytest.raises(OutOfMemory, match="smallest tile"):
        restore(engine, None, faulty)


@pytest.mark.parametrize(
    "error", [RuntimeError("a fault of the network"), ValueError("x"), KeyError()]
)
def test_any_other_fault_at_any_tile_is_the_callers(
    engine: Engine, tiles: int, error: Exception
) -> None:
    """For every k: an error that is not about memory propagates at once; the input stays."""
    before = IMAGE.copy()

    def fail() -> None:
        raise error

    for k in range(1, tiles + 1):
        faulty = Faulty("run", at(k, fail))
        with pytest.raises(type(error)):
            restore(engine, None, faulty)
        assert faulty.calls == k
        assert np.array_equal(IMAGE, before)


def test_the_engine_works_after_a_fault(engine: Engine) -> None:
    """What failed once leaves nothing behind: the next picture is right."""
    undisturbed = restore(engine, MASK)
    for method, mask in (("run", None), ("run_spatial", MASK)):
        with pytest.raises(OutOfMemory):
            restore(engine, mask, Faulty(method, lambda *_: exhaust_python()))
    assert np.array_equal(restore(engine, MASK), undisturbed)


# Other ways through the engine


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Return an engine with a pack that enlarges and one whose tiles fade into each other."""
    folder = tmp_path_factory.mktemp("others")
    with small_networks.known():
        write_enlarger(folder, 2)
        small_networks.write(folder, "statistical", halo=4, approximate=True)
        yield engine_in(folder)


@pytest.mark.parametrize("fault", [exhaust_the_allocator, exhaust_python, exhaust_the_gpu])
@pytest.mark.parametrize(("method", "mask"), [("run", None), ("run_spatial", MASK)])
def test_out_of_memory_while_enlarging_gives_the_identical_picture(
    others: Engine, method: str, mask: Pixels | None, fault: Callable[[], None]
) -> None:
    """For every k: the larger picture is the same too, alpha included."""
    image = photo(40, 40, 4, "uint8")
    recipe = enlarge(2, 0.8, 0.3)
    with tiles_of(BUDGET):
        with (counted := Faulty(method, lambda *_: None)).installed():
            undisturbed = others.restore(image, recipe, mask).pixels
        assert counted.calls >= 4
        for k in range(1, counted.calls + 1):
            faulty = Faulty(method, at(k, fault))
            with faulty.installed():
                assert np.array_equal(others.restore(image, recipe, mask).pixels, undisturbed), k
            assert faulty.calls > counted.calls, k


@pytest.mark.parametrize("recipe", [enlarge(2, 0.8), denoise(0.8)])
def test_other_faults_are_the_callers_there_too(others: Engine, recipe: Recipe) -> None:
    """For every k: an error that is not about memory propagates at once."""
    with tiles_of(BUDGET):
        with (counted := Faulty("run", lambda *_: None)).installed():
            others.restore(IMAGE, recipe)
        for k in range(1, counted.calls + 1):
            faulty = Faulty("run", at(k, divide_by_zero))
            with faulty.installed(), pytest.raises(ZeroDivisionError):
                others.restore(IMAGE, recipe)
            assert faulty.calls == k


def divide_by_zero() -> None:
    raise ZeroDivisionError


def test_out_of_memory_while_fading_begins_anew(others: Engine) -> None:
    """For every k: the picture is one of smaller tiles throughout, never a mixture of cuts."""
    with tiles_of(BUDGET // 2):
        wanted = others.restore(IMAGE, denoise(0.8))
    with tiles_of(BUDGET):
        with (counted := Faulty("run", lambda *_: None)).installed():
            undisturbed = others.restore(IMAGE, denoise(0.8)).pixels
        assert not np.array_equal(undisturbed, wanted.pixels)
        for k in range(1, counted.calls + 1):
            told: list[Progress] = []
            with Faulty("run", at(k, exhaust_the_allocator)).installed():
                restored = others.restore(IMAGE, denoise(0.8), progress=told.append)
            assert np.array_equal(restored.pixels, wanted.pixels), k
            assert restored.approximate is True
            assert all(progress.done <= progress.total for progress in told)
            assert told[-1].done == told[-1].total


def test_no_memory_for_fading_tiles_is_told(others: Engine) -> None:
    """It ends, with the same sentence."""
    faulty = Faulty("run", lambda *_: exhaust_python())
    with tiles_of(BUDGET), faulty.installed(), pytest.raises(OutOfMemory, match="smallest tile"):
        others.restore(IMAGE, denoise(0.8))


# Cancel and progress


@pytest.mark.parametrize("mask", [None, MASK])
def test_cancel_stops_before_the_next_tile(engine: Engine, tiles: int, mask: Pixels | None) -> None:
    """For every k: cancelled after k tiles, exactly k tiles have run."""
    for k in range(tiles):
        faulty = Faulty("run" if mask is None else "run_spatial", lambda *_: None)
        with tiles_of(BUDGET), faulty.installed(), pytest.raises(Cancelled):
            engine.restore(
                IMAGE,
                denoise(1.0),
                mask,
                cancelled=lambda k=k, faulty=faulty: faulty.calls >= k,  # type: ignore[misc]
            )
        assert faulty.calls == k


def test_progress_counts_every_tile(engine: Engine, tiles: int) -> None:
    """It is told before each tile and at the end, and never goes back."""
    told: list[Progress] = []
    with tiles_of(BUDGET):
        engine.restore(IMAGE, denoise(1.0), progress=told.append)
    running = [Progress("running", done, tiles) for done in range(tiles + 1)]
    assert told == [Progress("loading"), *running]


def test_progress_keeps_its_word_through_a_fault(engine: Engine, tiles: int) -> None:
    """Halved tiles raise the total; what is done never falls, and all is done at the end."""
    told: list[Progress] = []
    with tiles_of(BUDGET), Faulty("run", at(4, exhaust_python)).installed():
        engine.restore(IMAGE, denoise(1.0), progress=told.append)
    done = [progress.done for progress in told]
    assert done == sorted(done)
    assert all(progress.done <= progress.total for progress in told)
    assert told[-1].done == told[-1].total == 3 + 2 * (tiles - 3)
