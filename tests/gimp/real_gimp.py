"""A real GIMP 3 under the tests' control: the host's own, or the one in a Debian 13 folder."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
ROOT = CACHE / "dnid-tests" / "gimp3-root"
PATIENCE = float(os.environ.get("DNID_TEST_PATIENCE", "60"))  # seconds; more on a busy machine

QUIET = (
    "(check-updates no)",
    "(show-welcome-dialog no)",
    "(color-profile-policy keep)",
    "(metadata-rotation-policy keep)",
)

DNID = Path(sys.executable).with_name("dnid")


def wait_for(what: str, condition: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Return the first true value of `condition`."""
    end = time.monotonic() + patience
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {patience:.0f} s for {what}")
        time.sleep(0.05)
    return value


def why_not() -> str | None:
    """Return why no GIMP can be driven here; None if one can."""
    if _host_has_gimp() or (os.geteuid() == 0 and (ROOT / "usr/bin/gimp-console").exists()):
        return None
    if os.geteuid() == 0:
        return f"no GIMP 3 here and none in {ROOT}: run installer/gimp_root.sh"
    return "no GIMP 3 here, and running one in a Debian 13 folder needs root"


def _host_has_gimp() -> bool:
    if (program := shutil.which("gimp-console")) is None:
        return False
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return " 3." in told.stdout


def inside(command: Sequence[str], folder: Path, *more: Path) -> list[str]:
    """Return the command line that runs `command` where GIMP is, with these folders visible."""
    if _host_has_gimp():
        return list(command)
    binds = [
        str(folder),
        str(CHECKOUT),
        sys.prefix,
        "/dev",
        *_python_binds(folder),
        *map(str, more),
    ]
    return [str(HERE / "enter_root.sh"), str(ROOT), *binds, "--", *command]


def _python_binds(folder: Path) -> list[str]:
    """Return what the daemon's Python needs inside the root, which has a newer one of its own."""
    if sys.base_prefix != "/usr":
        return [sys.base_prefix]
    # The system's Python: its own parts only, and a .venv/bin that names it without "python3".
    python = Path(sys.executable).resolve()
    scripts = folder / "venv-bin"
    if not scripts.exists():
        shutil.copytree(Path(sys.executable).parent, scripts, symlinks=True)
        for name in ("python", "python3", python.name):
            (scripts / name).unlink(missing_ok=True)
            (scripts / name).symlink_to(python)
    return [
        str(python),
        sysconfig.get_path("stdlib"),
        f"{scripts}={Path(sys.executable).parent}",
    ]


class RealGimp:
    """One GIMP process with a profile and runtime folders of its own, and an agent in it."""

    def __init__(
        self,
        folder: Path,
        display: str | None = None,
        runtime: Path | None = None,
        settings: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.profile = folder / "profile"
        self.runtime = runtime or folder / "run"
        """Where the daemon is found; that of another GIMP means that both share it."""
        self._shared = [runtime] if runtime else []
        self.log = folder / "gimp.log"
        self.headers = folder / "headers.log"
        self.runtime.mkdir(mode=0o700, exist_ok=True)
        self.profile.mkdir()
        self._version = _version(folder)
        (self.profile / "gimprc").write_text(
            f'(config-version "{self._version}")\n' + "\n".join([*QUIET, *settings]),
            encoding="utf-8",
        )
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "LC_ALL": "C.UTF-8",
            "XDG_RUNTIME_DIR": str(self.runtime),
            "DNID_RUNTIME_DIR": str(self.runtime / "dnid"),
            "GIMP3_DIRECTORY": str(self.profile),
            "DNID_TEST_SOCKET": str(folder / "agent"),
            "DNID_TEST_PROBE": str(folder / "probe"),
            "PYTHONPATH": str(HERE / "inside"),
            "NO_AT_BRIDGE": "1",
            **({"DISPLAY": display} if display else {}),
            **(environment or {}),
        }
        self._background = ThreadPoolExecutor(1)
        install(self.profile)
        # What GIMP found out about its own plug-ins: asking them is most of a first start.
        self._known = CACHE / "dnid-tests" / f"pluginrc-{self._version}"
        if self._known.exists():
            shutil.copy(self._known, self.profile / "pluginrc")
        self._process = self._start("gimp" if display else "gimp-console")
        self._stream = self._connect()

    def _start(self, program: str) -> subprocess.Popen[bytes]:
        headless = ["-i", "-d"] if program == "gimp-console" else ["-n", "-s"]
        agent = f"exec(open({str(HERE / 'agent.py')!r}).read(), globals())"
        command = [program, *headless, "--batch-interpreter=python-fu-eval", "-b", agent, "--quit"]
        with self.log.open("wb") as log:
            return subprocess.Popen(
                inside(
                    ["env", "-i", *_assignments(self.environment), *command],
                    self.folder,
                    *self._shared,
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _connect(self) -> Any:
        client = socket.socket(socket.AF_UNIX)

        def connected() -> bool:
            if self._process.poll() is not None:
                raise RuntimeError(f"GIMP ended: {self.log.read_text(errors='replace')[-2000:]}")
            return client.connect_ex(self.environment["DNID_TEST_SOCKET"]) == 0

        try:
            wait_for("GIMP to start", connected, 3 * PATIENCE)
        except BaseException:
            os.killpg(self._process.pid, 9)
            raise
        self._remember_plug_ins()
        client.settimeout(5 * PATIENCE)  # a call with a dialog lasts as long as a test
        stream = client.makefile("rw", encoding="utf-8")
        client.close()  # the stream keeps it
        return stream

    def _remember_plug_ins(self) -> None:
        found = self.profile / "pluginrc"
        if not self._known.exists() and found.exists():
            self._known.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(found, beside := self._known.with_suffix(f".{os.getpid()}"))
            beside.replace(self._known)

    def do(self, code: str, **values: Any) -> Any:
        """Run code in the agent with these names set, and return what it left in `answer`."""
        self._stream.write(json.dumps({"code": code, "values": values}, default=_pack) + "\n")
        self._stream.flush()
        reply = json.loads(self._stream.readline(), object_hook=_unpack)
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply["answer"]

    def inside(self, code: str, **values: Any) -> Any:
        """Run code in the plug-in's own main loop, once its window is there; see inside/."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(self.environment["DNID_TEST_PROBE"])
            with client.makefile("rw", encoding="utf-8") as stream:
                stream.write(json.dumps({"code": code, "values": values}) + "\n")
                stream.flush()
                reply = json.loads(stream.readline())
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply["answer"]

    def start(self, code: str, **values: Any) -> Future[Any]:
        """Like `do`, but do not wait: the answer comes later."""
        return self._background.submit(self.do, code, **values)

    def forget_settings(self) -> None:
        """Let the next dialog begin with the defaults, not with what was saved or used last."""
        for kept in (self.profile / "plug-in-settings").glob("*.*"):
            kept.unlink()

    def use_bridge(self, *command: str) -> None:
        """Let the plug-in start this command as its bridge from now on."""
        text = json.dumps({"command": list(command)})
        (self.profile / "plug-ins/dni/daemon.json").write_text(text)

    def use_fake(self, behaviour: str = "restores") -> None:
        """Let the plug-in talk to the fake bridge from now on."""
        self.headers.unlink(missing_ok=True)
        fake = str(HERE / "fake_bridge.py")
        self.use_bridge(sys.executable, fake, behaviour, str(self.headers))

    def use_daemon(self) -> None:
        """Let the plug-in talk to the real daemon from now on."""
        self.use_bridge(str(DNID), "bridge")

    def sent(self) -> list[dict[str, Any]]:
        """Return the headers that the fake bridge has received."""
        if not self.headers.exists():
            return []
        return [json.loads(line) for line in self.headers.read_text().splitlines()]

    def run(self, *command: str, check: bool = True) -> str:
        """Run a program beside GIMP, in its environment, and return what it prints."""
        whole = inside(
            ["env", "-i", *_assignments(self.environment), *command], self.folder, *self._shared
        )
        done = subprocess.run(whole, capture_output=True, text=True, timeout=PATIENCE, check=False)
        if check and done.returncode:
            raise RuntimeError(f"{command}: {done.stderr or done.stdout}")
        return done.stdout

    def plug_in(self) -> int | None:
        """Return the process id of the plug-in, which GIMP starts anew for each call."""
        ours = os.fsencode(self.profile / "plug-ins" / "dni" / "dni.py")
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if ours in (process / "cmdline").read_bytes():
                    return int(process.name)
        return None

    def daemon(self) -> int | None:
        """Return the process id of the daemon that this GIMP's bridge has started."""
        try:
            text = (self.runtime / "dnid" / "connection.json").read_text()
            pid = int(json.loads(text)["pid"])
            os.kill(pid, 0)
        except (OSError, ValueError, KeyError):
            return None
        return pid

    def stop(self, *, daemon_too: bool = True) -> None:
        """End GIMP, and the daemon if there is one."""
        if daemon_too and (pid := self.daemon()) is not None:
            os.kill(pid, 15)
            wait_for("the daemon to end", lambda: self.daemon() is None)
        self._stream.close()
        self._background.shutdown()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, 9)
            self._process.wait()


def _version(folder: Path) -> str:
    """Return GIMP's version; a profile of another one is greeted with a window."""
    command = inside(["env", "PATH=/usr/bin:/bin", "gimp-console", "--version"], folder)
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return told.split()[-1]


def install(profile: Path) -> None:
    """Install the plug-in as a user does."""
    script = CHECKOUT / "installer" / "install_plugin.py"
    subprocess.run(
        [sys.executable, str(script), "--profile", str(profile)], check=True, capture_output=True
    )


def _assignments(environment: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in environment.items()]


def _pack(value: Any) -> dict[str, str]:
    data = value.tobytes() if isinstance(value, np.ndarray) else value
    return {"base64": base64.b64encode(data).decode()}


def _unpack(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["base64"]) if "base64" in value else value
