"""`dni-pack verify`: whether a pack or an archive is sound, and who made it."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dnid.errors import BadInput
from dnid.packs.archive import SUFFIX, unpack
from dnid.packs.manifest import Manifest
from dnid.packs.store import telling
from dnid.packs.verify import Verified, verify
from dnipack.commands.parts import find_pack

if TYPE_CHECKING:
    from dnipack.commands import Commands


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "verify",
        help="verify a pack or a .dnipack file",
        description="Verify manifest, lineage, licences, every weight and every hash, and with "
        "--key the signature. Exit status 0: sound.",
    )
    parser.add_argument(
        "pack", help=f"a pack folder, a {SUFFIX} file, or the id of an installed pack"
    )
    parser.add_argument(
        "--key", metavar="PUB",
        help="a public key of minisign, or its file; needs the extra dnid[sign]",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    path = Path(options.pack)
    if not path.exists() and path.suffix != SUFFIX:
        path = find_pack(options.pack).folder
    with telling(str(path), "get a sound copy, or make one with `dni-pack pack`"):
        if path.is_dir():
            print(_describe(verify(path.resolve(), options.key)))
            return 0
        try:
            with tempfile.TemporaryDirectory() as folder:
                print(_describe(verify(unpack(path, Path(folder)), options.key)))
        except OSError as error:
            raise BadInput(f"Cannot unpack {path}: {error.strerror}.") from error
    return 0


def _describe(verified: Verified) -> str:
    manifest = verified.pack.manifest
    return "\n".join(
        (
            f"{manifest.id} {manifest.version} is sound: {len(manifest.anchors)} anchors",
            f"lineage    {'; '.join(lineage(manifest))}",
            f"licence    {_licences(manifest)}",
            f"signature  {_signature(verified)}",
            f"sha256     {verified.pack.sha256} (of manifest.json)",
        )
    )


def lineage(manifest: Manifest) -> list[str]:
    """A line from an ancestor to each anchor that has no descendant: `n20 → n40 → n60`."""
    parents = {anchor.name: anchor.parent for anchor in manifest.anchors}
    lines = []
    for name in parents.keys() - set(parents.values()):
        line = [name]
        while (parent := parents[line[0]]) is not None:
            line.insert(0, parent)
        lines.append(" → ".join(line))
    return sorted(lines)


def _licences(manifest: Manifest) -> str:
    own = [f"{anchor.name}: {anchor.licence}" for anchor in manifest.anchors if anchor.licence]
    return manifest.licence + (f" ({'; '.join(own)})" if own else "")


def _signature(verified: Verified) -> str:
    if verified.signature is None:
        return "none"
    if verified.signed_by_key is None:
        return "there is one, not verified; --key PUB does it"
    return f"by this key, who says {verified.signed_by_key!r}"
