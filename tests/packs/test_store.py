"""Packs are found in order, verified byte by byte, and loaded."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from tests.small import ANCHORS, random_anchors, write_enlarger, write_pack

from dnid.errors import PackDamaged, PackNotFound
from dnid.packs.store import PackStore, default_folders, open_pack


def test_anchors_are_read_bit_for_bit(tmp_path: Path) -> None:
    """The rows of Θ are the files' weights, in the manifest's order."""
    anchors = random_anchors()
    stack = open_pack(write_pack(tmp_path, anchors)).anchors()
    assert stack.names == ANCHORS
    for row, name in zip(stack.matrix, ANCHORS, strict=True):
        assert all(torch.equal(v, anchors[name][k]) for k, v in stack.state(row).items())


def test_the_control_follows_the_path_not_the_files(tmp_path: Path) -> None:
    """α is counted in the manifest's order of anchors; the slider travels along the path."""
    pack = write_pack(tmp_path, path=("high", "low"), curve=((0.0, 0.0), (1.0, 1.0)))
    control = open_pack(pack).control()
    assert [control.alpha(s) for s in (0, 0.25, 1)] == [(0, 0, 1), (0.25, 0, 0.75), (1, 0, 0)]


def test_the_hash_stands_for_the_pack(tmp_path: Path) -> None:
    """A pack's sha256 is that of its manifest.json."""
    pack = write_pack(tmp_path)
    expected = hashlib.sha256((pack / "manifest.json").read_bytes()).hexdigest()
    assert open_pack(pack).sha256 == expected


def test_the_earlier_folder_counts(tmp_path: Path) -> None:
    """The user's own pack hides the shipped one of the same id."""
    for folder in ("own", "shipped"):
        write_pack(tmp_path / folder, name=folder)
    store = PackStore([tmp_path / "missing", tmp_path / "own", tmp_path / "shipped"])
    assert store.find("denoise").manifest.name == "own"
    assert store.find("denoise", "denoise").manifest.name == "own"
    assert [pack["name"] for pack in store.describe()] == ["own"]


def test_the_default_is_named_like_the_effect(tmp_path: Path) -> None:
    """Else it is the first by id; an id is always taken at its word."""
    for pack_id in ("zz", "aa", "denoise"):
        write_pack(tmp_path, id=pack_id)
    write_pack(tmp_path, id="a-jpeg", effect="dejpeg")
    store = PackStore([tmp_path])
    assert store.find("denoise").manifest.id == "denoise"
    assert store.find("denoise", "zz").manifest.id == "zz"
    shutil.rmtree(tmp_path / "denoise")
    assert store.find("denoise").manifest.id == "aa"


def test_the_default_for_enlarging_goes_by_the_scale(tmp_path: Path) -> None:
    """Each scale has its own packs; one that is named must have the scale that is asked for."""
    for pack_id, scale in (("sr-x4", 4), ("sr-x2", 2), ("aa-soft", 4)):
        write_pack(tmp_path, id=pack_id, effect="sr", scale=scale)
    store = PackStore([tmp_path])
    assert store.find("sr", scale=4).manifest.id == "sr-x4"
    assert store.find("sr", scale=2).manifest.id == "sr-x2"
    assert store.find("sr", "aa-soft", 4).manifest.id == "aa-soft"
    shutil.rmtree(tmp_path / "sr-x4")
    assert store.find("sr", scale=4).manifest.id == "aa-soft"
    shutil.rmtree(tmp_path / "aa-soft")
    with pytest.raises(PackNotFound, match="No pack for sr that enlarges 4 times is installed"):
        store.find("sr", scale=4)
    with pytest.raises(PackNotFound, match="'sr-x2' enlarges 2 times, not 4"):
        store.find("sr", "sr-x2", 4)


def test_a_network_of_another_scale_is_refused(tmp_path: Path) -> None:
    """A manifest that promises what its network does not do is a damaged pack."""
    pack = open_pack(write_pack(tmp_path, id="sr-x2", effect="sr", scale=2))
    with pytest.raises(PackDamaged, match="enlarges 2 times, but its network does 1 times"):
        pack.network()


def test_describe_tells_the_defaults(tmp_path: Path) -> None:
    """One for each effect and scale, what `find` gives; and who stands in another's place."""
    for folder, names in (("own", ("zz", "denoise")), ("shipped", ("aa", "denoise"))):
        for name in names:
            write_pack(tmp_path / folder, id=name)
    write_enlarger(tmp_path / "shipped", 4)
    write_enlarger(tmp_path / "own", 2, id="my-x2")
    described = PackStore([tmp_path / "own", tmp_path / "shipped"]).describe()
    assert {pack["id"]: (pack["default"], pack["hides"]) for pack in described} == {
        "aa": (False, False),
        "denoise": (True, True),
        "my-x2": (True, False),
        "sr-x4": (True, False),
        "zz": (False, False),
    }


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    """No pack for the effect, no such id, an id of another effect, an id that is a path."""
    write_pack(tmp_path)
    store = PackStore([tmp_path])
    for effect, pack_id, said in (
        ("sr", None, "No pack for sr"),
        ("denoise", "other", "no pack 'other'"),
        ("sr", "denoise", "for denoise, not sr"),
        ("denoise", "../" + tmp_path.name + "/denoise", "no pack"),
        ("denoise", str(tmp_path / "denoise"), "no pack"),
    ):
        with pytest.raises(PackNotFound, match=said):
            store.find(effect, pack_id)


def test_a_damaged_pack_is_listed_with_its_fault(tmp_path: Path) -> None:
    """`describe` tells of sound and damaged packs alike, in the order of their ids."""
    write_pack(tmp_path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text("{")
    broken, sound = PackStore([tmp_path]).describe()
    assert broken.keys() == {"id", "error", "hides"}
    assert broken["id"] == "broken"
    assert "Pack 'broken': manifest.json is not JSON" in broken["error"]
    assert sound["path"] == list(ANCHORS)
    assert sound["anchors"] == [{"name": n, "about": f"Anchor {n}"} for n in ANCHORS]
    assert sound["sha256"] == open_pack(tmp_path / "denoise").sha256


def test_a_damaged_pack_does_not_hide_a_sound_one(tmp_path: Path) -> None:
    """A broken manifest stands in the way of its own pack alone."""
    write_pack(tmp_path, id="dejpeg-soft", effect="dejpeg")
    for name in ("aa", "denoise"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text("{")
    store = PackStore([tmp_path])
    assert store.find("dejpeg").manifest.id == "dejpeg-soft"
    with pytest.raises(PackDamaged, match="denoise"):
        store.find("denoise")


def test_a_pack_in_a_folder_of_another_name_is_refused(tmp_path: Path) -> None:
    """The id and the folder's name are one."""
    write_pack(tmp_path).rename(tmp_path / "other")
    with pytest.raises(PackDamaged, match="folder 'other' holds the pack 'denoise'"):
        open_pack(tmp_path / "other")


def test_the_users_folder_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Then come the shipped packs."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    own, *shipped = default_folders()
    assert own == tmp_path / "dnid" / "packs"
    assert [folder.name for folder in shipped] == ["packs"]


def test_the_shipped_packs_manifests_are_sound() -> None:
    """Every pack that ships is as its FORMAT.md says."""
    for pack in PackStore(default_folders()[1:]).describe():
        assert "error" not in pack, pack


def test_other_files_do_not_matter(tmp_path: Path) -> None:
    """Cards and pictures may lie beside the anchors."""
    pack = write_pack(tmp_path)
    (pack / "README.md").write_text("A card.")
    (tmp_path / "README.md").write_text("No pack.")
    assert [p["id"] for p in PackStore([tmp_path]).describe()] == ["denoise"]
    assert open_pack(pack).anchors().matrix.shape[0] == len(ANCHORS)


def test_describe_is_plain_json(tmp_path: Path) -> None:
    """It goes over the wire."""
    write_pack(tmp_path)
    described = PackStore([tmp_path]).describe()
    assert json.loads(json.dumps(described)) == described
