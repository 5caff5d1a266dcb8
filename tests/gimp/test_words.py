"""The plug-in's words and their translations, without a GIMP."""

from __future__ import annotations

import ast
import gettext
import re
import string
from pathlib import Path

import pytest

PLUG_IN = Path(__file__).resolve().parents[2] / "gimp_plugin" / "dni"
DAEMON = PLUG_IN.parents[1] / "daemon" / "dnid"
CATALOGS = sorted((PLUG_IN / "dni_gimp" / "locale").glob("*/LC_MESSAGES/dni.mo"))


def words(mark: str = "_", files: str = "*.py") -> set[str]:
    """Return every text that the files mark for translation; of `ngettext`, the singulars."""
    calls = (
        node
        for file in PLUG_IN.rglob(files)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == mark
    )
    return {ast.literal_eval(call.args[0]) for call in calls}


def catalog(path: Path) -> dict[str, str]:
    """Return a compiled catalog's translations."""
    with path.open("rb") as file:
        texts: dict[str, str] = gettext.GNUTranslations(file)._catalog
    return {key: text for key, text in texts.items() if key and isinstance(key, str)}


def plurals(path: Path) -> dict[str, set[str]]:
    """Return a compiled catalog's texts that depend on a number: all forms of each."""
    with path.open("rb") as file:
        texts = gettext.GNUTranslations(file)._catalog
    forms: dict[str, set[str]] = {}
    for key, text in texts.items():
        if isinstance(key, tuple):
            forms.setdefault(key[0], set()).add(text)
    return forms


def test_there_is_a_german_catalog() -> None:
    """One complete translation shows that all of it can be translated."""
    assert [path.parts[-3] for path in CATALOGS] == ["de"]


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.parts[-3])
def test_a_translation_is_complete(path: Path) -> None:
    """Every text of the code is in it, and nothing that the code no longer says."""
    assert set(catalog(path)) == words()
    assert set(plurals(path)) == words("ngettext")


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.parts[-3])
def test_a_translation_fits_its_text(path: Path) -> None:
    """It has the same places to fill in, and a mnemonic where the text has one."""
    forms = [(text, form) for text, all_of_it in plurals(path).items() for form in all_of_it]
    for text, translated in [*catalog(path).items(), *forms]:
        fields = [
            {f for _, f, _, _ in string.Formatter().parse(t) if f} for t in (text, translated)
        ]
        assert fields[0] == fields[1], text
        assert bool(re.search("_[a-zA-Z]", text)) == bool(re.search("_[a-zA-Z]", translated)), text


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.parts[-3])
def test_a_catalog_is_compiled_from_its_source(path: Path) -> None:
    """The .mo that is shipped says what the .po beside it says."""
    source = path.with_suffix(".po").read_text(encoding="utf-8")
    pairs = re.findall(r'^msgid (".+")\nmsgstr (".+")$', source, re.MULTILINE)
    assert {ast.literal_eval(a): ast.literal_eval(b) for a, b in pairs} == catalog(path)
    forms = re.findall(r'^msgstr\[\d\] (".+")$', source, re.MULTILINE)
    compiled = set().union(*plurals(path).values())
    assert {ast.literal_eval(form) for form in forms} == compiled


def test_the_daemon_says_what_is_translated() -> None:
    """Each sentence of the daemon that has a translation stands in its code, word for word."""
    texts = {
        node.value
        for file in DAEMON.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    translated = words(files="words.py")
    assert len(translated) >= 7
    assert translated <= texts


# What the dialogs show at one time; GIMP's own are R, C, S and L.
GIMPS = ["_Reset", "_Cancel", "_Save Settings", "_Load Saved Settings"]
SHARED = ["Rest_ore", "_Fit", "Split vie_w", "_Before", "Resul_t"]
TROUBLE = ["Try _again", "Show the lo_g"]
EFFECTS = ["Remove _JPEG traces", "Remove _noise", "Blur the bac_kground", "_Upscale", "Shar_pness"]
MAPS = ["Strength _map", "In_vert"]


@pytest.mark.parametrize(
    "shown",
    [[*SHARED, *TROUBLE, *EFFECTS, *MAPS], [*SHARED, *TROUBLE, "_Pack"]],
    ids=["restore", "blend"],
)
def test_mnemonics_do_not_clash(shown: list[str]) -> None:
    """Each letter stands for one control of a dialog, GIMP's own buttons included."""
    assert set(shown) <= words()
    letters = [text[text.index("_") + 1].lower() for text in [*GIMPS, *shown]]
    assert sorted(letters) == sorted(set(letters))
