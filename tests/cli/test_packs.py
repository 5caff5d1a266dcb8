"""`dnid packs add` and `remove`, and `dni-pack pack` and `verify`, as a user has them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from tests.cli.conftest import SCRIPT, CommandLine
from tests.small import photo, random_anchors, write_pack

from dnipack import cli
from dnipack.archive import write_archive


def test_a_running_daemon_finds_what_was_added(dnid: CommandLine, tmp_path: Path) -> None:
    """Added, used by its id, removed, and no longer found; all by the same daemon."""
    write_archive(write_pack(tmp_path, random_anchors(4), id="other"), tmp_path / "o.dnipack")
    source = tmp_path / "photo.png"
    Image.fromarray(photo(30, 40, 3, "uint8")).save(source)

    def apply(pack: str) -> tuple[str, bytes]:
        out = tmp_path / f"{pack}.png"
        out.unlink(missing_ok=True)
        pack_options = ("--denoise", 1, "--denoise-pack", pack)
        said = dnid("apply", source, "-o", out, *pack_options, "-q").stderr
        return said, out.read_bytes() if out.exists() else b""

    _, before = apply("denoise")
    daemon = json.loads(dnid("status", "--json").stdout)["pid"]
    added = dnid("packs", "add", tmp_path / "o.dnipack")
    assert added.stdout == "Added other 1.2.3 (CC0-1.0), not signed.\n", added.stderr
    said, after = apply("other")
    assert (said, len(after) > 0, after == before) == ("", True, False)
    assert dnid("packs", "remove", "other").stdout == "Removed other.\n"
    said, gone = apply("other")
    assert "There is no pack 'other'" in said
    assert gone == b""
    assert json.loads(dnid("status", "--json").stdout)["pid"] == daemon


@pytest.mark.parametrize("words", ["dnid packs --json", "dni-pack verify denoise"])
def test_a_reader_that_has_seen_enough(dnid: CommandLine, tmp_path: Path, words: str) -> None:
    """`… | head` ends without a word."""
    write_pack(tmp_path)
    program, *arguments = words.split()
    command = [str(SCRIPT.with_name(program)), *arguments]
    with subprocess.Popen(
        command, env=dnid.environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_pack_and_verify(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they print, and their exit status for a sound pack and for one that is not."""
    monkeypatch.chdir(tmp_path)
    folder = write_pack(tmp_path)
    (folder / "notes.docx").write_text("x")
    assert cli.main(["pack", str(folder)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("denoise.dnipack: 5 files, 0.")
    assert said.endswith("left out, for they are no part of a pack: notes.docx\n")
    for place in ("denoise.dnipack", "denoise"):
        assert cli.main(["verify", place]) == 0
        said = capsys.readouterr().out
        assert "denoise 1.2.3 is sound: 3 anchors\nlineage    low → mid → high\n" in said
        assert "licence    CC0-1.0\nsignature  none\n" in said
    assert cli.main(["verify", "denoise-awgn"]) == 0  # installed
    assert capsys.readouterr().out.startswith("denoise-awgn ")
    (folder / "mid.safetensors").write_bytes(b"")
    assert cli.main(["verify", "denoise"]) == 1
    assert "denoise: mid.safetensors is not the file of its author" in capsys.readouterr().err
