"""The pages of the console, in the order of their menu."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..console_use import Role

if TYPE_CHECKING:
    from fastapi import APIRouter

    from .frame import Console

__all__ = ["Page", "menu"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of the console.

    Attributes:
        name: its path under `/console/`; "" is the first page.
        label: in the menu.
        routes: makes its routes, with paths such as `/console/playground`; called once.
        after: name of the page that it follows in the menu; None is the last.
        role: the least role that sees it.
        templates: folder of its own templates, found by their names before any other.
        static: folder of its own files, served at `/console/static/NAME/…`.
    """

    name: str
    label: str
    routes: Callable[[Console], APIRouter]
    after: str | None = None
    role: Role = Role.VIEWER
    templates: Path | None = None
    static: Path | None = None

    @property
    def path(self) -> str:
        """Where it is."""
        return f"/console/{self.name}" if self.name else "/console"


def menu(own: Sequence[Page], given: Sequence[Page]) -> tuple[Page, ...]:
    """All pages in the order of the menu, those given behind the one that each follows."""
    found = list(own)
    for page in given:
        names = [each.name for each in found]
        place = names.index(page.after) + 1 if page.after in names else len(found)
        found.insert(place, page)
    return tuple(found)
