"""SPDX licence expressions: what they are, and that a blend's covers its anchors'."""

from __future__ import annotations

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from dnid.errors import PackDamaged
from dnid.packs.manifest import Manifest

MAX_EXPRESSION = 500
"""Characters; the library compiles the expression."""

_GRAMMAR = {"AND", "OR", "WITH"}


def check_licences(manifest: Manifest) -> None:
    """Raises PackDamaged, naming the expression that is none, or the licence that is left out.

    A blend is made of its anchors, so every licence of an anchor is in the blend's
    expression. That is necessary and not sufficient: whether they go together is for people.
    """
    blend = _licences(manifest.licence)
    for anchor in manifest.anchors:
        if missing := sorted(_licences(anchor.licence or manifest.licence) - blend):
            raise PackDamaged(
                f"Anchor {anchor.name!r} is under {missing[0]}, which the pack's licence lacks."
            )


def _licences(expression: str) -> set[str]:
    """The identifiers in it, as SPDX spells them."""
    try:
        if len(expression) > MAX_EXPRESSION:
            raise InvalidLicenseExpression
        plain = canonicalize_license_expression(expression)
    except (InvalidLicenseExpression, RecursionError, MemoryError, ValueError) as error:
        raise PackDamaged(
            f"The licence {expression[:80]!r} is no SPDX expression such as 'CC-BY-4.0'."
        ) from error
    return set(plain.replace("(", " ").replace(")", " ").split()) - _GRAMMAR
