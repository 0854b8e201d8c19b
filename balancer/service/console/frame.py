"""What all pages of the console share: templates, files, sessions, and the frame around them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from ...version import VERSION
from ..api.dependencies import Dependencies
from ..problems import Problem
from .assets import Assets
from .by_key import ByKey
from .gate import visitor_of
from .jobs import Jobs
from .live import Live, html
from .pages import Page
from .rollups import Rollups
from .sessions import Sessions
from .standing import standing
from .words import FILTERS

__all__ = ["Console"]

_HERE = Path(__file__).parent


class Console:
    """The console of a service.

    Args:
        dependencies: everything that pages show and change.
        pages: in the order of the menu.

    Attributes:
        dependencies: the same.
        sessions: who is logged in.
        audit: where every change is noted.
        jobs: runs of the command that were started from pages.
        by_key: requests by their callers' keys.
        rollups: what was observed, for the metric explorer.
        live: streams to whoever looks.
        assets: what pages load.
        pages: the same.
    """

    def __init__(self, dependencies: Dependencies, pages: Sequence[Page]) -> None:
        self.dependencies = dependencies
        self.pages = tuple(pages)
        self.sessions = Sessions()
        self.audit = dependencies.audit
        self.jobs = Jobs(dependencies.settings.data / "runs")
        self.assets = Assets(
            {"": _HERE / "static"}
            | {page.name: page.static for page in pages if page.static is not None}
        )
        folders = [page.templates for page in pages if page.templates is not None]
        self._templates = Environment(
            loader=FileSystemLoader([*folders, _HERE / "templates"]),
            autoescape=select_autoescape(default_for_string=True, default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= FILTERS
        self._templates.globals |= {"asset": self.assets.url, "version": VERSION}
        self.live = Live()
        self.live.add("standing", self._standing)
        balancer = dependencies.balancer
        self.by_key = ByKey()
        self.rollups = Rollups(
            dependencies.store,
            lambda: dependencies.tracker.owner,
            lambda: balancer.policy.tick_s,
            self.by_key,
        )
        balancer.listeners.requests.add(self.by_key.add)
        balancer.listeners.ticks.add(self.rollups.add)
        balancer.listeners.ticks.add(self.live.tick)

    def to(self, path: str) -> RedirectResponse:
        """Where a form leads when it is done: another page, so that loading it again is no form."""
        return RedirectResponse(path, 303)

    def render(self, template: str, **context: Any) -> str:
        """A template alone, without the frame: for a part of a page."""
        return self._templates.get_template(template).render(**context)

    def part(self, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
        """A part of a page, as htmx asks for them."""
        return HTMLResponse(self.render(template, **context), status_code=status)

    def page(
        self,
        request: Request,
        name: str,
        template: str,
        *,
        status: int = 200,
        errors: dict[str, str] | None = None,
        values: dict[str, str] | None = None,
        **context: Any,
    ) -> HTMLResponse:
        """A page, whose template extends `frame.html`.

        Args:
            request: who asks.
            name: of the page in the menu.
            template: of it.
            status: of HTTP; 422 where there are errors.
            errors: messages by the field of a form; "" is the form as a whole.
            values: what was entered, to be shown again.
            context: for the template, which also has `visitor`, `standing` and `menu`.
        """
        visitor = visitor_of(request)
        said, visitor.said = visitor.said, ""
        return self.part(
            template,
            status=status,
            visitor=visitor,
            standing=standing(self.dependencies),
            menu=[page for page in self.pages if page.role <= visitor.role],
            here=name,
            said=said,
            errors=errors or {},
            values=values or {},
            unlocked=self.dependencies.settings.token is None,
            **context,
        )

    def _standing(self) -> bytes:
        return html(self.render("standing.html", standing=standing(self.dependencies)))

    async def refusal(self, request: Request, problem: Problem) -> HTMLResponse:
        """The page that says no."""
        part = request.headers.get("hx-request") == "true"
        answer = self.part(
            "refusal_part.html" if part else "refusal.html", status=problem.status, problem=problem
        )
        answer.headers.update(problem.headers)
        return answer
