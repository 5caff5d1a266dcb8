"""Broken packs by the hundred thousand:   python -m tests.fuzz_packs --cases 100000 --seed 1

Each case ends in success or in a DniError of one line, leaves nothing behind, and costs
no memory beyond twice its file (a small constant aside). A few run inside the suite.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import resource
import struct
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tests.small import ANCHORS, write_pack

from dnid.errors import DniError
from dnid.packs import install
from dnid.packs.anchors import read_anchor
from dnid.packs.manifest import parse
from dnid.packs.store import REMEDY, Pack, PackStore, open_pack, telling
from dnipack.archive import write_archive

MAX_GROWTH = 16 << 20
"""Bytes beyond twice the file: the interpreter's own noise."""

NUMBERS = (0, 1, 2, 8, 22, 0x41, 127, 255, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 62, (1 << 64) - 1)
NAMES = (
    "../x.md", "/etc/passwd", "a/b.md", "a\\b.md", "C:x.md", "con.md", "manifest.json",
    "MANIFEST.json", "SHA256SUMS", "low.safetensors", "LOW.safetensors", "auto.safetensors",
    "low.safetensors/", "card.md", "CARD.md", "x.exe", ".md", "é.md", "a\0.md", "١.md",
    "\u202ecard.md", "x" * 300, "",
)  # fmt: skip

Case = Callable[[random.Random], None]


class Fuzzer:
    """One small sound pack, and what is made of it."""

    def __init__(self, folder: Path) -> None:
        pack_folder = write_pack(folder / "sound")
        (pack_folder / "CARD.md").write_text("A card.\n")
        write_archive(pack_folder, folder / "sound.dnipack")
        self.archive = (folder / "sound.dnipack").read_bytes()
        self.pack = open_pack(pack_folder)
        self.expected = self.pack.network().state_dict()
        self.manifest = json.loads((pack_folder / "manifest.json").read_text())
        self.anchor = (pack_folder / f"{ANCHORS[0]}.safetensors").read_bytes()
        self.files = {path.name: path.read_bytes() for path in pack_folder.iterdir()}
        self.own, self.file = folder / "own", folder / "case"
        self.outcomes: Counter[str] = Counter()
        self.cases, self.most_grown = 0, 0
        self.install(self.archive)  # imports everything
        self.most_grown = 0

    def attempt(self, kind: str, work: Callable[[], object], size: int) -> bool:
        """Whether it succeeded. Raises AssertionError for what no case may do."""
        if self.cases % 100 == 0:
            forget_peak()
        self.cases += 1
        before = max_rss()
        try:
            work()
        except DniError as error:
            told = str(error)
            assert told.isprintable(), told
            assert len(told) < 1000, told
            self.outcomes[f"{kind}: refused"] += 1
            return False
        finally:
            grown = max_rss() - before
            self.most_grown = max(grown, self.most_grown)
            assert grown <= 2 * size + MAX_GROWTH or self.cases == 1, f"{grown} bytes for {size}"
        self.outcomes[f"{kind}: accepted"] += 1
        return True

    def install(self, data: bytes, kind: str = "sound") -> bool:
        """Add and remove it; what is accepted has the sound pack's files, and nothing is left."""
        self.file.write_bytes(data)
        added = self.attempt(
            kind, lambda: install.add(self.file, self.own, PackStore([])), len(data)
        )
        if added:
            for path in (self.own / "denoise").iterdir():
                known = self.files.get(path.name)
                assert path.read_bytes() == known or known is None, path.name
            install.remove("denoise", self.own, PackStore([]))
        left = sorted(str(path.relative_to(self.own)) for path in self.own.rglob("*"))
        assert left == [".work", ".work/gone", ".work/lock", ".work/new", ".work/old"], left
        return added

    def flipped_archive(self, chance: random.Random) -> None:
        """Bytes changed, added, removed or moved, mostly where the zip's own structure is."""
        data = mutated(self.archive, chance, self._a_place_of_structure)
        if self.install(data, "archive bytes"):
            assert data == self.archive, "another sequence of bytes stands for the pack"

    def rebuilt_archive(self, chance: random.Random) -> None:
        """A sound zip of an unsound pack, every checksum right: a stranger can count too."""
        files = list(self.files.items())
        for _ in range(chance.randint(1, 3)):
            i = chance.randrange(len(files))
            match chance.randrange(6):
                case 0:
                    files.append((chance.choice(NAMES), b"x"))
                case 1:
                    files[i] = (chance.choice(NAMES), files[i][1])
                case 2 if len(files) > 1:
                    del files[i]
                case 3:
                    chance.shuffle(files)
                case 4:
                    files[i] = (files[i][0], mutated(files[i][1], chance))
                case _:
                    files.append(files[i])
        self.install(sealed_zip(files, chance), "archive rebuilt")

    def broken_anchor(self, chance: random.Random) -> None:
        """A safetensors file whose hash the manifest has, changed mostly in its header."""
        length = struct.unpack("<Q", self.anchor[:8])[0]
        data = mutated(self.anchor, chance, lambda c, n: c.randrange(min(n, 8 + length)))
        if chance.random() < 0.5:
            data = struct.pack("<Q", max(0, length + len(data) - len(self.anchor))) + data[8:]
        self.file.write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        self.attempt("anchor", lambda: read_anchor(self.file, sha256, self.expected), len(data))

    def try_manifest(self, table: object) -> None:
        """A manifest of any shape; one that is accepted can be used with its network."""
        data = json.dumps(table).encode()

        def use() -> None:
            with telling("Pack 'x'", REMEDY):
                manifest = parse(data)
                pack = Pack(manifest, "", self.pack.folder)
                pack.control().alpha(0.5)
                if manifest.options != self.pack.manifest.options:
                    pack.network()

        self.attempt("manifest", use, len(data))

    def _a_place_of_structure(self, chance: random.Random, length: int) -> int:
        starts = [i for i in self._structure if i < length]
        return min(length - 1, chance.choice(starts) + chance.randrange(46)) if starts else 0

    @property
    def _structure(self) -> list[int]:
        marks = (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06")
        if not hasattr(self, "_starts"):
            self._starts = [i for i in range(len(self.archive)) if self.archive[i : i + 4] in marks]
        return self._starts


def max_rss() -> int:
    """Bytes; the most that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def forget_peak() -> None:
    """From here on `max_rss` counts anew; without it small cases hide behind a large one."""
    with contextlib.suppress(OSError):  # Linux alone has it
        Path("/proc/self/clear_refs").write_text("5")


def anywhere(chance: random.Random, length: int) -> int:
    return chance.randrange(length)


def mutated(
    data: bytes, chance: random.Random, place: Callable[[random.Random, int], int] = anywhere
) -> bytes:
    """One to four changes."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        if not changed:
            break
        i = place(chance, len(changed)) if chance.random() < 0.8 else chance.randrange(len(changed))
        match chance.randrange(7):
            case 0:
                changed[i] ^= 1 << chance.randrange(8)
            case 1:
                changed[i] = chance.randrange(256)
            case 2:
                width, form = chance.choice(((1, "B"), (2, "<H"), (4, "<L"), (8, "<Q")))
                number = chance.choice(NUMBERS) & ((1 << 8 * width) - 1)
                changed[i : i + width] = struct.pack(form, number)
            case 3:
                del changed[i : i + chance.choice((1, 4, 30, 1000))]
            case 4:
                changed[i:i] = chance.randbytes(chance.choice((1, 4, 30, 1000)))
            case 5:
                j = chance.randrange(len(changed))
                changed[i:i] = changed[j : j + chance.choice((4, 46, 500))]
            case _:
                del changed[i:]
    return bytes(changed)


def sealed_zip(files: list[tuple[str, bytes]], chance: random.Random | None) -> bytes:
    """With SHA256SUMS of them; by chance one field of one entry is odd."""
    sums = "".join(f"{hashlib.sha256(d).hexdigest()}  {n}\n" for n, d in files)
    files = [*files, ("SHA256SUMS", sums.encode("utf-8", "surrogateescape"))]
    odd = chance.randrange(3 * len(files)) if chance else -1
    body, directory = b"", b""
    for i, (name, data) in enumerate(files):
        fields = [20, 0, 0, 0, 0x21, zlib.crc32(data), len(data), len(data)]
        mode, extra = 0o100644, b""
        if chance and i == odd:
            mode, extra = spoil(fields, chance)
        raw = name.encode()
        common = struct.pack("<5H3L2H", *fields, len(raw), len(extra))
        directory += b"PK\x01\x02\x14\x03" + common
        directory += struct.pack("<3H2L", 0, 0, 0, mode << 16, len(body)) + raw + extra
        body += b"PK\x03\x04" + common + raw + extra + data
    count = len(files)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), len(body), 0)
    return body + directory + end


def spoil(fields: list[int], chance: random.Random) -> tuple[int, bytes]:
    """Another mode and extra field, or another number in the header."""
    match chance.randrange(4):
        case 0:
            return chance.choice((0o120777, 0o010644, 0o040755, 0o20666, 0)), b""
        case 1:
            return 0o100644, struct.pack("<HHQQ", 1, 16, 1 << 40, 1 << 40)
        case _:
            i = chance.randrange(len(fields))
            width = 16 if i < 5 else 32
            fields[i] = chance.choice(NUMBERS) & ((1 << width) - 1)
            return 0o100644, b""


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, 1, -1, 64, 65, 2**31, 10**400])
    | st.floats()
    | st.text(max_size=40)
    | st.sampled_from(
        [*NAMES, *ANCHORS, "denoise", "a" * 64, "../..", "a\n", "ａ", "unet", "dncnn"]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)  # fmt: skip
KEYS = st.sampled_from(
    ["id", "scale", "auto", "licence", "parent", "channels", "blocks", "fold", "x"]
)


def changed(table: Any, values: list[object], key: str, chance: random.Random) -> object:  # noqa: ANN401
    """A copy of the manifest with one change anywhere in it for each value."""
    table = json.loads(json.dumps(table))
    for value in values:
        place = table
        while place:
            step = chance.choice(list(place) if isinstance(place, dict) else range(len(place)))
            if isinstance(place[step], dict | list) and place[step] and chance.random() < 0.6:
                place = place[step]
                continue
            change(place, step, value, key, chance)
            break
    return table


def change(place: Any, step: Any, value: object, key: str, chance: random.Random) -> None:  # noqa: ANN401
    match chance.randrange(6):
        case 0:
            del place[step]
        case 1 if isinstance(place, dict):
            place[key] = value
        case 2 if isinstance(place, list):
            place *= chance.choice([2, 70, 2000])
        case _:
            place[step] = value


def fuzz_manifests(fuzzer: Fuzzer, cases: int, number: int) -> None:
    @seed(number)
    @settings(
        max_examples=cases, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.lists(VALUES, min_size=1, max_size=2), KEYS, st.integers(0, 1 << 32))
    def run(values: list[object], key: str, spot: int) -> None:
        chance = random.Random(spot)  # noqa: S311 - not for secrets
        table = changed(fuzzer.manifest, values, key, chance)
        fuzzer.try_manifest(table if spot % 30 else values[0])

    run()


def fuzz_bytes(fuzzer: Fuzzer, cases: int, number: int, told: Callable[[int], None]) -> None:
    """The three other kinds; those that are unpacked take longest and come more seldom."""
    anchor, flipped, rebuilt = (
        fuzzer.broken_anchor, fuzzer.flipped_archive, fuzzer.rebuilt_archive,
    )  # fmt: skip
    kinds: list[Case] = [anchor, flipped, anchor, flipped, anchor, flipped, anchor, rebuilt]
    for i in range(cases):
        chance = random.Random(f"{number} {i}")  # noqa: S311 - not for secrets
        try:
            kinds[i % len(kinds)](chance)
        except BaseException:
            print(f"case {number} {i} ({kinds[i % len(kinds)].__name__})", file=sys.stderr)
            raise
        told(i)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        fuzzer = Fuzzer(Path(folder))

        def told(i: int) -> None:
            if i % 5000 == 4999:
                print(f"{i + 1} cases, {time.process_time():.0f} s of one core", flush=True)

        by_hypothesis = options.cases // 8
        fuzz_manifests(fuzzer, by_hypothesis, options.seed)
        fuzz_bytes(fuzzer, options.cases - by_hypothesis, options.seed, told)
        for kind, count in sorted(fuzzer.outcomes.items()):
            print(f"{count:8} {kind}")
        grown = fuzzer.most_grown / 2**20
        print(f"{os.times().user:.0f} s of one core; {grown:.1f} MiB at most for one case")


if __name__ == "__main__":
    main()
