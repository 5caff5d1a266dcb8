"""The report in a real Chromium: it moves, it is whole, it asks for nothing.

Screenshots are left in tests/output/report: look at them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.browser import Browser, find_browser
from tests.dnipack.small_recipe import write_photos
from tests.small import write_pack

from dnipack.cli import main

HARM = "</title></style><script>document.title='run'</script><img src=x onerror=alert(1)>"
OUTPUT = Path(__file__).resolve().parents[1] / "output" / "report"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the report on a pack whose texts are hostile."""
    folder = tmp_path_factory.mktemp("report")
    pack = write_pack(folder, name=f"Small {HARM}", trained_on=HARM)
    (pack / "CARD.md").write_text(f"# {HARM}\n\n![]({folder.as_uri()}/x.png)", encoding="utf-8")
    output, photos = folder / "report.html", write_photos(folder / "photos")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DNID_CACHE_DIR", str(folder))
        assert main(["report", str(pack), "-o", str(output), "--data", str(photos)]) == 0
    return output


@pytest.fixture(scope="module")
def the_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Start one browser for all tests."""
    if (program := find_browser()) is None:
        pytest.skip("NO REAL BROWSER IS TESTED: there is no Chromium here (installer/test.sh).")
    with Browser(program, tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def browser(the_browser: Browser, report: Path) -> Browser:
    """Open the report in a wide, light window."""
    the_browser.look(1100)
    the_browser.open(report.as_uri())
    return the_browser


def split(browser: Browser) -> float:
    """Where the picture after begins, as a share of the width, by what is really cut away."""
    clip = browser.evaluate("getComputedStyle(document.querySelector('.after')).clipPath")
    return float(clip.removeprefix("inset(0px 0px 0px ").removesuffix(")").removesuffix("%")) / 100


def handle(browser: Browser) -> tuple[float, float, float]:
    """(left, width, middle of the height) of the stage, in pixels of the window."""
    left, width, middle = browser.evaluate(
        "(() => { const stage = document.querySelector('.stage');"
        " stage.scrollIntoView({behavior: 'instant'});"
        " const box = stage.getBoundingClientRect();"
        " return [box.left, box.width, box.top + box.height / 2]; })()"
    )
    return left, width, middle


def test_the_page_is_whole_and_quiet(browser: Browser) -> None:
    """Every picture decodes, nothing is asked for, nothing complains, nothing of the pack ran."""
    pictures = browser.evaluate(
        "Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth)))"
    )
    assert len(pictures) > 30
    assert min(pictures) > 0
    assert browser.requests() == []
    assert browser.complaints() == []
    assert browser.evaluate("document.title") == f"Small {HARM} – model pack denoise"


def test_the_mouse_moves_the_split(browser: Browser) -> None:
    """It begins in the middle and follows the handle; the handle is where the pictures meet."""
    left, width, middle = handle(browser)
    assert split(browser) == 0.5
    browser.drag((left + width / 2, middle), (left + 0.8 * width, middle))
    assert split(browser) == pytest.approx(0.8, abs=0.03)
    at = browser.evaluate(
        "(box => box.left + box.width / 2)"
        "(document.querySelector('.handle').getBoundingClientRect())"
    )
    assert (at - left) / width == pytest.approx(split(browser), abs=0.01)


def test_the_keyboard_moves_the_split(browser: Browser) -> None:
    """Home and End are the edges, the arrows small steps; focus can be seen."""
    browser.evaluate("document.querySelector('.split').focus()")
    places = []
    for key in ("Home", "ArrowRight", "End", "ArrowLeft"):
        browser.press(key)
        places.append(split(browser))
    assert places[0] == 0
    assert 0 < places[1] < 0.2
    assert places[2] == 1
    assert 0.8 < places[3] < 1
    style = "getComputedStyle(document.querySelector('.stage')).outlineStyle"
    assert browser.evaluate(style) == "solid"


def test_the_strength_chooses_the_picture(browser: Browser) -> None:
    """Each stop shows its own picture after, says its strength and marks its frame."""
    browser.evaluate("document.querySelector('.strength').focus()")
    seen = []
    for key in ("Home", "ArrowRight", "End"):
        browser.press(key)
        seen.append(
            browser.evaluate(
                "[document.querySelector('.after').src,"
                " document.querySelector('.strength-value').textContent,"
                " document.querySelector('.film [aria-pressed=true]').dataset.strength,"
                " document.querySelector('.film [aria-pressed=true] img').src]"
            )
        )
    assert [value for _, value, _, _ in seen] == ["0", "17", "100"]
    assert all(value == pressed for _, value, pressed, _ in seen)
    assert all(after == frame for after, _, _, frame in seen)
    assert len({after for after, _, _, _ in seen}) == 3


def test_another_photo_is_shown(browser: Browser) -> None:
    """Before, after and the film change together."""
    look = (
        "[document.querySelector('.before').src, document.querySelector('.after').src,"
        " [...document.querySelectorAll('.film')].map(film => film.hidden).join()]"
    )
    first = browser.evaluate(look)
    browser.evaluate("document.querySelectorAll('.photos button')[2].click()")
    third = browser.evaluate(look)
    assert first[2] == "false,true,true"
    assert third[2] == "true,true,false"
    assert first[0] != third[0]
    assert first[1] != third[1]


def test_the_policy_stops_what_escaping_might_miss(browser: Browser) -> None:
    """A script and a picture that were smuggled in do nothing, and no request is sent."""
    browser.evaluate(
        "document.body.insertAdjacentElement('beforeend', Object.assign("
        "document.createElement('script'), {textContent: 'document.title = \"run\"'})),"
        "document.body.insertAdjacentHTML('beforeend', '<img src=\"https://example.org/x.png\">')"
    )
    assert browser.evaluate("document.title") != "run"
    refused = " ".join(browser.complaints())
    assert "script-src" in refused
    assert "img-src" in refused


@pytest.mark.parametrize(
    ("name", "width", "dark"), [("wide", 1200, False), ("dark", 1200, True), ("narrow", 360, False)]
)
def test_it_fits_the_window(browser: Browser, name: str, width: int, dark: bool) -> None:
    """No sideways scrolling; the dark scheme is dark. Leaves a screenshot."""
    browser.look(width, dark)
    assert browser.evaluate("document.documentElement.scrollWidth") == width
    colour = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(colour.removeprefix("rgb(").split(",")[0]) < 64) is dark
    OUTPUT.mkdir(parents=True, exist_ok=True)
    browser.screenshot(OUTPUT / f"{name}.png")
    assert (OUTPUT / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
