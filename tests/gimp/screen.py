"""A screen in memory for the windows of the tests."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.gimp.real_gimp import PATIENCE, inside


class Screen:
    """A screen in memory, with a window manager, that GIMP's windows are shown on."""

    def __init__(self, folder: Path, size: str = "1280x900") -> None:
        self._folder = folder
        command = ["Xvfb", "-displayfd", "1", "-screen", "0", f"{size}x24", "-nolisten", "tcp"]
        command += ["-r"]  # a busy machine holds a key for long; it must not repeat
        self._server = self._start(command)
        number = self._server.stdout.readline().decode().strip() if self._server.stdout else ""
        self.display = f":{number}"
        self._manager = self._start(["env", f"DISPLAY={self.display}", "openbox"])

    def _start(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            inside(["env", "PATH=/usr/bin:/bin", f"HOME={self._folder}", *command], self._folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        """Take the screen down."""
        for process in (self._manager, self._server):
            process.terminate()
            process.wait(timeout=PATIENCE)
            if process.stdout:
                process.stdout.close()
