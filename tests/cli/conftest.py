"""The command line as a user has it: a process, with folders and a small pack of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.small import brightness_estimator, write_dof, write_enlarger, write_pack

SCRIPT = Path(sys.executable).with_name("dnid")


@dataclass(frozen=True)
class CommandLine:
    """`dnid` of a user whose every folder lies below `home`."""

    home: Path
    folder: Path | None = None
    """Where it is called; in `home` unless told."""

    def inside(self, folder: Path) -> CommandLine:
        return replace(self, folder=folder)

    @property
    def environment(self) -> dict[str, str]:
        own = {
            "HOME": self.home,
            "XDG_DATA_HOME": self.home / "data",
            "DNID_RUNTIME_DIR": self.home / "run",
            "DNID_LOG_DIR": self.home / "log",
            "DNID_CACHE_DIR": self.home / "cache",
            "OMP_NUM_THREADS": "1",
        }
        return os.environ | {name: str(value) for name, value in own.items()}

    def __call__(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(SCRIPT), *map(str, arguments)],
            env=self.environment,
            cwd=self.folder or self.home,
            capture_output=True,
            text=True,
            timeout=120,
        )


@pytest.fixture(scope="session")
def dnid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """Return the command line of a user who has small packs; ends the daemon."""
    home = tmp_path_factory.mktemp("home")
    packs = home / "data" / "dnid" / "packs"
    write_pack(packs, estimator=brightness_estimator())
    write_pack(packs, id="dejpeg", effect="dejpeg")
    write_enlarger(packs, 2)
    write_dof(packs)
    command_line = CommandLine(home)
    yield command_line
    command_line("stop")
