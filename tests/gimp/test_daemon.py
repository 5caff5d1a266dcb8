"""The whole path, with the real daemon: GIMP's pixels equal the command line's."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.gimp.real_gimp import DNID, RealGimp, wait_for

pytestmark = pytest.mark.gimp

HEIGHT, WIDTH = 240, 200


@pytest.fixture
def daemon(gimp: RealGimp) -> RealGimp:
    """Lend the headless GIMP with the real daemon in place."""
    gimp.use_daemon()
    return gimp


def noisy(height: int, width: int, channels: int) -> np.ndarray:
    """Return a noisy picture with soft and hard edges, H×W×C of uint8."""
    random = np.random.default_rng(4)
    y, x = np.mgrid[:height, :width]
    clean = np.stack(
        [127 + 90 * np.sin(x / (9 + 7 * c) + y / 31) * (1 - 2 * ((x // 40 + y // 50) % 2))
         for c in range(channels)], axis=-1,
    )  # fmt: skip
    noise = random.normal(0, 25, clean.shape)
    return np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8)


def ramp(height: int, width: int) -> np.ndarray:
    """Return a mask from black to white, H×W×1 of uint8."""
    return np.tile(np.linspace(0, 255, width).astype(np.uint8), (height, 1))[..., None]


def apply(gimp: RealGimp, pixels: np.ndarray, map_: np.ndarray | None, *options: str) -> np.ndarray:
    """Return what `dnid apply` makes of 8-bit pixels, as float in 0..1; 0.1 outside of a map."""
    source, result, mask = (gimp.folder / name for name in ("in.png", "out.png", "mask.png"))
    Image.fromarray(pixels.squeeze()).save(source)
    if map_ is not None:
        Image.fromarray(map_.squeeze()).save(mask)
        options = (*options, "--mask", str(mask), "--outside", "0.1")
    gimp.run(str(DNID), "apply", str(source), "-o", str(result), *options)
    with Image.open(result) as image:
        return (np.asarray(image) / 255.0).reshape(pixels.shape)


MODELS = {1: "Y'", 2: "Y'A", 3: "R'G'B'", 4: "R'G'B'A"}


def in_gimp(
    gimp: RealGimp, pixels: np.ndarray, map_: np.ndarray | None, precision: str, **arguments: Any
) -> np.ndarray:
    """Return what the plug-in makes of 8-bit pixels in a picture of this precision, in 0..1."""
    height, width, channels = pixels.shape
    code = """
on = new_image(width, height, kind, precision)
layer = new_layer(on, pixels, model + " u8", width, height, alpha)
if map_:
    add_mask(layer, map_)
called = restore(on, [layer], **arguments)
answer = [called, get_pixels(on.get_layers()[0], model + " float"), len(on.get_layers())]
"""
    called, data, layers = gimp.do(
        code, pixels=pixels, map_=b"" if map_ is None else map_, width=width, height=height,
        kind="RGB" if channels > 2 else "GRAY", precision=precision, model=MODELS[channels],
        alpha=channels in (2, 4), arguments=arguments,
    )  # fmt: skip
    assert called == {"status": "success", "error": ""}
    assert layers == 2
    return np.frombuffer(data, np.float32).reshape(pixels.shape)


@pytest.mark.parametrize(
    ("channels", "precision", "masked"),
    [
        (3, "u8-non-linear", True),
        (3, "u8-non-linear", False),
        (4, "u8-non-linear", True),
        (1, "u8-non-linear", True),
        (2, "u8-non-linear", False),
        (3, "u16-non-linear", True),
        (3, "float-linear", True),
    ],
)
def test_gimp_equals_the_command_line(
    daemon: RealGimp, channels: int, precision: str, masked: bool
) -> None:
    """The same pixels, mask and strength give the same picture in GIMP and from `dnid apply`."""
    pixels, map_ = noisy(HEIGHT, WIDTH, channels), ramp(HEIGHT, WIDTH) if masked else None
    expected = apply(daemon, pixels, map_, "--denoise", "0.7")
    choice = "layer-mask" if masked else "none"
    got = in_gimp(daemon, pixels, map_, precision, denoise=70.0, denoise_outside=10.0, mask=choice)
    # A float layer keeps what lies beyond black and white; the file of 8 bits cannot.
    assert np.abs(got.clip(0, 1) - expected).max() <= 1 / 255
    assert np.abs(got - pixels / 255.0).max() > 8 / 255, "something was done"


def test_strength_0_is_the_picture(daemon: RealGimp) -> None:
    """With the slider at 0 the new layer is the old one, bit for bit."""
    pixels = noisy(HEIGHT, WIDTH, 3)
    got = in_gimp(daemon, pixels, None, "u8-non-linear", denoise=0.0)
    assert np.array_equal(np.rint(got * 255), pixels)


LONG_JOB = """
pixels = strip * 60
on = new_image(2000, 12000)
layer = new_layer(on, pixels, "R'G'B' u8", 2000, 12000)
answer = restore(on, [layer], output="replace", denoise=70.0)
answer["untouched"] = raw_pixels(layer) == pixels and len(on.get_layers()) == 1
"""


def test_a_daemon_killed_in_the_middle(daemon: RealGimp) -> None:
    """The user gets an error, the picture is untouched, and the next run starts a new daemon."""
    answer = daemon.start(LONG_JOB, strip=noisy(200, 2000, 3))
    wait_for("the job to run", lambda: is_running(daemon))
    pid = daemon.daemon()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert answer.result()["status"] == "execution-error"
    assert answer.result()["error"].endswith(".")
    assert answer.result()["untouched"]

    pixels = noisy(HEIGHT, WIDTH, 3)
    got = in_gimp(daemon, pixels, None, "u8-non-linear", denoise=70.0)
    assert np.abs(got - pixels / 255.0).max() > 8 / 255
    assert daemon.daemon() not in (None, pid)


def test_a_cancelled_job_frees_the_daemon(daemon: RealGimp) -> None:
    """GIMP cancels by killing the plug-in: the daemon drops the job and is there for the next."""
    answer = daemon.start(LONG_JOB, strip=noisy(200, 2000, 3))
    wait_for("the job to run", lambda: is_running(daemon))
    pid = daemon.daemon()
    os.kill(wait_for("the plug-in", daemon.plug_in), signal.SIGKILL)
    assert answer.result()["status"] != "success"
    assert answer.result()["untouched"]
    wait_for("the daemon to drop the job", lambda: not is_running(daemon))
    assert daemon.daemon() == pid


def test_two_gimps_are_served_in_turn(daemon: RealGimp, tmp_path: Path) -> None:
    """While one runs the other waits; both share one daemon, and both get their result."""
    first = daemon.start(LONG_JOB, strip=noisy(200, 2000, 3))
    wait_for("the job to run", lambda: is_running(daemon))
    other = RealGimp(tmp_path, runtime=daemon.runtime)
    try:
        other.use_daemon()
        pixels = noisy(HEIGHT, WIDTH, 3)
        code = """
on = new_image(width, height)
layer = new_layer(on, pixels, "R'G'B' u8", width, height)
answer = [restore(on, [layer], denoise=70.0), raw_pixels(on.get_layers()[0])]
"""
        second = other.start(code, pixels=pixels, width=WIDTH, height=HEIGHT)
        wait_for("the second to wait", lambda: status(daemon, "queued") == 1)
        os.kill(wait_for("the first plug-in", daemon.plug_in), signal.SIGKILL)
        assert first.result()["status"] != "success"
        called, data = second.result()
        assert called == {"status": "success", "error": ""}
        got = np.frombuffer(data, np.uint8).reshape(pixels.shape).astype(int)
        assert np.abs(got - 255 * apply(daemon, pixels, None, "--denoise", "0.7")).max() <= 1
    finally:
        other.stop(daemon_too=False)


def test_two_gimps_both_finish(daemon: RealGimp, tmp_path: Path) -> None:
    """The second waits for the first; each gets its own picture at its own strength."""
    large, small = noisy(2000, 2000, 3), noisy(HEIGHT, WIDTH, 3)[::-1].copy()
    code = """
on = new_image(width, height)
layer = new_layer(on, pixels, "R'G'B' u8", width, height)
answer = [restore(on, [layer], denoise=strength), raw_pixels(on.get_layers()[0])]
"""
    other = RealGimp(tmp_path, runtime=daemon.runtime)
    try:
        other.use_daemon()
        first = daemon.start(code, pixels=large, width=2000, height=2000, strength=40.0)
        wait_for("the job to run", lambda: is_running(daemon))
        second = other.start(code, pixels=small, width=WIDTH, height=HEIGHT, strength=90.0)
        wait_for("the second to wait", lambda: status(daemon, "queued") == 1)
        assert not first.done()
        for job, pixels, strength in ((first, large, "0.4"), (second, small, "0.9")):
            called, data = job.result()
            assert called == {"status": "success", "error": ""}
            got = np.frombuffer(data, np.uint8).reshape(pixels.shape).astype(int)
            expected = 255 * apply(daemon, pixels, None, "--denoise", strength)
            assert np.abs(got - expected).max() <= 1
            assert np.abs(got - pixels).max() > 8, "something was done"
        assert daemon.daemon() == other.daemon()
    finally:
        other.stop(daemon_too=False)


def status(gimp: RealGimp, what: str) -> int:
    """Ask the daemon how many jobs are `running` or `queued`."""
    told = gimp.run(str(DNID), "status", "--json", check=False)
    return int(json.loads(told).get(what, 0)) if told else 0


def is_running(gimp: RealGimp) -> bool:
    """Ask the daemon whether a job runs."""
    return status(gimp, "running") == 1
