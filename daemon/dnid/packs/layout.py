"""Which files a pack may hold, and in which order (model_packs/FORMAT.md)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from dnid.errors import PackDamaged
from dnid.packs.manifest import Manifest

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
SIGNATURE = SUMS + ".minisig"

MAX_FILES = 128
MAX_DOCUMENT_BYTES = 16 << 20
MAX_SUMS_BYTES = MAX_FILES * 256
MAX_SIGNATURE_BYTES = 4096

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}(\.[A-Za-z0-9_-]{1,32}){1,3}", re.ASCII)
_DOCUMENTS = (".md", ".txt", ".json", ".png", ".jpg", ".webp")
"""Nothing that a double click would run, and no HTML, which may hold a script."""


def weight_files(manifest: Manifest) -> dict[str, str]:
    """name → sha256 of each file that the manifest names, in its order."""
    files = {anchor.file: anchor.sha256 for anchor in manifest.anchors}
    sides = manifest.side_networks().items()
    return files | {f"{key}.safetensors": side.sha256 for key, side in sides}


def is_document(name: str) -> bool:
    """Whether this may be a card or a picture: read by people, never by the daemon."""
    return (
        name.endswith(_DOCUMENTS) and _NAME.fullmatch(name) is not None and name.lower() != MANIFEST
    )


def in_order(manifest: Manifest, names: Iterable[str]) -> list[str]:
    """Manifest and weights, which must be there, then the documents among `names`.

    Raises PackDamaged for more files than a pack may have.
    """
    ordered = [MANIFEST, *weight_files(manifest), *sorted(filter(is_document, set(names)))]
    if len(ordered) > MAX_FILES:
        raise PackDamaged(f"The pack has {len(ordered)} files; at most {MAX_FILES} are allowed.")
    return ordered


def format_sums(sha256: Mapping[str, str]) -> bytes:
    """The bytes of SHA256SUMS, as `sha256sum --check` reads it."""
    return "".join(f"{value}  {name}\n" for name, value in sha256.items()).encode()
