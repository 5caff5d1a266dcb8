"""The plug-in's installer, without a GIMP."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "installer" / "install_plugin.py"


def install(home: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the installer as a user whose home is this folder, with no GIMP in the PATH."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), *options],
        capture_output=True,
        text=True,
        env={"HOME": str(home), "PATH": str(home / "bin"), **environment},
        check=False,
    )


def test_it_finds_the_profiles(tmp_path: Path) -> None:
    """Every GIMP 3 profile gets the plug-in, runnable, with the way to this dnid; GIMP 2 none."""
    for name in ("3.0", "3.2", "2.10"):
        (tmp_path / ".config/GIMP" / name).mkdir(parents=True)
    done = install(tmp_path)
    assert done.returncode == 0
    assert "Filters > Enhance > Restore with DNI…" in done.stdout
    for name in ("3.0", "3.2"):
        folder = tmp_path / ".config/GIMP" / name / "plug-ins/dni"
        assert os.access(folder / "dni.py", os.X_OK)
        assert (folder / "dni_gimp/link.py").exists()
        command = json.loads((folder / "daemon.json").read_text())["command"]
        assert command == [str(Path(sys.executable).with_name("dnid")), "bridge"]
    assert not (tmp_path / ".config/GIMP/2.10/plug-ins").exists()


def test_a_flatpak_starts_the_daemon_outside(tmp_path: Path) -> None:
    """In a Flatpak the daemon's Python does not exist: the host's is started."""
    profile = tmp_path / ".var/app/org.gimp.GIMP/config/GIMP/3.0"
    profile.mkdir(parents=True)
    done = install(tmp_path)
    command = json.loads((profile / "plug-ins/dni/daemon.json").read_text())["command"]
    assert command[:2] == ["flatpak-spawn", "--host"]
    assert "flatpak override --user" in done.stdout


@pytest.mark.parametrize(("version", "folder"), [("3.0.4", "3.0"), ("3.2.6", "3.2")])
def test_a_gimp_that_was_never_started(tmp_path: Path, version: str, folder: str) -> None:
    """Its profile folder follows from its version."""
    program = tmp_path / "bin/gimp-console"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho GNU Image Manipulation Program version {version}\n")
    program.chmod(0o755)
    assert install(tmp_path).returncode == 0
    assert (tmp_path / ".config/GIMP" / folder / "plug-ins/dni/dni.py").exists()


def test_gimps_own_variable_wins(tmp_path: Path) -> None:
    """GIMP3_DIRECTORY names the profile that GIMP itself would use."""
    (tmp_path / ".config/GIMP/3.0").mkdir(parents=True)
    assert install(tmp_path, GIMP3_DIRECTORY=str(tmp_path / "mine")).returncode == 0
    assert (tmp_path / "mine/plug-ins/dni/dni.py").exists()
    assert not (tmp_path / ".config/GIMP/3.0/plug-ins").exists()


def test_no_gimp_is_status_3(tmp_path: Path) -> None:
    """Without a GIMP 3 nothing is written, and the caller can tell."""
    done = install(tmp_path)
    assert done.returncode == 3
    assert "No GIMP 3 was found" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_again_and_away(tmp_path: Path) -> None:
    """A second run replaces what an older version left; --uninstall removes all of it."""
    profile = tmp_path / "profile"
    install(tmp_path, "--profile", str(profile))
    folder = profile / "plug-ins/dni"
    (folder / "dni_gimp/old.py").write_text("")
    (folder / "dni.py").chmod(stat.S_IRUSR | stat.S_IWUSR)
    assert install(tmp_path, "--profile", str(profile)).returncode == 0
    assert not (folder / "dni_gimp/old.py").exists()
    assert os.access(folder / "dni.py", os.X_OK)
    assert install(tmp_path, "--profile", str(profile), "--uninstall").returncode == 0
    assert not folder.exists()


def test_an_unwritable_profile_is_one_sentence(tmp_path: Path) -> None:
    """A profile that cannot be written is said so, without a traceback."""
    (tmp_path / "file").write_text("")
    done = install(tmp_path, "--profile", str(tmp_path / "file"))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert str(tmp_path / "file") in done.stderr
