"""manifest.json: exact to the byte when written, strict when read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.small import small_manifest

from dnid.errors import PackDamaged
from dnid.packs.manifest import MAX_MANIFEST_BYTES, Anchor, Manifest, SideNetwork, parse

HASH = "0123456789abcdef" * 4
MANIFEST = Manifest(
    id="denoise",
    name="Denoise",
    version="1.2.3",
    effect="denoise",
    architecture="unet",
    options={"channels": [4, 6], "fold": 1},
    anchors=(
        Anchor("n20", HASH, None, "σ 20"),
        Anchor("n40", HASH[::-1], "n20", "σ 40"),
    ),
    path=("n40", "n20"),
    curve=((0.0, 0.0), (0.5, 0.25), (1.0, 1.0)),
    halo=32,
    licence="CC0-1.0",
    trained_on="Nothing.",
)
TEXT = """{
  "format": 1,
  "id": "denoise",
  "name": "Denoise",
  "version": "1.2.3",
  "effect": "denoise",
  "network": {
    "architecture": "unet",
    "options": {
      "channels": [
        4,
        6
      ],
      "fold": 1
    }
  },
  "anchors": [
    {
      "name": "n20",
      "sha256": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
      "parent": null,
      "about": "σ 20"
    },
    {
      "name": "n40",
      "sha256": "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210",
      "parent": "n20",
      "about": "σ 40"
    }
  ],
  "path": [
    "n40",
    "n20"
  ],
  "curve": [
    [
      0.0,
      0.0
    ],
    [
      0.5,
      0.25
    ],
    [
      1.0,
      1.0
    ]
  ],
  "halo": 32,
  "licence": "CC0-1.0",
  "trained_on": "Nothing."
}
"""


def table() -> dict[str, Any]:
    return json.loads(TEXT)  # type: ignore[no-any-return]


def parse_table(value: object) -> Manifest:
    return parse(json.dumps(value).encode())


def test_exact_bytes() -> None:
    """The text of a manifest is fixed: its hash stands for the pack."""
    assert MANIFEST.to_json() == TEXT


def test_round_trip() -> None:
    """What was written is read as the same values."""
    assert parse(TEXT.encode()) == MANIFEST


@pytest.mark.parametrize(("key", "value"), [("scale", 4), ("approximate", True)])
def test_keys_that_may_be_left_out(key: str, value: object) -> None:
    """They are written where they say something, after all others, and read again."""
    manifest = replace(MANIFEST, **{"effect": "sr", "scale": 2} | {key: value})
    text = manifest.to_json()
    assert text.splitlines()[-2] == f'  "{key}": {json.dumps(value)}'
    assert parse(text.encode()) == manifest
    assert getattr(parse(TEXT.encode()), key) == getattr(MANIFEST, key)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scale": 2}, "scale must be"),
        ({"effect": "sr"}, "scale must be"),
        ({"effect": "sr", "scale": 3}, "scale must be"),
        ({"effect": "sr", "scale": 2.0}, "'scale' must be a JSON integer"),
        ({"effect": "sr", "scale": True}, "'scale' must be a JSON integer"),
        ({"effect": "sr", "scale": None}, "'scale' must be a JSON integer"),
        ({"approximate": 1}, "'approximate' must be a JSON boolean"),
    ],
)
def test_optional_keys_are_read_as_strictly(change: dict[str, Any], said: str) -> None:
    """Scale and effect fit each other; nothing is converted."""
    with pytest.raises(PackDamaged, match=said):
        parse_table(table() | change)


def at(root: Any, place: tuple[str | int, ...]) -> Any:  # noqa: ANN401
    for step in place:
        root = root[step]
    return root


PLACES: list[tuple[tuple[str | int, ...], str]] = [
    *(((key,), key) for key in table()),
    *((("network", key), key) for key in table()["network"]),
    *((("anchors", 1, key), key) for key in table()["anchors"][1]),
]


@pytest.mark.parametrize(("place", "key"), PLACES)
def test_a_missing_field_is_named(place: tuple[str | int, ...], key: str) -> None:
    """Every field must be there, in every object."""
    broken = table()
    del at(broken, place[:-1])[key]
    with pytest.raises(PackDamaged, match=rf"has no '{key}'"):
        parse_table(broken)


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [
        (place, key, value)
        for place, key in PLACES
        for value in (True, 1.5, {"x": 1}, [[]])
        if type(value) is not type(at(table(), place))
    ],
)
def test_a_field_of_another_type_is_named(
    place: tuple[str | int, ...], key: str, value: object
) -> None:
    """Nothing is converted: a number is no string and true is no integer."""
    broken = table()
    at(broken, place[:-1])[key] = value
    with pytest.raises(PackDamaged, match=rf"'{key}' must be a JSON"):
        parse_table(broken)


@pytest.mark.parametrize("place", [(), ("network",), ("anchors", 1)])
def test_an_unknown_key_is_named(place: tuple[str | int, ...]) -> None:
    """A typo is refused, not ignored."""
    broken = table()
    at(broken, place)["pathh"] = 1
    with pytest.raises(PackDamaged, match="unknown keys: 'pathh'"):
        parse_table(broken)


def renamed(name: str) -> Callable[[dict[str, Any]], object]:
    def change(t: dict[str, Any]) -> None:
        t["anchors"][0]["name"] = t["anchors"][1]["parent"] = t["path"][1] = name

    return change


def anchors(count: int) -> Callable[[dict[str, Any]], object]:
    def change(t: dict[str, Any]) -> None:
        t["anchors"] = [t["anchors"][0] | {"name": f"a{i}"} for i in range(count)]
        t["path"] = ["a0", "a1"]

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.update(format=2), "another format"),
        (lambda t: t.update(effect="sharpen"), "Unknown effect 'sharpen'"),
        (lambda t: t.update(id="../denoise"), "id '../denoise'"),
        (lambda t: t.update(id=""), "id ''"),
        (lambda t: t.update(id="Denoise"), "id 'Denoise'"),
        (lambda t: t.update(id="a" * 65), "id 'aaa"),
        (lambda t: t.update(id="denoise\n"), "'id' must hold one line"),
        (lambda t: t.update(name="\x1b[2J"), "'name' must hold one line"),
        (lambda t: t.update(trained_on="a\nb"), "'trained_on' must hold one line"),
        (lambda t: t["anchors"][0].update(about="\x07"), "'about' must hold one line"),
        (renamed("../../etc/passwd"), "anchor name '../../etc/passwd'"),
        (renamed("a/b"), "anchor name 'a/b'"),
        (renamed("a.b"), "anchor name"),
        (renamed("a\\b"), "anchor name"),
        (renamed("٣"), "anchor name"),
        (lambda t: t["anchors"][0].update(sha256=HASH.upper()), "sha256"),
        (lambda t: t["anchors"][0].update(sha256=HASH[1:]), "sha256"),
        (lambda t: t["anchors"][1].update(name="n20"), "same name"),
        (lambda t: t["anchors"][0].update(parent="n40"), "lineage"),
        (lambda t: t["anchors"][0].update(parent="n20"), "lineage"),
        (lambda t: t["anchors"][0].update(parent="n99"), "lineage"),
        (lambda t: t.update(anchors=[]), "1 to 64 anchors, not 0"),
        (anchors(65), "1 to 64 anchors, not 65"),
        (lambda t: t.update(anchors=["n20"]), "anchor must be a JSON object"),
        (lambda t: t.update(path=[]), "path"),
        (lambda t: t.update(path=["n20", "n20"]), "path"),
        (lambda t: t.update(path=["n20", "n60"]), "path"),
        (lambda t: t.update(path=["n20", 3]), "path"),
        (lambda t: t.update(halo=-1), "halo"),
        (lambda t: t.update(halo=1025), "halo"),
        (lambda t: t.update(curve=[]), "curve"),
        (lambda t: t.update(curve=[[0, 0]]), "curve"),
        (lambda t: t.update(curve=[[0, 0], [1, 2]]), "curve"),
        (lambda t: t.update(curve=[[0, 0.5], [1, 1]]), "curve"),
        (lambda t: t.update(curve=[[0, 0], [0.5, 0.8], [0.6, 0.4], [1, 1]]), "curve"),
        (lambda t: t.update(curve=[[0, 0], [0.5, 0.2], [0.5, 0.4], [1, 1]]), "curve"),
        (lambda t: t.update(curve=[[0, 0], [float("nan"), 0.4], [1, 1]]), "curve"),
        (lambda t: t.update(curve=[[0, 0], [0.5, float("inf")], [1, 1]]), "curve"),
        (lambda t: t.update(curve=[[0, 0], [0.5, 10**400], [1, 1]]), "curve"),
        (lambda t: t.update(curve=[[0, 0], [0.5, "1"], [1, 1]]), "curve"),
        (lambda t: t.update(curve=[[0, 0], [0.5, True], [1, 1]]), "curve"),
        (lambda t: t.update(curve=[[0, 0], [0.5], [1, 1]]), "curve"),
        (lambda t: t.update(curve={"0": 0}), "'curve' must be a JSON array"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    change: Callable[[dict[str, Any]], object], said: str
) -> None:
    """Names, hashes, lineage, path, curve and halo: the error tells which."""
    broken = table()
    change(broken)
    with pytest.raises(PackDamaged, match=said):
        parse_table(broken)


def test_a_key_that_stands_there_twice_is_refused() -> None:
    """Readers of JSON differ in which one counts."""
    for text in (TEXT.replace("{", '{"id": "other",', 1), TEXT.replace('"fold"', '"channels"')):
        with pytest.raises(PackDamaged, match="an object has a key twice"):
            parse(text.encode())


def test_an_anchor_may_have_a_licence_of_its_own() -> None:
    """It is written where it is not the pack's, and read as it was written."""
    anchors = (replace(MANIFEST.anchors[0], licence="MIT"), MANIFEST.anchors[1])
    manifest = replace(MANIFEST, anchors=anchors)
    text = TEXT.replace('"about": "σ 20"', '"about": "σ 20",\n      "licence": "MIT"')
    assert manifest.to_json() == text
    assert parse(text.encode()) == manifest


@pytest.mark.parametrize("count", [2, 64])
def test_as_many_anchors_as_allowed(count: int) -> None:
    """The bound itself is inside."""
    fitting = table()
    anchors(count)(fitting)
    assert len(parse_table(fitting).anchors) == count


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"\x80" * 100,
        TEXT.encode()[:-3],
        b"[" * 100_000,
        b'{"a":' * 20_000,
        b'{"format": ' + b"9" * 5000 + b"}",
        TEXT.replace("Nothing.", "\\ud800").encode(),
        TEXT.replace('"fold"', '"\\udc00"').encode(),
        TEXT.encode() + b" " * MAX_MANIFEST_BYTES,
    ],
    ids=range(13),
)
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    """Broken, deep, long or unspeakable JSON is a damaged pack, whatever the parser raises."""
    with pytest.raises(PackDamaged, match=r"manifest\.json (is|must be|has)"):
        parse(data)


def test_the_estimator_is_an_optional_key() -> None:
    """`auto` is written when there is one, and read back as it was."""
    auto = SideNetwork(HASH, "grain", {"channels": [8]})
    text = replace(MANIFEST, auto=auto).to_json()
    assert json.loads(text)["auto"] == {
        "sha256": HASH, "architecture": "grain", "options": {"channels": [8]}
    }  # fmt: skip
    assert parse(text.encode()).auto == auto
    assert parse(TEXT.encode()).auto is None


AUTO = {"sha256": HASH, "architecture": "grain", "options": {}}


@pytest.mark.parametrize(
    ("auto", "said"),
    [
        (None, "'auto' must be a JSON object"),
        ({}, "auto has no 'sha256'"),
        ({"sha256": HASH}, "auto has no 'architecture'"),
        ({"sha256": HASH, "architecture": "grain"}, "auto has no 'options'"),
        (AUTO | {"sha256": "x"}, "sha256 'x' is not of the form"),
        (AUTO | {"options": []}, "'options' must be a JSON object"),
        (AUTO | {"file": "../x"}, "auto has unknown keys: 'file'"),
    ],
)
def test_estimators_that_are_refused(auto: object, said: str) -> None:
    """The table is read as strictly as the rest; the file's name is fixed."""
    with pytest.raises(PackDamaged, match=said):
        parse(json.dumps(json.loads(TEXT) | {"auto": auto}).encode())


def test_no_anchor_takes_the_estimators_file() -> None:
    """An anchor named auto would lie in the same file."""
    anchors = (replace(MANIFEST.anchors[0], name="auto"), replace(MANIFEST.anchors[1], parent=None))
    named = replace(MANIFEST, anchors=anchors, path=("auto", "n40"))
    assert parse(named.to_json().encode()).path == ("auto", "n40")
    with pytest.raises(PackDamaged, match=r"has the file of a small network, auto\.safetensors"):
        parse(replace(named, auto=SideNetwork(HASH, "grain", {})).to_json().encode())


CHECK = {"verdict": "with care", "reason": "A reason.", "places": [0, 1], "pairs": []}


def test_the_verdict_of_a_check_is_kept() -> None:
    """What `dni-pack check` wrote comes back; without one, the key is left out."""
    manifest = small_manifest({"low": "0" * 64}, check=CHECK, normalisation="fold")
    again = parse(manifest.to_json().encode())
    assert (again.check, again.normalisation) == (CHECK, "fold")
    plain = small_manifest({"low": "0" * 64}).to_json()
    assert "check" not in plain
    assert "normalisation" not in plain


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"check": CHECK | {"verdict": "maybe"}}, "yes, with care, no"),
        ({"check": CHECK | {"more": 1}}, "unknown keys: 'more'"),
        ({"check": {"verdict": "yes"}}, "has no 'reason'"),
        ({"check": CHECK | {"reason": "two\nlines"}}, "one line of printable text"),
        ({"normalisation": "none"}, "paper or fold"),
    ],
)
def test_a_check_that_is_none_is_refused(changes: dict[str, Any], said: str) -> None:
    """Its verdict goes to a terminal."""
    with pytest.raises(PackDamaged, match=said):
        parse(small_manifest({"low": "0" * 64}, **changes).to_json().encode())
