"""Numbers that overflow: computed again in float32, or told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.engine.small_engine import assert_holds, denoise, engine_in, expected
from tests.small import Pixels, photo, random_anchors, write_pack

from dnid.errors import NotFinite


def test_overflow_in_a_reduced_format_reruns_in_float32(tmp_path: Path) -> None:
    """A tile whose float16 result is not finite is computed again in float32, and only so."""
    anchors = random_anchors()
    for state in anchors.values():
        state["head.weight"] *= 1e6  # beyond float16 on the way, and back at the end
        state["tail.weight"] *= 1e-6
    write_pack(tmp_path, anchors)
    engine = engine_in(tmp_path, "float16")
    image = photo(8, 8, 3, "float32")
    wanted = expected(engine, image, 1.0)
    assert np.isfinite(wanted).all()
    assert_holds(engine.restore(image, denoise(1.0)).pixels, wanted)


@pytest.mark.parametrize("mask", [None, np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)])
def test_overflow_in_float32_is_told(tmp_path: Path, mask: Pixels | None) -> None:
    """A network that is not finite even in float32 gives an error, never a wrong pixel."""
    anchors = random_anchors()
    for state in anchors.values():
        state["head.weight"].fill_(1e30)
        state["tail.weight"].fill_(1e30)
    write_pack(tmp_path, anchors)
    with pytest.raises(NotFinite, match="denoise"):
        engine_in(tmp_path).restore(photo(8, 8, 3, "uint8"), denoise(1.0), mask)
