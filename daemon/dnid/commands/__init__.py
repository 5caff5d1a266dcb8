"""The subcommands of `dnid`, by subject: `add_parser` registers them; cli.py lists them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
    """What `add_subparsers` gives; argparse has no public name for it."""
