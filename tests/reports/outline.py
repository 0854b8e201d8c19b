"""A page as a parser sees it."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser

__all__ = ["Outline"]


class Outline(HTMLParser):
    """Tags with their attributes, and whether every element is closed in order."""

    VOID = frozenset({"meta", "link", "br", "img", "input", "hr"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember it, and wait for its end."""
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember it."""
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """It must be what was opened last."""
        assert self.open.pop() == tag

    def named(self, tag: str) -> Iterator[dict[str, str | None]]:
        """Attributes of all elements of a kind."""
        return (attributes for name, attributes in self.found if name == tag)
