"""The real bridge, which starts the fake daemon."""

import sys
from pathlib import Path

from dnid.service.bridge import run_bridge

if __name__ == "__main__":
    daemon = str(Path(__file__).with_name("fake_daemon.py"))
    command = [sys.executable, daemon, "--on-demand", *sys.argv[1:]]
    sys.exit(run_bridge(sys.stdin.buffer, sys.stdout.buffer, command))
