"""Python loads this by itself in the plug-in's process: tests look at its windows from inside.

Requests are those of agent.py, over a socket of their own. The code runs in the main loop between
two events and finds the functions below by name; what it defines stays for the next request.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any


def serve(address: Path) -> None:
    """Answer one client after the other, for as long as the plug-in runs."""
    address.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(address))
        server.listen()
        while True:
            with server.accept()[0].makefile("rw", encoding="utf-8") as stream:
                for line in stream:
                    stream.write(json.dumps(reply(json.loads(line))) + "\n")
                    stream.flush()


def reply(request: dict[str, Any]) -> dict[str, Any]:
    """Run a request in the main loop, which alone may touch GTK."""
    from gi.repository import GLib

    replies: SimpleQueue[dict[str, Any]] = SimpleQueue()
    GLib.idle_add(lambda: replies.put(run(request)))
    return replies.get()


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Run a request's code and return what it left in `answer`."""
    names = globals()
    names.update(request["values"], answer=None)
    try:
        exec(request["code"], names)
        return {"answer": names["answer"]}
    except Exception:  # noqa: BLE001  every failure is the test's to see
        return {"error": traceback.format_exc()}


def widgets() -> Iterator[Any]:
    """Give what is seen of all windows, the newest window first."""
    from gi.repository import Gtk

    waiting = [window for window in Gtk.Window.list_toplevels() if window.get_mapped()]
    while waiting:
        widget = waiting.pop(0)
        yield widget
        inner: list[Any] = []
        if isinstance(widget, Gtk.Container):
            widget.forall(inner.append)
        waiting[:0] = [child for child in inner if child.get_mapped()]


def find(name: str, kind: str = "Widget") -> Any:
    """Return the first widget of this GTK class that a screen reader calls so."""
    from gi.repository import Gtk

    for widget in widgets():
        if isinstance(widget, getattr(Gtk, kind)) and widget.get_accessible().get_name() == name:
            return widget
    raise LookupError(f"there is no {kind} {name}")


def place(widget: Any) -> tuple[int, int, int, int]:
    """Return a widget's left, top, width and height on the screen."""
    left, top = widget.translate_coordinates(widget.get_toplevel(), 0, 0)
    _, x, y = widget.get_toplevel().get_window().get_origin()
    room, factor = widget.get_allocation(), widget.get_scale_factor()
    return tuple(factor * value for value in (x + left, y + top, room.width, room.height))


def handle(scale: Any) -> tuple[int, int]:
    """Return the middle of a scale's handle on the screen."""
    left, top, _, height = place(scale)
    start, end = scale.get_slider_range()
    return left + scale.get_scale_factor() * (start + end) // 2, top + height // 2


if any(word.endswith("plug-ins/dni/dni.py") for word in sys.orig_argv):
    address = Path(os.environ["DNID_TEST_PROBE"])
    threading.Thread(target=serve, args=[address], daemon=True).start()
