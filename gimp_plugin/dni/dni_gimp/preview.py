"""What a preview shows of the picture, what it asks for, and what it shows meanwhile.

Nothing here knows of windows or of sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from math import ceil, floor
from typing import Generic, TypeVar

ZOOMS = (0.25, 1 / 3, 0.5, 2 / 3, 1.0, 1.5, 2.0, 3.0, 4.0)
ALIGN = 32  # pixels
KEPT = 12  # results; enough to follow a hand, at some 2 MB each

Place = tuple[float, ...]
"""Strengths: a point; see recipes.place_of."""
T = TypeVar("T")


@dataclass(frozen=True)
class Box:
    """A rectangle of whole pixels."""

    left: int
    top: int
    width: int
    height: int

    def grown(self, halo: int, bounds: tuple[int, int]) -> Box:
        """Return this with `halo` pixels more on each side, inside of a picture of this size.

        It begins at a multiple of ALIGN, where the grid of a network that halves the picture
        lies as it lies over the whole one.
        """
        left = max(0, (self.left - halo) // ALIGN * ALIGN)
        top = max(0, (self.top - halo) // ALIGN * ALIGN)
        right = min(bounds[0], self.left + self.width + halo)
        bottom = min(bounds[1], self.top + self.height + halo)
        return Box(left, top, right - left, bottom - top)

    def shrunk(self, density: float) -> Box:
        """Return about the same part of a picture that is `density` (0..1) times as large."""
        left, top = round(self.left * density), round(self.top * density)
        width, height = (max(1, round(side * density)) for side in (self.width, self.height))
        return Box(left, top, width, height)

    def times(self, scale: int) -> Box:
        """Return this on a grid that is `scale` times finer."""
        return Box(*(value * scale for value in (self.left, self.top, self.width, self.height)))


@dataclass(frozen=True)
class View:
    """Which part of a picture is seen, and how large."""

    picture: tuple[int, int]
    """Width and height of the layer."""
    window: tuple[int, int]
    """Width and height of what shows it, in the screen's own pixels."""
    centre: tuple[float, float]
    """The point of the layer in the middle of the window."""
    zoom: float = 1.0
    """Pixels of the screen a pixel of the result."""
    scale: int = 1
    """Pixels of the result a pixel of the layer, a side."""

    @property
    def density(self) -> float:
        """Pixels of the screen a pixel of the layer."""
        return self.zoom * self.scale

    def box(self) -> Box:
        """Return the part of the layer that is seen, whole pixels."""
        sides = zip(self.picture, self.window, self.centre, strict=True)
        (left, right), (top, bottom) = (self._span(*side) for side in sides)
        return Box(left, top, right - left, bottom - top)

    def _span(self, picture: int, window: int, centre: float) -> tuple[int, int]:
        half = window / self.density / 2
        if self.density < 1:  # smaller copies begin and end at their own pixels, not at the view's
            half += 1 / self.density
        first = min(max(0, floor(centre - half + 1e-6)), picture - 1)
        return first, max(first + 1, min(picture, ceil(centre + half - 1e-6)))

    def on_screen(self, x: float, y: float) -> tuple[float, float]:
        """Return where in the window a point of the layer lies."""
        return (
            (x - self.centre[0]) * self.density + self.window[0] / 2,
            (y - self.centre[1]) * self.density + self.window[1] / 2,
        )

    def dragged(self, dx: float, dy: float) -> View:
        """Return this with the picture moved by so many pixels of the screen."""
        centre = self.centre[0] - dx / self.density, self.centre[1] - dy / self.density
        return replace(self, centre=centre).kept()

    def zoomed(self, zoom: float, at: tuple[float, float] | None = None) -> View:
        """Return this at another zoom; the point under `at` (the middle) stays where it is."""
        dx, dy = (0.0, 0.0) if at is None else (at[i] - self.window[i] / 2 for i in (0, 1))
        before = self.centre[0] + dx / self.density, self.centre[1] + dy / self.density
        density = zoom * self.scale
        centre = before[0] - dx / density, before[1] - dy / density
        return replace(self, zoom=zoom, centre=centre).kept()

    def step(self, steps: int, at: tuple[float, float] | None = None) -> View:
        """Return this so many of ZOOMS nearer; what fits may be farther than they are."""
        if self.zoom < ZOOMS[0] * (1 - 1e-9):
            return self if steps <= 0 else self.zoomed(ZOOMS[min(steps, len(ZOOMS)) - 1], at)
        nearest = min(range(len(ZOOMS)), key=lambda i: abs(ZOOMS[i] - self.zoom))
        return self.zoomed(ZOOMS[min(max(0, nearest + steps), len(ZOOMS) - 1)], at)

    def fitting(self) -> View:
        """Return the largest of ZOOMS at which the whole picture is seen, or what is needed."""
        room = min(w / (p * self.scale) for w, p in zip(self.window, self.picture, strict=True))
        return self.zoomed(max((zoom for zoom in ZOOMS if zoom <= min(room, 1.0)), default=room))

    def resized(self, window: tuple[int, int]) -> View:
        """Return this in a window of another size; a picture that was made to fit fits again."""
        fits = self.zoom < 1 and self.zoom == self.fitting().zoom
        view = replace(self, window=window).kept()
        return view.fitting() if fits else view

    def kept(self) -> View:
        """Return this with the window over the picture: no border where there is more to see."""
        sides = zip(self.picture, self.window, self.centre, strict=True)
        x, y = (_keep(p, w / self.density / 2, c) for p, w, c in sides)
        return replace(self, centre=(x, y))


def _keep(picture: int, half: float, centre: float) -> float:
    return picture / 2 if picture <= 2 * half else min(max(centre, half), picture - half)


@dataclass(frozen=True)
class Mix(Generic[T]):
    """What to show: `near`, with `share` (0..1) of `far` over it."""

    near: T
    far: T
    share: float


class Album(Generic[T]):
    """The results for one part of the picture, by kind and place."""

    def __init__(self) -> None:
        self._results: dict[tuple[Hashable, Place], T] = {}

    def add(self, kind: Hashable, place: Place, result: T) -> None:
        """Keep a result; the oldest goes when there are too many."""
        self._results.pop((kind, place), None)
        self._results[kind, place] = result
        while len(self._results) > KEPT:
            del self._results[next(iter(self._results))]

    def get(self, kind: Hashable, place: Place) -> T | None:
        """Return exactly this result."""
        return self._results.get((kind, place))

    def knows(self, kind: Hashable) -> bool:
        """Return whether there is a result of this kind."""
        return any(of == kind for of, _ in self._results)

    def between(
        self, kind: Hashable, place: Place, also: Mapping[Place, T] | None = None
    ) -> Mix[T] | None:
        """Return what comes closest to `place`: a point on a line between two known ones.

        `also` is known without being kept here.
        """
        known = [(at, result) for (of, at), result in self._results.items() if of == kind]
        known += (also or {}).items()
        if len(known) < 2:
            return Mix(known[0][1], known[0][1], 0.0) if known else None
        best: tuple[float, float, Mix[T]] | None = None
        for (a, near), (b, far) in combinations(known, 2):
            share = _foot(place, a, b)
            miss = _distance(place, _along(a, b, share))
            candidate = miss, _distance(a, b), Mix(near, far, share)
            if best is None or candidate[:2] < best[:2]:
                best = candidate
        return best[2] if best else None


def _along(a: Place, b: Place, share: float) -> Place:
    return tuple(x + share * (y - x) for x, y in zip(a, b, strict=True))


def _distance(a: Place, b: Place) -> float:
    return round(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)), 9)


def _foot(place: Place, a: Place, b: Place) -> float:
    """Return where on the line from a (0) to b (1) the point closest to `place` lies."""
    length = _distance(a, b)
    if not length:
        return 0.0
    dot = sum((p - x) * (y - x) for p, x, y in zip(place, a, b, strict=True))
    return min(max(dot / length, 0.0), 1.0)


@dataclass(frozen=True)
class Wish:
    """One preview that is asked for."""

    kind: Hashable
    """All that makes results comparable: the part of the picture, the map, the kind of recipe."""
    place: Place
    recipe: str
    """As JSON."""
    box: Box
    """What is to be seen."""
    crop: Box
    """What the daemon reads for it: the halo with it."""
    scale: int


class Latest:
    """One request at a time, and of those that wait only the last.

    `start` sends a wish and returns the request's id; `cancel` ends the request of an id. A
    request that is cancelled still ends with an answer, and only then the next one starts.
    """

    def __init__(self, start: Callable[[Wish], str], cancel: Callable[[str], None]) -> None:
        self._start, self._cancel = start, cancel
        self.running: tuple[str, Wish] | None = None
        self.waiting: Wish | None = None
        self._cancelled = False

    def want(self, wish: Wish | None) -> None:
        """Compute this and nothing else; None: nothing at all."""
        self.waiting = None
        if self.running is None:
            self._begin(wish)
        elif wish != self.running[1] or self._cancelled:
            self.waiting = wish
            if not self._cancelled:
                self._cancelled = True
                self._cancel(self.running[0])

    def ended(self, request: str) -> Wish | None:
        """Tell that this request has its last answer; return its wish if it was the running one."""
        if self.running is None or self.running[0] != request:
            return None
        wish = self.running[1]
        self.forget()
        return wish

    def go_on(self) -> None:
        """Start what waits."""
        if self.running is None:
            wish, self.waiting = self.waiting, None
            self._begin(wish)

    def forget(self) -> None:
        """The running request will have no answer any more."""
        self.running, self._cancelled = None, False

    def _begin(self, wish: Wish | None) -> None:
        if wish is not None:
            self.running = self._start(wish), wish
