"""Charts put values where they belong, and text where it cannot do harm."""

from __future__ import annotations

from itertools import pairwise
from xml.etree.ElementTree import Element, fromstring

import pytest

from dnipack.report.chart import Axis, Series, axis_for, chart

X, Y = Axis("strength", 0, 100), Axis("dB", 20, 30)


def drawn(*series: Series) -> Element:
    return parsed(chart("A name", "About it", X, Y, series))


def parsed(svg: str) -> Element:
    return fromstring(svg)  # noqa: S314 - made here


def line(*points: tuple[float, float], label: str = "one", best: int | None = None) -> Series:
    return Series(label, points, [f"tip {y:g}" for _, y in points], best=best)


def test_a_line_runs_through_its_points() -> None:
    """Equal steps of a value are equal steps on paper; more is higher; each point has a tip."""
    svg = drawn(line((0, 20), (50, 25), (100, 30), best=1))
    places = [p.split(",") for p in svg.find("polyline").attrib["points"].split()]  # type: ignore[union-attr]
    (x0, y0), (x1, y1), (x2, y2) = [(float(x), float(y)) for x, y in places]
    assert x0 < x1 < x2
    assert x1 - x0 == pytest.approx(x2 - x1)
    assert y0 > y1 > y2
    assert y0 - y1 == pytest.approx(y1 - y2)
    assert [tip.text for tip in svg.iter("title")] == ["tip 20", "tip 25", "tip 30"]
    assert [c.attrib["class"].split()[0] for c in svg.iter("circle")] == ["spot", "best", "spot"]


def test_bars_reach_from_low_to_high() -> None:
    """One a point, with no line between them."""
    svg = drawn(Series("", [(10, 25)], ["tip"], bars=[(22, 28)]))
    assert svg.find("polyline") is None
    bar = next(one for one in svg.iter("line") if one.attrib["class"] == "bar c0")
    middle = next(svg.iter("circle"))
    high, low, at = float(bar.attrib["y2"]), float(bar.attrib["y1"]), float(middle.attrib["cy"])
    assert low - at == pytest.approx(at - high)
    assert low > high


def test_labels_do_not_overlap() -> None:
    """Three lines that end at one place have three labels one above the other."""
    svg = drawn(*(line((0, 20), (100, 25 + i / 10), label=f"σ {i}") for i in range(3)))
    labels = [t for t in svg.iter("text") if "label" in t.attrib["class"]]
    tops = [float(label.attrib["y"]) for label in labels]
    assert [label.text for label in labels] == ["σ 2", "σ 1", "σ 0"]
    assert all(b - a >= 13.9 for a, b in pairwise(tops))


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 100, [0, 20, 40, 60, 80, 100]),
        (21.3, 33.1, [25, 30]),
        (0.93, 1.0, [0.94, 0.96, 0.98, 1.0]),
        (-0.11, 0.9, [0, 0.5]),
    ],
)
def test_ticks_are_round(low: float, high: float, ticks: list[float]) -> None:
    """1, 2 or 5 times a power of ten, all within the axis."""
    assert Axis("", low, high).ticks == ticks


def test_an_axis_has_room_for_one_value() -> None:
    """All points alike are no reason to divide by nothing."""
    axis = axis_for("dB", [30.0, 30.0])
    assert axis.low < 30 < axis.high
    assert axis_for("ρ", [0.5, 1.0], most=1.0).high == 1.0


def test_text_is_text() -> None:
    """A label from a pack is shown as it is and is no element."""
    bad = "</svg><script>alert(1)</script>"
    svg = chart(bad, f'" onload="{bad}', X, Y, [line((0, 20), (100, 30), label=bad)])
    assert "<script" not in svg
    assert bad in [text.text for text in parsed(svg).iter("text")]
    assert parsed(svg).attrib.keys() == {"class", "viewBox", "role", "aria-label"}
