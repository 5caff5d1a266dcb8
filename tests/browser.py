"""A headless Chromium for tests, through the DevTools protocol on a pipe.

https://chromedevtools.github.io/devtools-protocol: JSON messages with a NUL between,
read by the browser from its file descriptor 3 and written to 4. No port is opened.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
PATIENCE = 120.0
"""Seconds to wait for any answer; generous, for machines that have other work."""


def find_browser() -> str | None:
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


class Browser:
    """One page. Every event of the page since it was opened is kept in `events`."""

    def __init__(self, program: str, profile: Path) -> None:
        self.events: list[dict[str, Any]] = []
        self._numbers = itertools.count(1)
        self._unread = b""
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        self._process = _start(program, profile, to_read, to_write)
        target = self._send("Target.createTarget", {"url": "about:blank"}, None)["targetId"]
        attached = {"targetId": target, "flatten": True}
        self._session = self._send("Target.attachToTarget", attached, None)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """The result of a DevTools method. Raises RuntimeError with the browser's words."""
        return self._send(method, parameters, self._session)

    def open(self, url: str) -> None:
        """Wait until it has loaded."""
        self.events.clear()
        self.send("Page.navigate", url=url)
        deadline = time.monotonic() + PATIENCE
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self._receive(deadline)

    def evaluate(self, expression: str) -> Any:  # noqa: ANN401 - whatever the page says
        """The value of a JavaScript expression; a promise is waited for."""
        answer = self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"]["description"])
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """A key, on whatever has the focus."""
        codes = {"ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35, "Tab": 9}
        for kind in ("rawKeyDown", "keyUp"):
            self.send(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key,
                windowsVirtualKeyCode=codes[key],
            )  # fmt: skip

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """The mouse, with its left button down, from one point of the window to another."""
        for kind, (x, y), held in (
            ("mousePressed", start, 1), ("mouseMoved", end, 1), ("mouseReleased", end, 0),
        ):  # fmt: skip
            self.send(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=held,
                clickCount=1,
            )  # fmt: skip

    def look(self, width: int, dark: bool = False) -> None:
        """The window's width in pixels and the reader's preferred colour scheme."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.send("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, path: Path) -> None:
        """The whole page as PNG."""
        answer = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(answer["data"]))

    def requests(self) -> list[str]:
        """The addresses that the page asked for, its own and data: apart."""
        asked = (e["params"] for e in self.events if e["method"] == "Network.requestWillBeSent")
        urls = [params["request"]["url"] for params in asked if params["type"] != "Document"]
        return [url for url in urls if not url.startswith("data:")]

    def complaints(self) -> list[str]:
        """Exceptions, and what was written to the console or the log."""
        kinds = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [json.dumps(event["params"]) for event in self.events if event["method"] in kinds]

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        os.close(self._write)  # the browser ends when its pipe does
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._read)

    def _send(self, method: str, parameters: dict[str, Any], session: str | None) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        message |= {"sessionId": session} if session else {}
        os.write(self._write, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while (answer := self._receive(deadline)).get("id") != number:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return dict(answer["result"])

    def _receive(self, deadline: float) -> dict[str, Any]:
        """The next message; events are kept as well."""
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._read], [], [], max(0, deadline - time.monotonic()))
            if not ready or not (part := os.read(self._read, 1 << 20)):
                raise TimeoutError(f"The browser does not answer (exit {self._process.poll()}).")
            self._unread += part
        data, self._unread = self._unread.split(b"\0", 1)
        message: dict[str, Any] = json.loads(data)
        if "method" in message:
            self.events.append(message)
        return message


def _start(program: str, profile: Path, to_read: int, to_write: int) -> subprocess.Popen[bytes]:
    """The pipe's ends become 3 and 4 in the shell that turns into the browser."""
    command = [
        program, "--headless", "--remote-debugging-pipe", f"--user-data-dir={profile}",
        "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
    ]  # fmt: skip
    redirect = f'exec "$@" 3<&{to_read} 4>&{to_write}'
    process = subprocess.Popen(
        ["bash", "-c", redirect, "bash", *command],
        pass_fds=(to_read, to_write), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(to_read)
    os.close(to_write)
    return process
