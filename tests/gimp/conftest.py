"""The GIMPs that the tests drive, one a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.gimp.desktop import Desktop
from tests.gimp.real_gimp import RealGimp, why_not


@pytest.fixture(scope="session")
def gimp_is_here() -> None:
    """Skip what needs a GIMP where there is none, and say why."""
    if reason := why_not():
        pytest.skip(f"NO REAL GIMP IS TESTED: {reason}")


@pytest.fixture(scope="session")
def the_gimp(gimp_is_here: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealGimp]:
    """Start one headless GIMP for all tests."""
    gimp = RealGimp(tmp_path_factory.mktemp("gimp"))
    yield gimp
    gimp.stop()


@pytest.fixture
def gimp(the_gimp: RealGimp) -> Iterator[RealGimp]:
    """Lend the headless GIMP, with the fake bridge in place, and close its pictures afterwards."""
    the_gimp.use_fake()
    yield the_gimp
    the_gimp.do("for image in Gimp.get_images(): image.delete()")


@pytest.fixture(scope="session")
def output() -> Path:
    """Return a folder for screenshots."""
    folder = Path(__file__).resolve().parents[1] / "output" / "gimp"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def the_desktop(gimp_is_here: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    """Start one GIMP with windows for all tests."""
    desktop = Desktop(tmp_path_factory.mktemp("desktop"))
    yield desktop
    desktop.stop()


@pytest.fixture
def desktop(the_desktop: Desktop) -> Iterator[Desktop]:
    """Lend it as after its first start, with the fake bridge in place; close what it opens."""
    the_desktop.gimp.use_fake()
    the_desktop.gimp.forget_settings()
    yield the_desktop
    the_desktop.close_dialogs()
    close = """
for number in range(1, 100):
    if Gimp.Display.id_is_valid(number):
        Gimp.Display.get_by_id(number).delete()
"""
    the_desktop.gimp.do(close)
