"""The report's charts draw the figures they are given."""

from __future__ import annotations

from dnipack.report.contents import Contents
from dnipack.report.curves import correlation_chart, distance_chart, quality_chart
from dnipack.study import Level, Scores


def contents(*metrics: str) -> Contents:
    """One level; blends at three positions, mixes at two."""
    figures = {"psnr": (20.0, 26.5, 24.0), "features": (0.5, 0.25, 0.4)}

    def scores(name: str, positions: tuple[float, ...]) -> Scores:
        return Scores(name, positions, {m: figures[m][: len(positions)] for m in metrics})

    both = (scores("pack", (0.0, 0.5, 1.0)), scores("mixing", (0.0, 1.0)))
    level = Level(20, {m: figures[m][0] for m in metrics}, both)
    return Contents([level], ["σ 20"], "σ 20", [], [], [], None, None, 1)


def test_the_best_strength_is_told() -> None:
    """In the description and at the point, for readers who do not see the line."""
    svg = quality_chart(contents("psnr"))
    assert "σ 20: at best 26.50 dB, at 50" in svg
    assert "<title>σ 20, blended: 26.50 dB at strength 50</title>" in svg
    assert svg.count('class="best') == 1


def test_distance_is_drawn_where_features_were_measured() -> None:
    """A full line of blends, a dashed one of mixes; else there is no such chart."""
    svg = distance_chart(contents("psnr", "features"))
    assert svg is not None
    assert svg.count("<polyline") == 2
    assert svg.count('class="line dashed') == 1
    assert "σ 20, mixed: 26.50 dB at strength 100" in svg
    assert distance_chart(contents("psnr")) is None


def test_one_anchor_has_no_correlation() -> None:
    """There is nothing to compare it with."""
    assert correlation_chart([]) is None
