"""The subcommands of `dni-pack`, one a module: `add_parser` registers it, `run` does it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
    """What `add_subparsers` gives; argparse has no public name for it."""
