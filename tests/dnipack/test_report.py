"""The report is one page that needs nothing else, whatever stands in the pack."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.dnipack.small_recipe import write_photos
from tests.small import write_enlarger, write_pack

from dnid.errors import PackDamaged
from dnid.packs.manifest import Anchor
from dnid.packs.store import open_pack
from dnipack.cli import main
from dnipack.report.card import MAX_BYTES, card_html
from dnipack.report.contents import crop, spread
from dnipack.report.filters import first_layer, last_layer
from dnipack.report.page import lineage

HARM = "</title></style><script>document.title='run'</script><img src=x onerror=alert(1)>"
CARD = f"""# Card {HARM}

[a](javascript:alert(1)) [b](https://example.org/) ![c](https://example.org/c.png) {HARM}

| <b>x</b> | y |
|---|---|
| 1 | 2 |
"""


class Page(HTMLParser):
    """The tags of a page, and all its text outside of script and style."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a hostile pack, three photos, and the report on them."""
    folder = tmp_path_factory.mktemp("report")
    pack = write_pack(folder, name=HARM, licence=HARM, trained_on=HARM)
    (pack / "CARD.md").write_text(CARD, encoding="utf-8")
    write_photos(folder / "photos").joinpath("a.png").rename(folder / "photos" / "<b>a.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DNID_CACHE_DIR", str(folder / "cache"))
        arguments = [str(pack), "-o", str(folder / "report.html"), "--data", str(folder / "photos")]
        assert main(["report", *arguments, "--levels", "10,30"]) == 0
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    """Return the report, parsed."""
    return Page(folder / "report.html")


def test_nothing_is_fetched(page: Page) -> None:
    """Pictures are data; links lead within the page or are the card's own."""
    assert all(str(image["src"]).startswith("data:image/") for image in page.all("img"))
    assert {str(link["href"])[0] for link in page.all("a")} == {"#", "h"}
    assert [a["href"] for a in page.all("a") if a["href"][0] == "h"] == ["https://example.org/"]  # type: ignore[index]
    assert [link["href"] for link in page.all("link")] == ["data:,"]
    assert all(tag not in dict(page.tags) for tag in ("iframe", "object", "embed", "form", "base"))


def test_nothing_of_the_pack_runs(page: Page) -> None:
    """One script, the page's own, without an address; no event in an attribute; all is shown."""
    assert page.all("script") == [{}]
    assert not [name for _, attributes in page.tags for name in attributes if name[:2] == "on"]
    assert not [one for _, one in page.tags if "style" in one]  # the policy would drop it
    assert page.text.count("document.title='run'") >= 6
    policy = page.all("meta")[1]["content"] or ""
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_page_tells_what_the_pack_is(page: Page, folder: Path) -> None:
    """Path, hashes, levels, lineage, the card's table, and the end."""
    for text in ("low → mid → high", "σ 10", "σ 30", "Anchor mid", "Card"):
        assert text in page.text
    assert [h["id"] for h in page.all("section")] == [
        "see", "quality", "mixing", "filters", "anchors", "card",
    ]  # fmt: skip
    assert len([svg for svg in page.all("svg") if svg["class"] == "chart"]) == 3
    assert (folder / "report.html").stat().st_size < 1_000_000
    assert not list(folder.glob("*.partial"))


def test_every_control_and_picture_has_a_name(page: Page) -> None:
    """For a reader who does not see the page."""
    assert all(image["alt"] for image in page.all("img"))
    assert all(one.get("aria-label") or one.get("id") == "strength" for one in page.all("input"))
    assert [label["for"] for label in page.all("label")] == ["strength"]
    assert all(one.get("aria-label") or one.get("aria-hidden") for one in page.all("svg"))


def test_a_pack_that_enlarges_has_a_report(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before is the small photo, enlarged; the level is the scale."""
    monkeypatch.setenv("DNID_CACHE_DIR", str(folder / "cache"))
    pack, output = write_enlarger(tmp_path, 2), tmp_path / "report.html"
    assert main(["report", str(pack), "-o", str(output), "--data", str(folder / "photos")]) == 0
    page = Page(output)
    assert "1/2" in page.text
    assert all(section["id"] != "card" for section in page.all("section"))


def test_what_cannot_be_reported_is_said(
    tmp_path: Path,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No photos, no folder to write into: one sentence, nothing written."""
    monkeypatch.setenv("DNID_CACHE_DIR", str(folder / "cache"))
    pack, output = str(folder / "denoise"), str(tmp_path / "report.html")
    for arguments, said in (
        (["-o", output, "--data", str(tmp_path)], "No photos"),
        (["-o", str(tmp_path / "none" / "report.html")], "There is no folder"),
    ):
        assert main(["report", pack, *arguments]) == 1
        assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_card_keeps_its_headings_below_the_page(tmp_path: Path) -> None:
    """Tables are tables, pictures their description, headings begin at the third rank."""
    assert card_html(tmp_path) is None
    (tmp_path / "CARD.md").write_text(CARD, encoding="utf-8")
    html = str(card_html(tmp_path))
    assert html.startswith("<h3>Card &lt;/title&gt;")
    assert "<td>2</td>" in html
    assert "<img" not in html
    assert "<script" not in html


def test_a_card_is_a_plain_small_file(tmp_path: Path) -> None:
    """A link would show any file of the reader's; bytes that are no text are replaced."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "CARD.md").symlink_to(tmp_path / "secret")
    with pytest.raises(PackDamaged, match="is a link"):
        card_html(tmp_path)
    (tmp_path / "CARD.md").unlink()
    (tmp_path / "CARD.md").write_bytes(b"x" * (MAX_BYTES + 1))
    with pytest.raises(PackDamaged, match="larger than 256 KiB"):
        card_html(tmp_path)
    (tmp_path / "CARD.md").write_bytes(b"\xff a")
    assert card_html(tmp_path) == "<p>\ufffd a</p>\n"


def test_filters_of_folded_pixels_are_unfolded() -> None:
    """12 channels of a 2×2 fold are a colour filter of twice the size; a bright pixel is bright."""
    first, last = torch.zeros(5, 12, 3, 3), torch.zeros(12, 5, 3, 3)
    first[4, 4, 1, 1] = 2.0  # channel 4: green, top left of its 2×2
    last[4, 4, 0, 0] = -2.0
    anchors = {"a": {"h.weight": first, "t.weight": last}}
    sheet = first_layer(anchors)
    assert sheet is not None
    assert (sheet.layer, sheet.numbers) == ("h", (0, 1, 2, 3, 4))
    picture = sheet.rows["a"][4]
    assert picture.shape == (6, 6, 3)
    assert picture[2, 2].tolist() == [128, 255, 128]
    assert int((picture != 128).sum()) == 1
    sheet = last_layer(anchors)
    assert sheet is not None
    assert sheet.rows["a"][4][4, 4].tolist() == [128, 0, 128]  # seen from the input: turned


def test_a_network_without_convolutions_has_no_sheet() -> None:
    """Nothing is made up."""
    assert first_layer({"a": {"w.weight": torch.zeros(2, 2)}}) is None
    assert last_layer({"a": {"w.weight": torch.zeros(2, 2)}}) is None


def test_lineage_is_a_tree(folder: Path) -> None:
    """Children stand below the anchor they were fine-tuned from."""
    (low,) = lineage(open_pack(folder / "denoise").manifest)
    assert isinstance(low.anchor, Anchor)
    assert [low.anchor.name, low.children[0].anchor.name] == ["low", "mid"]
    assert low.children[0].children[0].children == ()


def test_crops_and_choices() -> None:
    """A crop keeps to the photo; a choice keeps the first and the last."""
    assert crop(np.zeros((400, 300, 3), np.uint8)).shape == (288, 288, 3)
    assert crop(np.zeros((40, 300, 3), np.uint8)).shape == (40, 288, 3)
    assert spread(range(10), 4) == [0, 3, 6, 9]
    assert spread("ab", 4) == ["a", "b"]
