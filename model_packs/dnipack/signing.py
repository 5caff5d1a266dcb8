"""Sign packs with a key of the program minisign."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path

from dnid.errors import BadInput
from dnid.packs.manifest import Manifest
from dnid.packs.signature import load_library
from dnipack.archive import Sign


def signer(key: Path, ask_password: Callable[[str], str] = getpass.getpass) -> Sign:
    """What signs with the secret key in this file; asks for its password where it has one.

    The signature is the same each time: in the place of the usual date it tells id and
    version. Raises BadInput for a file that holds no such key, and for a wrong password.
    """
    minisign = load_library()
    try:
        secret = minisign.SecretKey.from_file(key)
        if secret.is_encrypted():
            secret.decrypt(ask_password(f"Password of {key}: "))
    except OSError as error:
        raise BadInput(f"Cannot read the key {key}: {error.strerror}.") from error
    except (minisign.Error, ValueError) as error:
        raise BadInput(f"{key} cannot sign: {error}.") from error

    def sign(manifest: Manifest, sums: bytes) -> bytes:
        said = f"{manifest.id} {manifest.version}".encode("ascii", "replace").decode()[:200]
        signature = secret.sign(sums, trusted_comment=said, untrusted_comment="dni-pack")
        return bytes(signature) + b"\n"

    return sign
