"""The page Help: the documentation of the version that runs, and a search in it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response

from ..problems import Problem
from .frame import Console
from .markdown import to_html
from .pages import Page

__all__ = ["HELP"]

_PACKAGED = Path(__file__).parent / "docs"
_IN_TREE = Path(__file__).parents[3] / "docs"
_SECTIONS = ("tutorial", "how-to", "reference", "explanation")
_LONGEST_QUERY = 100
_MOST_FOUND = 20
_AROUND = 90
_PICTURES = {".png", ".svg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A page of the documentation: `name` is its path without the suffix."""

    name: str
    title: str
    text: str

    @property
    def section(self) -> str:
        """The folder it is in."""
        return self.name.partition("/")[0] if "/" in self.name else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A page that a search found, with the words around the first place."""

    document: Document
    before: str
    match: str
    after: str


def _folder() -> Path | None:
    """Of the documentation: in the wheel beside this file, else in the source tree."""
    return next((path for path in (_PACKAGED, _IN_TREE) if path.is_dir()), None)


@cache
def _documents() -> dict[str, Document]:
    folder = _folder()
    found = {}
    for path in sorted(folder.rglob("*.md")) if folder is not None else ():
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(path if folder is None else folder).with_suffix("").as_posix()
        title = re.search(r"^# (.+)$", text, re.MULTILINE)
        found[name] = Document(
            name=name, title=title[1].replace("`", "") if title else name, text=text
        )
    return found


@cache
def _pictures() -> dict[str, Path]:
    folder = _folder()
    if folder is None:
        return {}
    files = (path for path in folder.rglob("*") if path.suffix in _PICTURES and path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in files}


def search(query: str) -> list[Found]:
    """Pages with all words of a query, those with them in their title or often first."""
    words = query.lower().split()
    if not words:
        return []
    scored = []
    for document in _documents().values():
        text, title = document.text.lower(), document.title.lower()
        counts = [text.count(word) for word in words]
        if all(counts):
            headings = " ".join(re.findall(r"^#+ .*$", text, re.MULTILINE))
            score = 50 * sum(word in title for word in words)
            score += 10 * sum(word in headings for word in words) + min(20, sum(counts))
            scored.append((-score, document.name, document))
    return [_found(each, words) for _, _, each in sorted(scored)[:_MOST_FOUND]]


def _found(document: Document, words: list[str]) -> Found:
    text = document.text
    lower = text.lower()
    whole = lower.find(" ".join(words))
    at, size = (
        (whole, len(" ".join(words))) if whole >= 0 else (lower.find(words[0]), len(words[0]))
    )
    return Found(
        document=document,
        before=" ".join(text[max(0, at - _AROUND) : at].split()),
        match=text[at : at + size],
        after=" ".join(text[at + size : at + size + _AROUND].split()),
    )


def _relinked(name: str) -> Callable[[str], str]:
    """What becomes of a link on a page: another page of the help, or a picture, or as it is."""

    def link(address: str) -> str:
        if not address or address.startswith(("#", "https://", "http://", "mailto:")):
            return address
        path, _, place = address.partition("#")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
        place = f"#{place}" if place else ""
        if target.removesuffix(".md") in _documents():
            return f"/console/help/{target.removesuffix('.md')}{place}"
        if Path(target).suffix in _PICTURES:
            return f"/console/help/files/{target}"
        return f"#{place.removeprefix('#')}"  # of the source tree, which is not here

    return link


def _routes(console: Console) -> APIRouter:
    routes = APIRouter()

    def sections() -> list[tuple[str, list[Document]]]:
        all_of_them = _documents().values()
        return [(name, [d for d in all_of_them if d.section == name]) for name in _SECTIONS]

    @routes.get("/console/help")
    async def contents(
        request: Request, q: Annotated[str, Query(max_length=_LONGEST_QUERY)] = ""
    ) -> Response:
        return console.page(
            request, "help", "help.html", sections=sections(), query=q, found=search(q), page=None
        )

    @routes.get("/console/help/files/{name:path}")
    async def picture(name: str) -> Response:
        path = _pictures().get(name)
        if path is None:
            raise Problem(404, "there is no such picture")
        return FileResponse(path)

    @routes.get("/console/help/{name:path}")
    async def page(request: Request, name: str) -> Response:
        document = _documents().get(name.removesuffix(".md"))
        if document is None:
            raise Problem(404, "the help has no such page")
        return console.page(
            request,
            "help",
            "help.html",
            sections=sections(),
            query="",
            found=[],
            page=document,
            html=to_html(document.text, _relinked(document.name)),
        )

    return routes


HELP = Page(name="help", label="Help", routes=_routes)
