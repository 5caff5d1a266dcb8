"""`dnid serve`, `status`, `stop` and `bridge`: the daemon's life."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dnid.commands.parts import make_engine

if TYPE_CHECKING:
    from dnid.commands import Commands


def add_parser(commands: Commands) -> None:
    status = commands.add_parser("status", help="tell whether the daemon runs, and how")
    status.add_argument("--json", action="store_true", help="print it as JSON")
    status.set_defaults(run=_status)
    _add_serve(commands)
    stop = commands.add_parser("stop", help="end the daemon")
    stop.set_defaults(run=_stop)
    bridge = commands.add_parser(
        "bridge",
        help="speak with the daemon over stdin and stdout",
        description="The relay that editors' plug-ins start: see daemon/PROTOCOL.md, Bridge.",
    )
    bridge.set_defaults(run=_bridge)


def _add_serve(commands: Commands) -> None:
    serve = commands.add_parser(
        "serve",
        help="be the daemon",
        description="Serve restorations to this user's programs until stopped. The command line "
        "and the plug-ins start it by themselves when they need it.",
    )
    serve.add_argument("--on-demand", action="store_true", help="end after --idle without work")
    serve.add_argument("--idle", type=float, default=900.0, metavar="SECONDS", help="(default 900)")
    serve.set_defaults(run=_serve)


def _serve(options: argparse.Namespace) -> int:
    from dnid.service.server import serve

    return serve(make_engine, options.on_demand, options.idle)


def _stop(_: argparse.Namespace) -> int:
    from dnid.service.client import stop_daemon

    print("Stopped." if stop_daemon() else "The daemon does not run.")
    return 0


def _bridge(_: argparse.Namespace) -> int:
    from dnid.service.bridge import run_bridge

    return run_bridge(sys.stdin.buffer, sys.stdout.buffer)


def _status(options: argparse.Namespace) -> int:
    from dnid.service.client import daemon_status

    status = daemon_status()
    if options.json:
        print(json.dumps(status or {"pid": None}, indent=2))
    elif status is None:
        print("The daemon does not run; it starts when it is needed.")
    else:
        print("\n".join(_as_lines(status)))
    return 0


def _as_lines(status: Mapping[str, Any]) -> list[str]:
    """`status` of PROTOCOL.md for people."""
    devices = ", ".join(status["devices"]) or "none yet (the engine is loading)"
    return [
        f"dnid {status['version']}, process {status['pid']}, up {_duration(status['uptime'])}",
        f"jobs      {status['running']} running, {status['queued']} waiting",
        f"devices   {devices}; {status['threads']} threads",
        *(f"measured  {_network(network)}" for network in status["networks"]),
        f"log       {status['log']}",
    ]


def _network(network: Mapping[str, Any]) -> str:
    """A pack's number format on its device, and what was measured of it."""
    speed = f"{network['megapixels_per_second']:.2g} megapixels/s"
    told = f"{network['pack']} on {network['device']}: {network['format']}, {speed}"
    if network["format"] == "float32":
        return told
    return f"{told}, {network['agreement_db']:.0f} dB from float32"


def _duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h 05 min`"""
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(int(seconds) // 60, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
