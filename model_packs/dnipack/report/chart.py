"""Charts as inline SVG that takes its colours from the page.

Built as an element tree, so every text is escaped where it is written. Series are
labelled where they end, each point tells its values when pointed at, and a chart is
one picture with a name and a description for those who do not see it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from xml.etree.ElementTree import Element, SubElement, tostring

WIDTH, HEIGHT = 480, 300
LEFT, TOP, BOTTOM = 44, 30, 40
LABELLED, UNLABELLED = 74, 12
"""Right of the plot, with and without labels of series."""
COLOURS = 6
"""Classes c0 … c5 of the page's style."""
_LABEL_HEIGHT = 14.0
_TICKS = 5

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A line, labelled at its end if it has a label, or dots with bars from low to high."""

    label: str
    points: Sequence[Point]
    tips: Sequence[str]
    """What each point says when pointed at."""
    colour: int = 0
    dashed: bool = False
    best: int | None = None
    """Index of the point that is marked."""
    bars: Sequence[tuple[float, float]] = ()
    """(low, high) for each point; with bars there is no line."""


@dataclass(frozen=True)
class Axis:
    title: str
    low: float
    high: float

    @property
    def ticks(self) -> list[float]:
        """Round numbers within the bounds."""
        step = _round_step((self.high - self.low) / _TICKS)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(number * step, 9) for number in range(first, last + 1)]


def axis_for(title: str, values: Sequence[float], most: float = math.inf) -> Axis:
    """An axis with some air around the values, ending at `most` at the latest."""
    low, high = min(values), max(values)
    air = 0.06 * (high - low) or max(abs(high) * 0.01, 1e-3)
    return Axis(title, low - air, min(high + air, most))


def chart(name: str, about: str, x: Axis, y: Axis, series: Sequence[Series]) -> str:
    """SVG. `name` and `about` are for a reader who does not see it."""
    svg = Element("svg", {"class": "chart", "viewBox": f"0 0 {WIDTH} {HEIGHT}", "role": "img"})
    svg.set("aria-label", f"{name}. {about}")
    margin = LABELLED if any(one.label for one in series) else UNLABELLED
    frame = _Frame(x, y, WIDTH - margin)
    _draw_axes(svg, frame)
    for one in series:
        (_draw_bars if one.bars else _draw_line)(svg, frame, one)
    _draw_labels(svg, frame, series)
    return tostring(svg, encoding="unicode")


@dataclass(frozen=True)
class _Frame:
    """Values → pixels of the view box."""

    x: Axis
    y: Axis
    right: float

    def left(self, value: float) -> float:
        share = (value - self.x.low) / (self.x.high - self.x.low)
        return round(LEFT + share * (self.right - LEFT), 2)

    def top(self, value: float) -> float:
        share = (value - self.y.low) / (self.y.high - self.y.low)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 2)


def _draw_axes(svg: Element, frame: _Frame) -> None:
    right, bottom = frame.right, HEIGHT - BOTTOM
    for value in frame.y.ticks:
        _line(svg, "grid", (LEFT, frame.top(value)), (right, frame.top(value)))
        _text(svg, "tick end", LEFT - 8, frame.top(value) + 4, _number(value, frame.y.ticks))
    for value in frame.x.ticks:
        _line(svg, "axis", (frame.left(value), bottom), (frame.left(value), bottom + 4))
        _text(svg, "tick middle", frame.left(value), bottom + 18, _number(value, frame.x.ticks))
    _line(svg, "axis", (LEFT, bottom), (right, bottom))
    _text(svg, "name", 0, 14, frame.y.title)
    _text(svg, "name end", right, HEIGHT - 4, frame.x.title)


def _draw_line(svg: Element, frame: _Frame, series: Series) -> None:
    places = [(frame.left(x), frame.top(y)) for x, y in series.points]
    kind = "line dashed" if series.dashed else "line"
    points = " ".join(f"{x},{y}" for x, y in places)
    SubElement(svg, "polyline", {"class": f"{kind} c{series.colour % COLOURS}", "points": points})
    for number, (place, tip) in enumerate(zip(places, series.tips, strict=True)):
        kind = "best" if number == series.best else "spot"
        _dot(svg, f"{kind} c{series.colour % COLOURS}", place, tip)


def _draw_bars(svg: Element, frame: _Frame, series: Series) -> None:
    colour = f"c{series.colour % COLOURS}"
    for (x, y), (low, high), tip in zip(series.points, series.bars, series.tips, strict=True):
        left = frame.left(x)
        _line(svg, f"bar {colour}", (left, frame.top(low)), (left, frame.top(high)))
        _dot(svg, f"middle-of-bar {colour}", (left, frame.top(y)), tip)


def _draw_labels(svg: Element, frame: _Frame, series: Sequence[Series]) -> None:
    """Beside the last points, moved apart where they would overlap."""
    named = sorted((s for s in series if s.label), key=lambda s: -s.points[-1][1])
    wanted = [frame.top(s.points[-1][1]) for s in named]
    for one, top in zip(named, _apart(wanted, HEIGHT - BOTTOM), strict=True):
        left = max(frame.left(x) for x, _ in one.points) + 10
        _text(svg, f"label c{one.colour % COLOURS}", left, top + 4, one.label)


def _apart(tops: Sequence[float], bottom: float) -> list[float]:
    """The same rising places with at least a label's height between them, none below `bottom`."""
    placed: list[float] = []
    for top in tops:
        placed.append(max(top, placed[-1] + _LABEL_HEIGHT) if placed else top)
    for number, limit in zip(reversed(range(len(placed))), count(bottom, -_LABEL_HEIGHT)):
        placed[number] = min(placed[number], limit)
    return placed


def _line(svg: Element, kind: str, start: Point, end: Point) -> None:
    places = zip(("x1", "y1", "x2", "y2"), (*start, *end), strict=True)
    SubElement(svg, "line", {"class": kind, **{name: f"{value:g}" for name, value in places}})


def _dot(svg: Element, kind: str, place: Point, tip: str) -> None:
    dot = SubElement(svg, "circle", {"class": kind, "cx": f"{place[0]}", "cy": f"{place[1]}"})
    dot.set("r", "4")
    SubElement(dot, "title").text = tip


def _text(svg: Element, kind: str, left: float, top: float, text: str) -> None:
    SubElement(svg, "text", {"class": kind, "x": f"{left:g}", "y": f"{top:g}"}).text = text


def _round_step(rough: float) -> float:
    """The next 1, 2 or 5 × 10ⁿ."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= rough * (1 - 1e-9))


def _number(value: float, ticks: Sequence[float]) -> str:
    """With as many decimals as the step between ticks needs."""
    step = ticks[1] - ticks[0] if len(ticks) > 1 else abs(value) or 1
    return f"{value:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}".replace("-", "−")
