"""`dnid apply`, from file to file, through a real daemon and without one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.conftest import CommandLine
from tests.engine.small_engine import engine_in, expected
from tests.small import Pixels, photo

from dnid import picture

SAMPLE = Path(__file__).parents[2] / "installer" / "sample" / "cat.png"


def save(pixels: Pixels, path: Path) -> Path:
    """Write a picture without metadata."""
    Image.fromarray(np.zeros((1, 1), np.uint8)).save(path, "PNG")
    picture.write(picture.read(path).with_pixels(pixels), path, picture.format_of(path))
    return path


def load(path: Path) -> Pixels:
    return picture.read(path).pixels


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
    }


def restored(dnid: CommandLine, colours: Pixels, strength: float) -> Pixels:
    """What the user's pack makes of it, as floats in 0..1."""
    return expected(engine_in(dnid.home / "data" / "dnid" / "packs"), colours, strength)


def test_a_picture_becomes_what_the_blended_network_makes_of_it(
    dnid: CommandLine, tmp_path: Path
) -> None:
    """The sample through the daemon and in the process: the same bytes, the right pixels."""
    daemon = dnid("apply", SAMPLE, "-o", tmp_path / "daemon.png", "--denoise", 0.7)
    here = dnid("apply", SAMPLE, "-o", tmp_path / "here.png", "--denoise", 0.7, "--in-process")
    assert (daemon.returncode, here.returncode) == (0, 0), daemon.stderr + here.stderr
    assert (tmp_path / "daemon.png").read_bytes() == (tmp_path / "here.png").read_bytes()
    assert daemon.stdout.startswith(f"{tmp_path / 'daemon.png'}  (")
    found, wanted = load(tmp_path / "here.png"), restored(dnid, load(SAMPLE), 0.7)
    assert found.dtype == np.uint8
    assert np.abs(found / 255 - np.clip(wanted, 0, 1)).max() < 3 / 255  # bfloat16 or not
    assert np.abs(found.astype(int) - load(SAMPLE)).mean() > 3


def test_16_bits_and_alpha_pass(dnid: CommandLine, tmp_path: Path) -> None:
    """A 16-bit PNG with alpha stays one, and -q says nothing."""
    pixels = photo(20, 30, 4, "uint16")
    source = save(pixels, tmp_path / "in.png")
    run = dnid("apply", source, "-o", tmp_path / "out.png", "--denoise", 1, "-q")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    found = load(tmp_path / "out.png")
    assert (found.dtype, found.shape) == (pixels.dtype, pixels.shape)
    assert np.array_equal(found[..., 3], pixels[..., 3])
    assert (found[..., :3] != pixels[..., :3]).mean() > 0.9


def test_strength_0_writes_the_input(dnid: CommandLine, tmp_path: Path) -> None:
    """Every pixel comes back."""
    assert dnid("apply", SAMPLE, "-o", tmp_path / "out.png", "--denoise", 0).returncode == 0
    assert np.array_equal(load(tmp_path / "out.png"), load(SAMPLE))


def test_the_mask_divides_the_picture(dnid: CommandLine, tmp_path: Path) -> None:
    """White gets the strength, black --outside; with none, black is the input."""
    source = save(photo(16, 64, 3, "uint8"), tmp_path / "in.png")
    half = np.zeros((16, 64, 1), np.uint8)
    half[:, 32:] = 255
    mask = save(half, tmp_path / "mask.png")
    common = ("apply", source, "--mask", mask, "--denoise", 1)
    assert dnid(*common, "-o", tmp_path / "plain.png").returncode == 0
    assert dnid(*common, "-o", tmp_path / "outside.png", "--outside", 0.5).returncode == 0
    plain, outside = load(tmp_path / "plain.png"), load(tmp_path / "outside.png")
    assert np.array_equal(plain[:, :32], load(source)[:, :32])
    strong, weak = (np.clip(restored(dnid, load(source), s), 0, 1) for s in (1, 0.5))
    for found in (plain, outside):
        assert np.abs(found[:, 48:] / 255 - strong[:, 48:]).max() < 3 / 255
    assert np.abs(outside[:, :16] / 255 - weak[:, :16]).max() < 3 / 255


def test_a_folder_gets_every_picture(dnid: CommandLine, tmp_path: Path) -> None:
    """Several inputs go into a folder that is made for them, PNG unless asked otherwise."""
    one = save(photo(8, 8, 3, "uint8"), tmp_path / "one.tif")
    two = save(photo(6, 6, 1, "uint16"), tmp_path / "two.png")
    run = dnid("apply", one, two, "-o", tmp_path / "deep" / "out", "--denoise", 1)
    assert run.returncode == 0, run.stderr
    assert files(tmp_path / "deep" / "out").keys() == {"one.png", "two.png"}
    assert load(tmp_path / "deep" / "out" / "two.png").dtype == np.uint16
    folder = tmp_path / "deep" / "out"
    again = dnid("apply", one, two, "-o", folder, "--format", "tiff", "--denoise", 0)
    assert again.returncode == 0, again.stderr
    assert files(tmp_path / "deep" / "out").keys() == {"one.png", "two.png", "one.tif", "two.tif"}
    assert np.array_equal(load(tmp_path / "deep" / "out" / "two.tif"), load(two))


def test_a_trailing_slash_means_a_folder(dnid: CommandLine, tmp_path: Path) -> None:
    """Even for one picture, and when the folder is not there yet."""
    run = dnid("apply", SAMPLE, "-o", f"{tmp_path}/new/", "--denoise", 0)
    assert run.returncode == 0, run.stderr
    assert files(tmp_path).keys() == {"new", "new/cat.png"}


def test_a_bad_picture_does_not_stop_the_others(dnid: CommandLine, tmp_path: Path) -> None:
    """Each bad one is told in a sentence and by exit code 1; the good ones are done."""
    good = save(photo(8, 8, 3, "uint8"), tmp_path / "good.png")
    bad, missing = tmp_path / "bad.png", tmp_path / "missing.png"
    bad.write_bytes(good.read_bytes()[:60])
    last = save(photo(8, 8, 1, "uint8"), tmp_path / "last.png")
    run = dnid("apply", bad, good, missing, last, "-o", tmp_path / "out", "--denoise", 1, "-q")
    assert run.returncode == 1
    assert files(tmp_path / "out").keys() == {"good.png", "last.png"}
    told = run.stderr.splitlines()
    assert len(told) == 2
    assert told[0] == (
        f"dnid: {bad}: It cannot be read as a picture: the file is damaged or not whole."
    )
    assert told[1] == f"dnid: {missing}: There is no such file."


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["in.png", "-o", "out.png", "--denoise", "1.01"], "'1.01' is not a number from 0 to 1"),
        (["in.png", "-o", "out.png", "--denoise", "nan"], "'nan' is not a number from 0 to 1"),
        (["in.png", "-o", "out.png", "--denoise", "-0.1"], "'-0.1' is not a number"),
        (
            ["in.png", "-o", "out.png", "--denoise", "strong"],
            "'strong' is not a number from 0 to 1 or auto",
        ),
        (["in.png", "-o", "out.png", "--dejpeg", "2"], "'2' is not a number from 0 to 1"),
        (["in.png"], "-o/--output"),
        (
            ["in.png", "-o", "out.png", "--dejpeg-pack", "x"],
            "--dejpeg-pack needs a strength as well: --dejpeg S.",
        ),
        (["in.png", "-o", "out.png", "--dejpeg", "1", "--dejpeg-pack", "x"], "no pack 'x'"),
        (["in.png", "-o", "out.png", "--dejpeg", "auto"], "Pack 'dejpeg' proposes no strength;"),
        (["in.png", "-o", "out.png", "--scale", "3"], "invalid choice: 3 (choose from 2, 4)"),
        (["in.png", "-o", "out.png", "--sharpness", "1"], "--sharpness needs --scale 2 or"),
        (["in.png", "-o", "out.png", "--sr-pack", "sr-x2"], "--sr-pack needs --scale 2 or"),
        (["in.png", "-o", "out.png", "--scale", "4", "--sr-pack", "sr-x2"], "enlarges 2 times"),
        (["in.png", "-o", "out.png", "--format", "gif"], "invalid choice: 'gif'"),
        (["in.png", "-o", "out.gif"], "Cannot write out.gif: use .jpeg, .jpg, .png"),
        (["in.png", "-o", "none/out.png"], "There is no folder none."),
        (["in.png", "-o", "in.png"], "in.png is the original; choose another"),
        (["in.png", "-o", "."], "in.png is the original; choose another"),
        (["in.png", "-o", "link.png"], "link.png is the original; choose another"),
        (["in.png", "-o", "small.png", "--mask", "small.png"], "small.png is the mask; choose"),
        (["in.png", "sub/in.tif", "-o", "out"], "in.png and sub/in.tif would both become out/in"),
        (["in.png", "-o", "out.png", "--outside", "0.5"], "--outside needs a --mask"),
        (["in.png", "-o", "out.png", "--mask", "none.png"], "none.png: There is no such file."),
        (["in.png", "-o", "out.png", "--mask", "text.txt"], "text.txt: It cannot be read"),
        (["none.png", "-o", "out.png"], "none.png: There is no such file."),
        (["in.png", "-o", "in.png/x/"], "Cannot make the folder in.png/x: Not a directory."),
        (
            ["in.png", "-o", "out.jpg", "--denoise", "1", "--mask", "small.png"],
            "in.png: The mask must",
        ),
        (["in.png", "-o", "out.png", "--denoise", "1", "--denoise-pack", "x"], "no pack 'x'"),
        (["alpha.png", "-o", "out.jpg", "--denoise", "1"], "JPEG cannot hold transparency"),
        (["deep.png", "-o", "out.webp", "--denoise", "1"], "WEBP cannot hold uint16"),
    ],
)
def test_what_cannot_be_done_is_refused(
    dnid: CommandLine, tmp_path: Path, arguments: list[str], said: str
) -> None:
    """One sentence on stderr, an exit code that is not 0, and nothing written."""
    (tmp_path / "sub").mkdir()
    for name in ("in.png", "sub/in.tif"):
        save(photo(8, 8, 3, "uint8"), tmp_path / name)
    save(photo(4, 4, 1, "uint8"), tmp_path / "small.png")
    save(photo(8, 8, 4, "uint8"), tmp_path / "alpha.png")
    save(photo(8, 8, 3, "uint16"), tmp_path / "deep.png")
    (tmp_path / "link.png").symlink_to("in.png")
    (tmp_path / "text.txt").write_text("Dear diary")
    before = files(tmp_path)
    run = dnid.inside(tmp_path)("apply", "-q", "--denoise", "0", *arguments)
    *usage, sentence = run.stderr.splitlines()
    if run.returncode == 2:  # argparse's way
        assert usage[0].startswith("usage: dnid apply")
    else:
        assert (run.returncode, usage) == (1, [])
    assert said in sentence
    assert sentence.startswith("dnid")
    assert run.stdout == ""
    assert files(tmp_path) == before


def test_auto_lets_the_pack_choose(dnid: CommandLine, tmp_path: Path) -> None:
    """Each picture gets its own strength, which is told: here its mean brightness."""
    folder = tmp_path / "out"
    dark, light = (
        save((photo(40, 48, 3, "uint8", seed=1) * f).astype(np.uint8), tmp_path / f"{f}.png")
        for f in (0.5, 0.8)
    )
    for place in ((), ("--in-process",)):
        run = dnid("apply", dark, light, "-o", folder, "--denoise", "auto", *place)
        assert run.returncode == 0, run.stderr
        for path, line in zip((dark, light), run.stdout.splitlines(), strict=True):
            strength = float(load(path).mean()) / 255
            assert line.startswith(f"{folder / path.name}  (")
            assert line.endswith(f", denoise {strength:.2f})")
            wanted = np.clip(restored(dnid, load(path), strength), 0, 1)
            assert np.abs(load(folder / path.name) / 255 - wanted).max() < 3 / 255


def test_dejpeg_auto_goes_by_the_files_quality(dnid: CommandLine, tmp_path: Path) -> None:
    """A JPEG says how it was compressed; the pack need not be able to."""
    Image.fromarray(photo(32, 40, 3, "uint8")).save(tmp_path / "in.jpg", quality=46)
    run = dnid("apply", tmp_path / "in.jpg", "-o", tmp_path / "auto.png", "--dejpeg", "auto")
    assert run.returncode == 0, run.stderr
    assert run.stdout.endswith(", dejpeg 0.60 (quality 46))\n")
    run = dnid("apply", tmp_path / "in.jpg", "-o", tmp_path / "0.6.png", "--dejpeg", "0.6", "-q")
    assert (run.returncode, run.stdout) == (0, "")
    assert np.array_equal(load(tmp_path / "auto.png"), load(tmp_path / "0.6.png"))


def test_a_picture_is_enlarged(dnid: CommandLine, tmp_path: Path) -> None:
    """--scale doubles its sides, --sharpness moves between the pack's ends."""
    source = save(photo(20, 30, 3, "uint16"), tmp_path / "in.png")
    engine = engine_in(dnid.home / "data" / "dnid" / "packs")
    for sharpness in ((), ("--sharpness", "1")):
        run = dnid("apply", source, "-o", tmp_path / "out.png", "--scale", "2", *sharpness)
        assert run.returncode == 0, run.stderr
        found = load(tmp_path / "out.png")
        assert (found.shape, found.dtype) == ((40, 60, 3), np.uint16)
        strength = float(len(sharpness) > 0)
        wanted = np.clip(expected(engine, load(source), strength, "sr", 2), 0, 1)
        assert np.abs(found / 65535 - wanted).max() < 3 / 255


@pytest.mark.parametrize("more", [[], ["--mask", "cat.png"], ["--exact-tiles"]])
def test_no_effect_is_no_copy(dnid: CommandLine, tmp_path: Path, more: list[str]) -> None:
    """Who asks for no effect is told how to, instead of getting the picture back."""
    run = dnid("apply", SAMPLE, "-o", tmp_path / "out.png", *more)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == (
        "dnid: Say what to do, for example --denoise 0.4; `dnid apply --help` has more.\n"
    )
    assert files(tmp_path) == {}
