"""The report's curves: what is drawn from which figures."""

from __future__ import annotations

from collections.abc import Sequence

from dnipack.report.chart import Axis, Series, axis_for, chart
from dnipack.report.contents import Contents, Pair, spread
from dnipack.study import Level

_STRENGTH = Axis("strength", 0, 100)
_UNCROWDED = 3
"""Levels in a chart that has two lines for each."""


def quality_chart(contents: Contents) -> str:
    """PSNR along the slider, a line a level (the paper's Fig. 15)."""
    levels = _named(contents)
    series = [_along_slider(level, name, number, 0) for number, (name, level) in enumerate(levels)]
    about = "; ".join(f"{name}: {_best(level, 0)}" for name, level in levels)
    return chart(
        "Quality along the slider", about, _STRENGTH, _axis("PSNR in dB", series, 1), series
    )


def mixing_chart(contents: Contents) -> str:
    """The blends and, dashed, the mix of the two ends as pictures (Fig. 5)."""
    levels = spread(_named(contents), _UNCROWDED)
    series = [
        _along_slider(level, name, number, contender)
        for number, (name, level) in enumerate(levels)
        for contender in (0, 1)
    ]
    about = "; ".join(
        f"{name}: blended {_best(level, 0)}, mixed {_best(level, 1)}" for name, level in levels
    )
    return chart(
        "Blending against mixing", about, _STRENGTH, _axis("PSNR in dB", series, 1), series
    )


def distance_chart(contents: Contents) -> str | None:
    """Distortion against the distance of features, which is nearer to the eye's; None where
    no features were measured (Blau and Michaeli, CVPR 2018)."""
    levels = spread(_named(contents), _UNCROWDED)
    if "features" not in contents.levels[0].untouched:
        return None
    series = [
        _in_plane(level, name, number, contender)
        for number, (name, level) in enumerate(levels)
        for contender in (0, 1)
    ]
    about = (
        "Blends are full lines, mixes dashed; what lies lower and to the right is worse in both."
    )
    x = _axis("distance of features (less is nearer)", series, 0)
    return chart("Distortion and distance", about, x, _axis("PSNR in dB", series, 1), series)


def correlation_chart(pairs: Sequence[Pair]) -> str | None:
    """Median and quartiles of the filters' correlation, layer by layer (Fig. 4 and 13).

    Pair number n has colour n. None where there is nothing to compare.
    """
    if not pairs or not pairs[0].layers:
        return None
    series = [_bars(pair, n, 0.22 * (n - (len(pairs) - 1) / 2)) for n, pair in enumerate(pairs)]
    lows = [low for one in series for low, _ in one.bars]
    about = "; ".join(f"{' – '.join(pair.names)}: mean {pair.mean:.3f}" for pair in pairs)
    x = Axis("layer", 0.5, len(pairs[0].layers) + 0.5)
    y = axis_for("correlation ρ", [*lows, 1.0], most=1.0)
    return chart("Correlation of filters", about, x, y, series)


def _named(contents: Contents) -> list[tuple[str, Level]]:
    return list(zip(contents.level_names, contents.levels, strict=True))


def _along_slider(level: Level, name: str, number: int, contender: int) -> Series:
    """Contender 0 blends, 1 mixes."""
    scores = level.scores[contender]
    return Series(
        label="" if contender else name,
        points=[(100 * s, value) for s, value in zip(scores.positions, scores.psnr, strict=True)],
        tips=_tips(level, name, contender),
        colour=number,
        dashed=bool(contender),
        best=scores.best,
    )


def _in_plane(level: Level, name: str, number: int, contender: int) -> Series:
    scores = level.scores[contender]
    return Series(
        label="" if contender else name,
        points=list(zip(scores.curves["features"], scores.psnr, strict=True)),
        tips=_tips(level, name, contender),
        colour=number,
        dashed=bool(contender),
    )


def _tips(level: Level, name: str, contender: int) -> list[str]:
    scores, how = level.scores[contender], ("blended", "mixed")[contender]
    return [
        f"{name}, {how}: {value:.2f} dB at strength {100 * strength:.0f}"
        for strength, value in zip(scores.positions, scores.psnr, strict=True)
    ]


def _bars(pair: Pair, number: int, shift: float) -> Series:
    spreads = [layer.quartiles for layer in pair.layers]
    names = " – ".join(pair.names)
    return Series(
        label="",  # the table beside it is its key
        points=[(i + shift, median) for i, (_, median, _) in enumerate(spreads, 1)],
        tips=[
            f"{layer.layer}, {names}: median {median:.3f}, "
            f"half of the filters {low:.3f} to {high:.3f}"
            for layer, (low, median, high) in zip(pair.layers, spreads, strict=True)
        ],
        colour=number,
        bars=[(low, high) for low, _, high in spreads],
    )


def _axis(title: str, series: Sequence[Series], coordinate: int) -> Axis:
    return axis_for(title, [point[coordinate] for one in series for point in one.points])


def _best(level: Level, contender: int) -> str:
    scores = level.scores[contender]
    return (
        f"at best {scores.psnr[scores.best]:.2f} dB, at {100 * scores.positions[scores.best]:.0f}"
    )
