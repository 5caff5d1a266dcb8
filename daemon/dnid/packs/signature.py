"""Signatures of minisign (Ed25519) over SHA256SUMS: who made the pack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dnid.errors import BadInput, PackDamaged


def check_signature(signed: bytes, signature: bytes, key: str) -> str:
    """The signature's trusted comment. `key` is a minisign public key (RW…) or its file.

    Raises PackDamaged unless this key signed exactly these bytes, and BadInput for a key
    that is none or where the library is not installed.
    """
    minisign = load_library()
    public = _public_key(minisign, key)
    try:
        parsed = minisign.Signature.from_bytes(signature)
        public.verify(signed, parsed)
    except (minisign.Error, ValueError) as error:
        raise PackDamaged(f"The signature is not by this key: {error}.") from error
    return str(parsed.trusted_comment)


def load_library() -> Any:  # noqa: ANN401 - it has no types
    try:
        import minisign
    except ImportError as error:
        raise BadInput("Signatures need a library: pip install 'dnid[sign]'.") from error
    return minisign


def _public_key(minisign: Any, key: str) -> Any:  # noqa: ANN401
    try:
        if len(key) == 56 and key.startswith("RW"):
            return minisign.PublicKey.from_base64(key)
        return minisign.PublicKey.from_file(Path(key))
    except OSError as error:
        raise BadInput(f"Cannot read the key {key}: {error.strerror}.") from error
    except (minisign.Error, ValueError) as error:
        raise BadInput(f"{key} is no public key of minisign: {error}.") from error
