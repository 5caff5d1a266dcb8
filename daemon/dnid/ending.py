"""How a command ends: its code, and one line for what went wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from dnid.errors import DniError

ERROR = 1
INTERRUPTED = 130


def ended(run: Callable[[], int], program: str, stopped: str = "stopped.") -> int:
    """The exit code of `run`; a DniError becomes a line, as Ctrl-C does with `stopped`."""
    try:
        code = run()
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # `| head` has seen enough; at the end Python would flush once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ERROR
    except DniError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return ERROR
    except KeyboardInterrupt:
        print(f"{program}: {stopped}", file=sys.stderr)
        return INTERRUPTED
