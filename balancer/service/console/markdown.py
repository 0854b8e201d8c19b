"""Markdown as HTML: without raw HTML, and with links that lead nowhere harmful."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

__all__ = ["anchor", "to_html"]


@cache
def _parser() -> MarkdownIt:
    # Schemes such as javascript: are refused by the parser itself.
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def anchor(title: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


def to_html(text: str, link: Callable[[str], str] = str) -> Markup:
    """Text as HTML that may stand in a page.

    Args:
        text: Markdown. HTML in it is shown as it is written.
        link: makes of a link's or a picture's address the one to use; "" leaves the words only.
    """
    tokens = _parser().parse(text)
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", anchor(tokens[place + 1].content))
        elif token.type in ("table_open", "fence", "code_block"):
            token.attrSet("tabindex", "0")
        for child in token.children or ():
            _relink(child, link)
    html = _parser().renderer.render(tokens, _parser().options, {})
    return Markup(html)  # noqa: S704 - the parser escapes what is not Markdown


def _relink(token: Token, link: Callable[[str], str]) -> None:
    name = {"link_open": "href", "image": "src"}.get(token.type)
    if name is not None:
        token.attrSet(name, link(str(token.attrs.get(name, ""))))
