"""What a preview shows and asks for, without a GIMP."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dni_gimp.preview import KEPT, Album, Box, Latest, View, Wish

VIEW = View(picture=(1000, 800), window=(400, 300), centre=(500, 400))


def test_only_what_is_seen_is_asked_for() -> None:
    """At 100 % the box is as large as the window; at 25 % four times so, or the whole picture."""
    assert VIEW.box() == Box(300, 250, 400, 300)
    assert VIEW.zoomed(2.0).box() == Box(400, 325, 200, 150)
    assert VIEW.zoomed(0.25).box() == Box(0, 0, 1000, 800)


def test_a_smaller_copy_covers_the_window() -> None:
    """Below 100 %, where its pixels lie on a grid of their own, it has one more on each side."""
    view = View((6000, 4000), (401, 303), (2503.3, 1801.7), 0.25)
    small = view.box().shrunk(0.25)
    left, top = view.on_screen(small.left / 0.25, small.top / 0.25)
    assert round(left) <= 0
    assert round(top) <= 0
    assert round(left) + small.width >= 401
    assert round(top) + small.height >= 303


def test_an_enlarged_result_is_seen_pixel_by_pixel() -> None:
    """At 100 % of a result that is twice as large, half as much of the layer is seen."""
    assert replace(VIEW, scale=2).box() == Box(400, 325, 200, 150)


def test_the_halo_ends_at_the_picture() -> None:
    """The crop has the halo around the box where there is picture, and lies on the coarse grid."""
    assert Box(300, 250, 400, 300).grown(40, (1000, 800)) == Box(256, 192, 484, 398)
    assert Box(0, 700, 100, 100).grown(40, (1000, 800)) == Box(0, 640, 140, 160)
    assert Box(1, 2, 3, 4).times(2) == Box(2, 4, 6, 8)


def test_dragging_stops_at_the_edge() -> None:
    """The picture follows the hand as long as there is picture to see."""
    assert VIEW.dragged(100, -50).centre == (400, 450)
    assert VIEW.dragged(5000, 5000).centre == (200, 150)
    assert VIEW.zoomed(0.25).dragged(50, 50).centre == (500, 400), "a small picture stays put"


def test_zooming_keeps_the_point_under_the_pointer() -> None:
    """What lies under the pointer lies there still after a turn of the wheel."""
    nearer = VIEW.zoomed(3.0, at=(100, 50))
    assert nearer.on_screen(400, 300) == pytest.approx((100, 50))
    assert VIEW.on_screen(400, 300) == pytest.approx((100, 50))


def test_zoom_has_ends() -> None:
    """From 25 % to 400 %, and no further."""
    assert VIEW.step(100).zoom == 4.0
    assert VIEW.step(-100).zoom == 0.25
    assert VIEW.step(1).step(-1).zoom == 1.0


def test_fitting() -> None:
    """The whole picture is seen, however large it is, and never enlarged."""
    assert VIEW.fitting().zoom == pytest.approx(1 / 3)
    large = replace(VIEW, picture=(6000, 4000)).fitting()
    assert large.zoom == pytest.approx(400 / 6000)
    assert large.box() == Box(0, 0, 6000, 4000)
    assert replace(large, scale=4).fitting().zoom == pytest.approx(100 / 6000)
    assert replace(VIEW, picture=(40, 30)).fitting().zoom == 1.0


def test_what_fits_fits_a_resized_window() -> None:
    """All of the picture stays in view; another zoom, and 100 %, stay what they are."""
    large = replace(VIEW, picture=(6000, 4000)).fitting()
    assert large.resized((800, 500)).zoom == pytest.approx(500 / 4000)
    assert large.resized((800, 500)).box() == Box(0, 0, 6000, 4000)
    assert VIEW.resized((200, 100)).zoom == 1.0
    assert VIEW.zoomed(0.5).resized((1000, 800)).zoom == 0.5
    small = replace(VIEW, picture=(300, 200)).fitting()
    assert small.resized((200, 100)).zoom == 1.0, "it was not made smaller to fit"


def test_stepping_from_what_fits() -> None:
    """From farther than 25 % the first step nearer is 25 %, and there is no step farther."""
    large = replace(VIEW, picture=(6000, 4000)).fitting()
    assert large.step(1).zoom == 0.25
    assert large.step(2).zoom == pytest.approx(1 / 3)
    assert large.step(100).zoom == 4.0
    assert large.step(-1) == large.step(0) == large
    assert large.step(1).step(-1).zoom == 0.25


def test_between_two_results() -> None:
    """A strength between two known ones shows their mix; one beyond them the nearer one."""
    album: Album[str] = Album()
    album.add("kind", (0.0,), "before")
    album.add("kind", (0.8,), "strong")
    album.add("other", (0.4,), "of another crop")
    mix = album.between("kind", (0.2,))
    assert mix is not None
    assert (mix.near, mix.far, mix.share) == ("before", "strong", pytest.approx(0.25))
    beyond = album.between("kind", (1.0,))
    assert beyond is not None
    assert (beyond.far, beyond.share) == ("strong", 1.0)
    assert album.between("unknown", (0.2,)) is None


def test_the_closest_pair_is_mixed() -> None:
    """Of three results on a line the two neighbours count."""
    album: Album[str] = Album()
    for place, name in ((0.0, "a"), (0.5, "b"), (1.0, "c")):
        album.add("kind", (place, 0.0), name)
    mix = album.between("kind", (0.6, 0.0))
    assert mix is not None
    assert (mix.near, mix.far, mix.share) == ("b", "c", pytest.approx(0.2))


def test_an_album_forgets_the_oldest() -> None:
    """It holds KEPT results."""
    album: Album[int] = Album()
    for number in range(KEPT + 1):
        album.add("kind", (float(number),), number)
    assert album.get("kind", (0.0,)) is None
    assert album.get("kind", (float(KEPT),)) == KEPT


class Desk:
    """Takes requests, as a daemon does, and notes what happened."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.latest = Latest(self._start, lambda request: self.events.append(f"cancel {request}"))

    def _start(self, wish: Wish) -> str:
        self.events.append(f"start {wish.recipe}")
        return f"id {wish.recipe}"


def wish(name: str) -> Wish:
    """Return a wish that is told from others by its name."""
    box = Box(0, 0, 1, 1)
    return Wish("kind", (0.0,), name, box, box, 1)


def test_the_latest_wish_wins() -> None:
    """The running request is cancelled once, those between are never sent, the last one is."""
    desk = Desk()
    for name in "abcd":
        desk.latest.want(wish(name))
    assert desk.events == ["start a", "cancel id a"]
    assert desk.latest.ended("id x") is None, "an answer of someone else"
    assert desk.latest.ended("id a") == wish("a")
    desk.latest.go_on()
    assert desk.events[2:] == ["start d"]


def test_the_same_wish_again_changes_nothing() -> None:
    """What is being computed already is not asked for twice."""
    desk = Desk()
    desk.latest.want(wish("a"))
    desk.latest.want(wish("a"))
    assert desk.events == ["start a"]


def test_back_to_a_cancelled_wish() -> None:
    """A wish whose request was cancelled meanwhile is asked for again."""
    desk = Desk()
    for name in "aba":
        desk.latest.want(wish(name))
    desk.latest.ended("id a")
    desk.latest.go_on()
    assert desk.events == ["start a", "cancel id a", "start a"]


def test_wanting_nothing_cancels() -> None:
    """When nothing is to be computed any more, nothing follows the cancelled request."""
    desk = Desk()
    desk.latest.want(wish("a"))
    desk.latest.want(None)
    desk.latest.ended("id a")
    desk.latest.go_on()
    assert desk.events == ["start a", "cancel id a"]
