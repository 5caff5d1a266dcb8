"""The daemon's log: 1 MB, and two older ones beside it."""

from __future__ import annotations

import logging
import logging.handlers
import os
from pathlib import Path

import platformdirs

from dnid.errors import DaemonUnavailable


def log_file() -> Path:
    """DNID_LOG_DIR names another folder than the system's."""
    folder = os.environ.get("DNID_LOG_DIR") or platformdirs.user_log_path("dnid", appauthor=False)
    return Path(folder).absolute() / "dnid.log"


def start_log(to_terminal: bool) -> None:
    """Raises DaemonUnavailable."""
    path = log_file()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handlers: list[logging.Handler] = [
            logging.handlers.RotatingFileHandler(
                path, maxBytes=10**6, backupCount=2, encoding="utf-8"
            )
        ]
    except OSError as error:
        raise DaemonUnavailable(
            f"The log {path} cannot be written ({error.strerror});"
            " name a folder of your own in DNID_LOG_DIR."
        ) from error
    if to_terminal:
        handlers.append(logging.StreamHandler())
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", handlers=handlers
    )
