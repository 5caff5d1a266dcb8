"""One small pack for the engine's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import threads
from tests.engine.small_engine import engine_in
from tests.small import write_pack

from dnid.engine.engine import Engine


@pytest.fixture(scope="session")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one small pack, `denoise`; not to be changed."""
    folder = tmp_path_factory.mktemp("packs")
    write_pack(folder)
    return folder


@pytest.fixture(scope="session")
def engine(packs: Path) -> Engine:
    """Return an engine in float32 with that pack."""
    return engine_in(packs)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny tiles are done before a second thread has woken up."""
    with threads.single():
        yield
