"""The page Incidents: what happened, what to do, who took it up, and what to learn from it."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import PlainTextResponse, Response

from ...policy_file import default_policy, show_policy
from ..api.incident_book import IncidentBook
from ..api.incident_markdown import as_markdown
from ..api.incident_views import shown_detail, shown_incident, shown_summary
from ..console_use import Role
from ..history import StoreError
from ..history.tables import ACKNOWLEDGED, NOTE, NOTES, POLICY_VERSIONS
from ..problems import Problem
from .candidates import named_apart
from .forms import whole_number
from .frame import Console
from .gate import form_of, need
from .journal_stretch import stretch
from .pages import Page
from .procedures import procedures_for

__all__ = ["INCIDENTS_PAGE"]

_ROWS = 50
_ENTRIES = 200
_VERSIONS = 20
_AROUND_S = 600.0
_LONGEST_NOTE = 4000
_LARGEST_ID = 2**31 - 1
Number = Annotated[int, Path(ge=1, le=_LARGEST_ID)]


def _routes(console: Console) -> APIRouter:
    routes = APIRouter()
    dependencies = console.dependencies
    store = dependencies.store
    book = IncidentBook(dependencies)

    async def shown(
        request: Request,
        number: int,
        *,
        errors: dict[str, str] | None = None,
        values: dict[str, str] | None = None,
    ) -> Response:
        found = await book.case(number)
        detail = shown_detail(found, _ENTRIES)
        summary = shown_summary(found)
        settings = dependencies.settings
        return console.page(
            request,
            "incidents",
            "incident.html",
            status=422 if errors else 200,
            errors=errors,
            values=values,
            incident=detail,
            summary=summary,
            notes=[row for row in found.gathered.notes if row["kind"] == NOTE],
            channels=len(settings.notify.channels),
            links=settings.console.links.of(
                settings.notify.service,
                summary.incident.began_at.timestamp() - _AROUND_S,
                found.now_s
                if found.incident.closed_at is None
                else found.incident.closed_at + _AROUND_S,
                found.trace,
            ),
            procedures=await asyncio.to_thread(procedures_for, settings.console.procedures, detail),
            has_procedures=settings.console.procedures is not None,
            policies=[
                ("default", "the default policy"),
                *(
                    (str(row["id"]), f"version {row['id']}: {row['name']}")
                    for row in await _rows(console, POLICY_VERSIONS, _VERSIONS)
                ),
            ],
        )

    async def write(request: Request, number: int, kind: str, text: str, what: str) -> Response:
        visitor = need(request, Role.OPERATOR)
        try:
            await asyncio.to_thread(
                store.add_now, NOTES, incident=number, at=time.time(), who=visitor.name,
                kind=kind, text=text,
            )  # fmt: skip
        except StoreError as error:
            raise Problem(503, f"{error}, so that it is not kept") from None
        console.audit.add(visitor.author, what, after=f"incident {number}: {text}")
        return console.to(f"/console/incidents/{number}")

    @routes.get("/console/incidents")
    async def incidents(
        request: Request, before: Annotated[int | None, Query(ge=1, le=_LARGEST_ID)] = None
    ) -> Response:
        found, older = await book.page(limit=_ROWS, before=before)
        now_s = time.time()
        taken = await _rows(console, NOTES, 500, NOTES.c.kind == ACKNOWLEDGED)
        return console.page(
            request,
            "incidents",
            "incidents.html",
            incidents=[shown_incident(number, each, now_s) for number, each in found],
            older=older,
            acknowledged={row["incident"]: row["who"] for row in taken},
        )

    @routes.get("/console/incidents/{number}")
    async def incident(request: Request, number: Number) -> Response:
        return await shown(request, number)

    @routes.get("/console/incidents/{number}/summary.md")
    async def summary(number: Number) -> Response:
        text = as_markdown(shown_summary(await book.case(number)))
        return PlainTextResponse(text, media_type="text/markdown; charset=utf-8")

    @routes.post("/console/incidents/{number}/note")
    async def note(request: Request, number: Number) -> Response:
        text = form_of(request)["text"].strip()
        if not 0 < len(text) <= _LONGEST_NOTE:
            said = f"Write something, of at most {_LONGEST_NOTE:,} characters."
            return await shown(
                request, number, errors={"note.text": said}, values={"note.text": text}
            )
        await book.case(number)
        return await write(request, number, NOTE, text, "note an incident")

    @routes.post("/console/incidents/{number}/acknowledge")
    async def acknowledge(request: Request, number: Number) -> Response:
        await book.case(number)
        return await write(request, number, ACKNOWLEDGED, "", "acknowledge an incident")

    @routes.post("/console/incidents/{number}/replay")
    async def replay(request: Request, number: Number) -> Response:
        """What another policy would have done: its time again, fitted, under both."""
        visitor = need(request, Role.OPERATOR)
        chosen = form_of(request)["policy"]
        text = await _policy(console, chosen)
        if text is None:
            return await shown(
                request, number, errors={"replay.policy": "Choose a policy of the list."}
            )
        found = await book.case(number)
        journal = await asyncio.to_thread(
            stretch, dependencies.balancer, found.incident.began_s - _AROUND_S,
            found.to_s + _AROUND_S,
        )  # fmt: skip
        if journal is None or not found.ours:
            return await shown(
                request, number, errors={"replay.policy": "The journal no longer has its time."}
            )
        current = dependencies.policies.current
        what = "as it ships" if chosen == "default" else f"version {chosen}"
        files = {
            "incident.jsonl": journal,
            "other.yaml": await named_apart(text, current.name, what),
            "in-force.yaml": current.text,
        }
        words = ["{job}/incident.jsonl", "--policy", "{job}/other.yaml",
                 "--policy", "{job}/in-force.yaml", "--replications", "4", "--workers", "1",
                 "--out", "{job}/report"]  # fmt: skip
        title = f"incident {number} again, under the policy {what}"
        job = await console.jobs.start("backtest", title, words, visitor.name, files)
        console.audit.add(visitor.author, "replay an incident", after=title)
        return console.to(f"/console/runs/{job.number}")

    return routes


async def _rows(console: Console, table: Any, limit: int, where: Any = None) -> list[Any]:
    """Rows of the history, the newest first; none where it cannot be read."""
    store = console.dependencies.store
    try:
        page = await asyncio.to_thread(lambda: store.page(table, limit=limit, where=where))
    except StoreError:
        return []
    return page.rows


async def _policy(console: Console, chosen: str) -> str | None:
    if chosen == "default":
        return show_policy(default_policy())
    number = whole_number(chosen, 1, _LARGEST_ID)
    if number is None:
        return None
    row = await asyncio.to_thread(console.dependencies.store.get, POLICY_VERSIONS, number)
    return None if row is None else str(row["text"])


INCIDENTS_PAGE = Page(name="incidents", label="Incidents", routes=_routes)
