"""Copy the GIMP plug-in into the user's GIMP 3 profiles and tell it where dnid is.

    .venv/bin/python installer/install_plugin.py [--profile DIR] [--uninstall]

Exit status: 0 done, 1 failed, 3 no GIMP 3 was found.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "gimp_plugin" / "dni"
NO_GIMP = 3
FLATPAK = "org.gimp.GIMP"


def main() -> int:
    """Install or uninstall, and say where."""
    arguments = _arguments()
    profiles = arguments.profile or find_profiles()
    if not profiles:
        print("No GIMP 3 was found: install GIMP 3, or name its profile folder with --profile.")
        return NO_GIMP
    try:
        for profile in profiles:
            if arguments.uninstall:
                uninstall(profile)
            else:
                install(profile)
    except OSError as error:
        print(f"Nothing can be written to {error.filename}: {error.strerror}.", file=sys.stderr)
        return 1
    if not arguments.uninstall:
        print("In GIMP (start it again if it is running): Filters > Enhance > Restore with DNI…")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--profile",
        type=lambda text: Path(text).expanduser().absolute(),
        action="append",
        metavar="DIR",
        help="GIMP's profile folder (Edit > Preferences > Folders shows it); default: all found",
    )
    parser.add_argument("--uninstall", action="store_true", help="remove the plug-in")
    return parser.parse_args()


def install(profile: Path) -> None:
    """Put the plug-in and its daemon.json into one profile."""
    target = profile / "plug-ins" / "dni"
    target.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(target / "dni_gimp", ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__", "daemon.json")
    shutil.copytree(SOURCE, target, ignore=ignored, dirs_exist_ok=True)
    # GIMP skips a file without the run bit, and asks again only a file that has changed.
    (target / "dni.py").chmod(0o755)
    (target / "dni.py").touch()
    beside = target / "daemon.json.partial"
    beside.write_text(json.dumps({"command": bridge_command(profile)}) + "\n", encoding="utf-8")
    beside.replace(target / "daemon.json")
    print(f"Installed the plug-in into {target}")
    if FLATPAK in profile.parts:
        print("GIMP's Flatpak may start programs outside of it only after this command:")
        print(f"    flatpak override --user --talk-name=org.freedesktop.Flatpak {FLATPAK}")


def uninstall(profile: Path) -> None:
    """Remove the plug-in from one profile."""
    target = profile / "plug-ins" / "dni"
    if target.exists():
        shutil.rmtree(target)
        print(f"Removed {target}")
    else:
        print(f"There is no plug-in in {profile}")


def bridge_command(profile: Path) -> list[str]:
    """Return the command that the plug-in starts; a Flatpak sees another /usr than its host."""
    name = "dnid.exe" if sys.platform == "win32" else "dnid"
    command = [str(Path(sys.executable).absolute().with_name(name)), "bridge"]
    return ["flatpak-spawn", "--host", *command] if FLATPAK in profile.parts else command


def find_profiles() -> list[Path]:
    """Return the profile folders of every GIMP 3 of this user."""
    if folder := os.environ.get("GIMP3_DIRECTORY"):
        return [Path(folder).absolute()]
    parents = _profile_parents()
    found = [path for parent in parents for path in sorted(parent.glob("3.*")) if path.is_dir()]
    if not found and (version := _installed_version()):
        return [parents[0] / version]  # installed, and never started
    return found


def _profile_parents() -> list[Path]:
    """Return where profiles lie on this system, the most likely first."""
    home = Path.home()
    if sys.platform == "darwin":
        return [home / "Library" / "Application Support" / "GIMP"]
    if sys.platform == "win32":
        return [Path(os.environ.get("APPDATA", home / "AppData" / "Roaming")) / "GIMP"]
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    return [config / "GIMP", home / ".var" / "app" / FLATPAK / "config" / "GIMP"]


def _installed_version() -> str | None:
    """Return the version of an installed GIMP 3 as its profile folder is called, like "3.0"."""
    for name in ("gimp-console-3.0", "gimp-console-3", "gimp-console", "gimp-3.0", "gimp"):
        if (program := shutil.which(name)) is None:
            continue
        try:
            told = subprocess.run(
                [program, "--version"], capture_output=True, text=True, timeout=30, check=True
            )
        except (OSError, subprocess.SubprocessError):
            continue
        if version := re.search(r"\b(3\.\d+)\.\d+", told.stdout):
            # Odd numbers are on their way to the next even one, and share its folder.
            major, minor = version[1].split(".")
            return f"{major}.{int(minor) + int(minor) % 2}"
    return None


if __name__ == "__main__":
    sys.exit(main())
