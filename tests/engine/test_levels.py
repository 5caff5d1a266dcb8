"""A mask with a network whose layers the engine does not know."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from tests.engine import small_networks
from tests.engine.small_engine import denoise, engine_in, expected, tiles_of
from tests.small import photo

from dnid.engine.engine import Engine

REFERENCE_LEVELS = 65


@pytest.fixture(autouse=True, scope="module")
def networks() -> Iterator[None]:
    with small_networks.known():
        yield


@pytest.fixture(scope="module")
def unknown(tmp_path_factory: pytest.TempPathFactory, networks: None) -> Engine:
    folder = tmp_path_factory.mktemp("unknown")
    small_networks.write(folder, "unknown")
    return engine_in(folder)


def test_it_is_told(unknown: Engine, engine: Engine) -> None:
    """The result says how the mask was followed; without a mask there is nothing to say."""
    image, mask = photo(8, 8, 3, "uint8"), np.full((8, 8), 100, np.uint8)
    assert unknown.restore(image, denoise(1.0), mask).spatial == "levels"
    assert engine.restore(image, denoise(1.0), mask).spatial == "one-pass"
    assert unknown.restore(image, denoise(1.0)).spatial is None


def test_a_ramp_agrees_with_many_levels(unknown: Engine) -> None:
    """Nine levels come close to a blend for every column, far closer than two would."""
    image = photo(6, REFERENCE_LEVELS, 3, "float32")
    ramp = np.tile(np.linspace(0, 1, REFERENCE_LEVELS, dtype=np.float32), (6, 1))
    found = unknown.restore(image, denoise(1.0), ramp).pixels
    blends = [expected(unknown, image, strength) for strength in ramp[0].tolist()]
    columns = [blend[:, i] for i, blend in enumerate(blends)]
    wanted = np.stack(columns, axis=1)
    two = blends[0] + (blends[-1] - blends[0]) * ramp[..., None]
    # The first column has strength 0: it is the input.
    error, error_of_two = (float(np.abs(e - wanted)[:, 1:].max()) for e in (found, two))
    assert error < 6e-3
    assert error < error_of_two / 5


@pytest.mark.parametrize("m", [0.0, 1.0])
def test_a_mask_that_is_off_or_on_is_exact(unknown: Engine, m: float) -> None:
    """The ends of the range are levels themselves."""
    image = photo(8, 8, 3, "float32")
    found = unknown.restore(image, denoise(0.83, 0.17), np.full((8, 8), m, np.float32)).pixels
    wanted = expected(unknown, image, 0.17 + 0.66 * m)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


def test_tiles_do_not_show(unknown: Engine) -> None:
    """Levels are those of the picture, not of a tile, so that any tiling gives the same."""
    image = photo(32, 24, 3, "float32")
    mask = np.linspace(0, 1, 32 * 24, dtype=np.float32).reshape(32, 24)
    mask[:10] = 0.3  # whole tiles of one strength
    whole = unknown.restore(image, denoise(0.9, 0.2), mask).pixels
    with tiles_of(100):
        tiled = unknown.restore(image, denoise(0.9, 0.2), mask).pixels
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5)
