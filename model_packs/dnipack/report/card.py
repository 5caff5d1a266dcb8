"""A pack's CARD.md as HTML. The card comes from a stranger: nothing in it may run or load."""

from __future__ import annotations

from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from dnid.errors import PackDamaged

MAX_BYTES = 256 * 1024
_BELOW_SECTION = 2
"""A card's first heading stands below the page's own section heading."""


def card_html(folder: Path) -> Markup | None:
    """CARD.md of the pack, or None where there is none.

    A link would carry any file of the author's choice into a page that is handed on:
    it is refused, like a card of more than 256 KiB, with PackDamaged.
    """
    path = folder / "CARD.md"
    if path.is_symlink():
        raise PackDamaged(f"{path} is a link, which a pack may not hold.")
    if not path.is_file():
        return None
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise PackDamaged(f"{path} is larger than {MAX_BYTES // 1024} KiB.")
    return _render(data.decode("utf-8", "replace"))


def _render(text: str) -> Markup:
    """CommonMark with tables; HTML is shown as text, pictures by their description."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    for token in tokens:
        _soften(token)
    return Markup(markdown.renderer.render(tokens, markdown.options, {}))


def _soften(token: Token) -> None:
    if token.type in ("heading_open", "heading_close"):
        token.tag = f"h{min(int(token.tag[1]) + _BELOW_SECTION, 6)}"
    for child in token.children or ():
        if child.type == "link_open":
            child.attrSet("rel", "noopener noreferrer")
        elif child.type == "image":  # would be fetched
            child.type, child.children = "text", None
