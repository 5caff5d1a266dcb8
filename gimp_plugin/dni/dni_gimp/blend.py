"""A blend of a pack's anchors by hand: shares α with Σ α = 1 (the paper's Eq. 2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .recipes import Refused, Table
from .words import _


def blendable(packs: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the packs that have anchors to blend, by name."""
    sound = [pack for pack in packs if pack.get("error") is None and len(anchors_of(pack)) > 0]
    return sorted(sound, key=lambda pack: str(pack["id"]))


def anchors_of(pack: Mapping[str, Any]) -> list[str]:
    """Return the names of a pack's anchors, in its manifest's order."""
    return [str(anchor["name"]) for anchor in pack.get("anchors", [])]


def find_pack(packs: Iterable[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    """Return the pack of this id, or the first one for no id. Raises Refused."""
    found = [pack for pack in blendable(packs) if name in ("", pack["id"])]
    if not found:
        raise Refused(_("There is no pack “{name}”: “dnid packs” lists them.").format(name=name))
    return found[0]


def read_shares(text: str, anchors: Sequence[str]) -> list[float]:
    """Return the shares that a text like "n20=1 n40=3" gives the anchors, made to sum to 1.

    Anchors that it does not name have none; an empty text shares alike. Raises Refused.
    """
    shares = dict.fromkeys(anchors, 0.0 if text.strip() else 1.0)
    for word in text.split():
        name, _equals, number = word.partition("=")
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if name not in shares or not 0 <= value < float("inf"):
            known = ", ".join(anchors)
            raise Refused(
                _("“{word}” is no share: please write NAME=NUMBER, with {known}.").format(
                    word=word, known=known
                )
            )
        shares[name] = value
    total = sum(shares.values())
    if not total:
        raise Refused(_("All shares are 0: please give one anchor a share."))
    return [value / total for value in shares.values()]


def write_shares(anchors: Sequence[str], shares: Sequence[float]) -> str:
    """Return the text that `read_shares` reads."""
    return " ".join(f"{name}={share:.4g}" for name, share in zip(anchors, shares, strict=True))


def moved(shares: Sequence[float], which: int, share: float) -> list[float]:
    """Return the shares after one was set: the others keep their proportions, and Σ is 1."""
    others = sum(shares) - shares[which]
    if len(shares) == 1:
        return [1.0]
    if others > 0:
        result = [value * (1 - share) / others for value in shares]
    else:
        result = [(1 - share) / (len(shares) - 1)] * len(shares)
    result[which] = share
    return result


def blend_recipe(pack: Mapping[str, Any], shares: Sequence[float]) -> Table:
    """Return the recipe of one stage for this blend."""
    stage = {"effect": pack["effect"], "strength": 0.0, "pack": pack["id"], "shares": list(shares)}
    scale = int(pack.get("scale", 1))
    return {"stages": [stage if scale == 1 else {**stage, "scale": scale}]}
