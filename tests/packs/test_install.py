"""Packs are added and removed whole or not at all."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.small import random_anchors, write_pack

from dnid.errors import BadInput, DniError, PackDamaged, PackNotFound
from dnid.packs import install
from dnid.packs.store import PackStore, open_pack
from dnipack.archive import write_archive

NOTHING = PackStore([])


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Return the folder of the user's own packs, not made yet."""
    return tmp_path / "data" / "packs"


def archive(tmp_path: Path, version: str = "1.2.3", seed: int = 0, **changes: str) -> Path:
    """A .dnipack with weights that the seed decides."""
    place = tmp_path / f"made-{version}"
    anchors = {name: state for name, state in random_anchors(seed).items() if name != "mid"}
    pack = write_pack(place, anchors, version=version, **changes)
    write_archive(pack, tmp_path / f"{version}.dnipack")
    return tmp_path / f"{version}.dnipack"


def leftovers(own: Path) -> list[Path]:
    return [path for part in install.PARTS for path in (own / install.WORK / part).iterdir()]


def versions(own: Path) -> list[str]:
    """Of the installed packs, every weight of which is sound."""
    found = []
    for pack_id in sorted(PackStore([own]).ids()):
        pack = open_pack(own / pack_id)
        pack.verify()
        found.append(pack.manifest.version)
    return found


def test_an_added_pack_is_there_and_whole(tmp_path: Path, own: Path) -> None:
    """A store that looked before finds it."""
    store = PackStore([own])
    assert store.describe() == []
    found = install.add(archive(tmp_path), own, NOTHING)
    assert found.pack.manifest.version == "1.2.3"
    assert store.find("denoise").folder == own / "denoise"
    assert versions(own) == ["1.2.3"]
    assert leftovers(own) == []


def test_a_pack_is_replaced_only_when_asked(tmp_path: Path, own: Path) -> None:
    """Else the sentence tells how, and the old one stays."""
    install.add(archive(tmp_path, "1"), own, NOTHING)
    newer = archive(tmp_path, "2", seed=5)
    with pytest.raises(BadInput, match=r"pack 'denoise' \(this one is version '2'\).*--replace"):
        install.add(newer, own, NOTHING)
    assert versions(own) == ["1"]
    install.add(newer, own, NOTHING, replace=True)
    assert versions(own) == ["2"]
    assert leftovers(own) == []


def test_a_shipped_pack_is_not_hidden_unasked(tmp_path: Path, own: Path) -> None:
    """A stranger's `denoise` would else be everybody's default."""
    shipped = PackStore([write_pack(tmp_path / "shipped").parent])
    with pytest.raises(BadInput, match=r"dnid's own pack 'denoise'.*--replace"):
        install.add(archive(tmp_path), own, shipped)
    assert PackStore([own]).ids() == set()
    install.add(archive(tmp_path, "2"), own, shipped, replace=True)
    assert versions(own) == ["2"]


def test_a_broken_archive_changes_nothing(tmp_path: Path, own: Path) -> None:
    """Not even where it was to replace a pack."""
    path = archive(tmp_path)
    install.add(path, own, NOTHING)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(PackDamaged, match=r"1\.2\.3\.dnipack: .*; nothing was installed; get a"):
        install.add(path, own, NOTHING, replace=True)
    assert versions(own) == ["1.2.3"]
    assert leftovers(own) == []


def test_a_file_that_is_not_there(tmp_path: Path, own: Path) -> None:
    """Is named once, and its author is not blamed."""
    missing = tmp_path / "typo.dnipack"
    with pytest.raises(BadInput) as told:
        install.add(missing, own, PackStore([]))
    assert str(told.value) == f"There is no file {missing}."


def test_an_own_pack_is_removed(tmp_path: Path, own: Path) -> None:
    """The shipped one of its id is found again."""
    shipped = write_pack(tmp_path / "shipped", version="0")
    store = PackStore([own, shipped.parent])
    install.add(archive(tmp_path), own, PackStore([shipped.parent]), replace=True)
    assert store.get("denoise").manifest.version == "1.2.3"
    install.remove("denoise", own, PackStore([shipped.parent]))
    assert store.get("denoise").manifest.version == "0"
    assert leftovers(own) == []


def test_what_cannot_be_removed(tmp_path: Path, own: Path) -> None:
    """A shipped pack, none, and whatever leads out of the folder."""
    shipped = write_pack(tmp_path / "shipped").parent
    (own / "notes").mkdir(parents=True)
    for pack_id, said in (
        ("denoise", "'denoise' is part of dnid; it stays"),
        ("other", "no pack 'other'"),
        ("notes", "no pack 'notes'"),
        ("../../shipped/denoise", "no pack"),
        (".", "no pack"),
        ("", "no pack"),
    ):
        with pytest.raises(PackNotFound, match=said):
            install.remove(pack_id, own, PackStore([shipped]))
    assert versions(shipped) == ["1.2.3"]
    assert (own / "notes").is_dir()


def test_a_damaged_pack_can_be_removed_and_replaced(tmp_path: Path, own: Path) -> None:
    """One with a broken manifest, and one whose folder is a link, of which the end stays."""
    (own / "denoise").mkdir(parents=True)
    (own / "denoise" / "manifest.json").write_text("{")
    install.add(archive(tmp_path), own, NOTHING, replace=True)
    assert versions(own) == ["1.2.3"]
    kept = write_pack(tmp_path / "elsewhere", id="linked")
    (own / "linked").symlink_to(kept)
    install.remove("linked", own, NOTHING)
    assert versions(own) == ["1.2.3"]
    assert versions(kept.parent) == ["1.2.3"]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """The system's word for it is told."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match=r"Cannot change the packs in .*: Not a directory"):
        install.add(archive(tmp_path), tmp_path / "file" / "packs", NOTHING)


def test_many_at_once(tmp_path: Path, own: Path) -> None:
    """Each is added after the other; one of them is there in the end, whole."""
    paths = [archive(tmp_path, str(i), seed=i) for i in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda path: install.add(path, own, NOTHING, replace=True), paths))
    assert len(versions(own)) == 1
    assert leftovers(own) == []


def test_one_of_many_is_first(tmp_path: Path, own: Path) -> None:
    """Without --replace exactly one succeeds."""
    paths = [archive(tmp_path, str(i), seed=i) for i in range(4)]

    def attempt(path: Path) -> str:
        try:
            return install.add(path, own, NOTHING).pack.manifest.version
        except BadInput:
            return ""

    with ThreadPoolExecutor(4) as pool:
        added = [version for version in pool.map(attempt, paths) if version]
    assert versions(own) == added
    assert len(added) == 1


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Do `work` in a copy of this process that dies before its n-th change to the disk."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
        child = os.fork()
    if child == 0:
        left = step

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & 3
            if writes or event in ("os.rename", "os.mkdir", "os.remove", "os.rmdir"):
                left -= 1
                if left < 0:
                    os._exit(9)

        sys.addaudithook(count)
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_step(tmp_path: Path, own: Path) -> None:
    """Between any two changes to the disk: a sound pack is there, or comes back at the next add."""
    old, new = archive(tmp_path, "old"), archive(tmp_path, "new", seed=3)
    other = archive(tmp_path, "other", id="other")
    seen = set()
    step = 0
    while True:
        shutil.rmtree(own, ignore_errors=True)
        install.add(old, own, NOTHING)
        killed = killed_at(step, lambda: install.add(new, own, NOTHING, replace=True))
        seen.add(tuple(versions(own)))
        install.add(other, own, NOTHING)
        assert versions(own) in (["old", "other"], ["new", "other"])
        assert leftovers(own) == []
        if not killed:
            break
        step += 1
    assert seen == {("old",), (), ("new",)}
    assert step > 15


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_while_removing(tmp_path: Path, own: Path) -> None:
    """The pack is there whole, or gone."""
    path = archive(tmp_path)
    step = 0
    while True:
        shutil.rmtree(own, ignore_errors=True)
        install.add(path, own, NOTHING)
        killed = killed_at(step, lambda: install.remove("denoise", own, NOTHING))
        assert versions(own) in (["1.2.3"], [])
        if not killed:
            break
        step += 1
    assert versions(own) == []
    assert step > 5


def test_a_full_disk(tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was there stays, and what was begun is gone."""
    install.add(archive(tmp_path, "1"), own, NOTHING)
    newer = archive(tmp_path, "2", seed=2)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DniError, match="No space left on device"):
        install.add(newer, own, NOTHING, replace=True)
    assert versions(own) == ["1"]
    assert leftovers(own) == []
