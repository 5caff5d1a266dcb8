"""The daemon's life as the command line shows it."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import ANY

import pytest
from tests.cli.conftest import CommandLine
from tests.small import ANCHORS, brightness_estimator, write_enlarger, write_pack


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """Return a user with a daemon of his own, for tests that kill it."""
    home = tmp_path_factory.mktemp("user")
    write_pack(home / "data" / "dnid" / "packs")
    command_line = CommandLine(home)
    yield command_line
    command_line("stop")


def status(user: CommandLine) -> dict[str, object]:
    run = user("status", "--json")
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)  # type: ignore[no-any-return]


def test_no_daemon_runs_at_first(user: CommandLine) -> None:
    """Neither status nor stop starts one."""
    assert "does not run" in user("status").stdout
    assert user("stop").stdout == "The daemon does not run.\n"
    assert status(user) == {"pid": None}
    assert not (user.home / "run" / "connection.json").exists()


def test_a_killed_daemon_is_replaced(user: CommandLine, tmp_path: Path) -> None:
    """After kill -9 the next apply starts a new one and works."""
    sample = Path(__file__).parents[2] / "installer" / "sample" / "cat.png"
    first = user("apply", sample, "-o", tmp_path / "a.png", "--denoise", 1)
    assert first.returncode == 0, first.stderr
    assert "Starting the daemon" in first.stderr
    before = status(user)
    os.kill(int(str(before["pid"])), signal.SIGKILL)
    while status(user) == before | {"uptime": ANY}:  # as long as the system needs to kill it
        pass
    assert status(user) == {"pid": None}
    second = user("apply", sample, "-o", tmp_path / "b.png", "--denoise", 1)
    assert second.returncode == 0, second.stderr
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    after = status(user)
    assert after["pid"] != before["pid"]
    assert after["networks"][0]["pack"] == "denoise"  # type: ignore[index]
    assert Path(str(after["log"])).parent == user.home / "log"
    assert Path(str(after["log"])).is_file()


def test_status_is_for_people(user: CommandLine) -> None:
    """Lines of words, with what was measured for the pack; --json has it all."""
    told, known = user("status").stdout.splitlines(), status(user)
    (network,) = known["networks"]  # type: ignore[misc]
    assert re.fullmatch(rf"dnid 0\.\S+, process {known['pid']}, up \d+ (s|min)", told[0])
    assert told[1:3] == [
        "jobs      0 running, 0 waiting",
        f"devices   cpu; {known['threads']} threads",
    ]
    assert told[3].startswith(f"measured  denoise on cpu: {network['format']}, ")
    assert told[4:] == [f"log       {known['log']}"]


def test_a_second_daemon_is_refused(user: CommandLine) -> None:
    """`dnid serve` says that one runs, and leaves the one of the test above alone."""
    before = status(user)
    second = user("serve")
    assert second.returncode == 1
    assert second.stderr == "dnid: A daemon runs already; `dnid stop` ends it.\n"
    assert status(user)["pid"] == before["pid"]


def test_stop_ends_the_daemon(user: CommandLine) -> None:
    """When `stop` returns nobody finds a daemon any more, and another may start."""
    assert user("stop").stdout == "Stopped.\n"
    assert status(user) == {"pid": None}
    assert not (user.home / "run" / "connection.json").exists()


def test_packs_lists_sound_and_damaged_ones(tmp_path: Path) -> None:
    """The user's packs stand beside the shipped ones; a damaged one is told with its fault."""
    write_pack(tmp_path / "data" / "dnid" / "packs", id="a-tiny-pack")
    broken = tmp_path / "data" / "dnid" / "packs" / "broken"
    broken.mkdir()
    (broken / "manifest.json").write_text("{")
    dnid = CommandLine(tmp_path)
    lines = {line.split()[0]: line for line in dnid("packs").stdout.splitlines()}
    assert lines["a-tiny-pack"] == "a-tiny-pack      denoise           low → mid → high  (CC0-1.0)"
    assert lines["denoise"].split()[:3] == ["denoise", "denoise", "default"]
    assert "cannot be used: Pack 'broken': manifest.json is not JSON" in lines["broken"]
    told = {
        pack["id"]: pack for pack in json.loads(CommandLine(tmp_path)("packs", "--json").stdout)
    }
    assert told["a-tiny-pack"]["path"] == list(ANCHORS)
    assert told["a-tiny-pack"]["folder"] == str(
        tmp_path / "data" / "dnid" / "packs" / "a-tiny-pack"
    )
    assert "error" in told["broken"]


def test_packs_verify_reads_every_file(tmp_path: Path) -> None:
    """A flipped byte in an anchor is found, and told with a remedy and the exit code."""
    own = tmp_path / "data" / "dnid" / "packs"
    write_pack(own, estimator=brightness_estimator())
    write_enlarger(own, 2, id="bad-x2")
    dnid = CommandLine(tmp_path)
    sound = dnid("packs", "--verify")
    lines = {line.split()[0]: line for line in sound.stdout.splitlines()}
    assert sound.returncode == 0
    assert lines["denoise"] == (
        "denoise          denoise  default  low → mid → high"
        "  (CC0-1.0, auto, in place of dnid's own, verified)"
    )
    anchor = own / "bad-x2" / "mid.safetensors"
    data = bytearray(anchor.read_bytes())
    data[-1] ^= 1
    anchor.write_bytes(data)
    damaged = dnid("packs", "--verify")
    lines = {line.split()[0]: line for line in damaged.stdout.splitlines()}
    assert damaged.returncode == 1
    assert lines["bad-x2"].startswith(
        "bad-x2           cannot be used: Pack 'bad-x2': mid.safetensors is not the file of its"
    )
    assert "; install a sound copy or remove the pack" in lines["bad-x2"]


def test_help_names_what_there_is(dnid: CommandLine) -> None:
    """Every command and every option of apply is found by who asks."""
    text = dnid("--help").stdout
    for command in ("apply", "packs", "status", "serve", "stop", "bridge", "dnid apply photo.jpg"):
        assert command in text
    text = dnid("apply", "--help").stdout
    for option in (
        "--output", "--denoise", "--denoise-pack", "--mask", "--outside", "--format", "--device",
        "--in-process", "--quiet", "examples:",
    ):  # fmt: skip
        assert option in text
    assert dnid("--version").stdout.startswith("dnid 0.")
