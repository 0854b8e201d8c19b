"""`GET /api/incidents…`: which there were, what happened in them, and what to learn from one."""

from __future__ import annotations

import time
from enum import Enum
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import PlainTextResponse

from .dependencies import Dependencies, refusals
from .incident_book import IncidentBook
from .incident_markdown import as_markdown
from .incident_schemas import IncidentDetail, IncidentPage, IncidentSummary
from .incident_views import shown_detail, shown_incident, shown_summary

__all__ = ["incident_routes"]

_LARGEST_ID = 2**31 - 1
Number = Annotated[int, Path(ge=1, le=_LARGEST_ID, description="Id of the incident")]
_MARKDOWN: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"text/markdown": {"example": "# Incident 7: hard brownout\n…"}},
        "description": "The summary, as JSON or as Markdown",
    }
}


class Form(Enum):
    """Of a summary."""

    JSON = "json"
    MARKDOWN = "markdown"


def incident_routes(dependencies: Dependencies) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["incidents"])
    book = IncidentBook(dependencies)

    @routes.get("/api/incidents", responses=refusals(403, 422, 429, 503))
    async def incidents(
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        before: Annotated[int | None, Query(ge=1, le=_LARGEST_ID)] = None,
        is_open: Annotated[
            bool | None, Query(alias="open", description="Only those that go on, or are over")
        ] = None,
    ) -> IncidentPage:
        """Episodes of hard or emergency brownout, the newest first."""
        found, older = await book.page(limit=limit, before=before, is_open=is_open)
        now_s = time.time()
        return IncidentPage(
            incidents=[shown_incident(number, incident, now_s) for number, incident in found],
            before=older,
        )

    @routes.get("/api/incidents/{number}", responses=refusals(403, 404, 422, 429, 503))
    async def incident(
        number: Number,
        limit: Annotated[
            int, Query(ge=1, le=1000, description="Most entries of the timeline")
        ] = 200,
    ) -> IncidentDetail:
        """One incident: its modes with their reasons, orders, alerts and policies, in order."""
        return shown_detail(await book.case(number), limit)

    @routes.get(
        "/api/incidents/{number}/summary",
        response_model=IncidentSummary,
        responses=_MARKDOWN | refusals(403, 404, 422, 429, 503),
    )
    async def summary(
        number: Number,
        form: Annotated[Form, Query(alias="format", description="json or markdown")] = Form.JSON,
    ) -> IncidentSummary | Response:
        """A post-incident summary, drawn from the journal; it says what that no longer has."""
        found = shown_summary(await book.case(number))
        if form is Form.MARKDOWN:
            return PlainTextResponse(as_markdown(found), media_type="text/markdown")
        return found

    return routes
