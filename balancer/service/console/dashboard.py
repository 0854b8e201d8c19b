"""The first page: is it well, why is the mode what it is, what does it cost, what did it save."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from ..api.metrics_views import WINDOWS_S
from ..history import StoreError
from ..history.tables import MODE_CHANGES
from .figures import figures
from .frame import Console
from .live import event, html
from .pages import Page
from .trail import COLUMNS, Trail

__all__ = ["DASHBOARD"]

_EVENTS = 12
_MOST_POINTS = 1200
Window = Literal["1m", "5m", "1h", "24h"]


def _routes(console: Console) -> APIRouter:
    routes = APIRouter()
    dependencies = console.dependencies
    balancer = dependencies.balancer
    trail, by_key = Trail(lambda: balancer.policy.tick_s), console.by_key
    balancer.listeners.ticks.add(trail.add)

    def draw(window: str) -> bytes:
        found = figures(dependencies, by_key, window)
        point = trail.newest()
        text = html(console.render("dashboard_live.html", figures=found, standing=found.standing))
        return text if point is None else text + event("point", point)

    for window in WINDOWS_S:
        console.live.add(f"dashboard-{window}", partial(draw, window))

    @routes.get("/console")
    async def dashboard(request: Request, window: Annotated[Window, Query()] = "5m") -> Response:
        found = await asyncio.to_thread(figures, dependencies, by_key, window)
        return console.page(
            request,
            "",
            "dashboard.html",
            figures=found,
            window=window,
            windows=list(WINDOWS_S),
            **await _events(console),
        )

    @routes.get("/console/dashboard/trail")
    async def line() -> JSONResponse:
        return JSONResponse({"columns": COLUMNS, "points": trail.points(_MOST_POINTS)})

    @routes.get("/console/dashboard/events")
    async def events() -> Response:
        return console.part("events.html", **await _events(console))

    return routes


async def _events(console: Console) -> dict[str, Any]:
    store = console.dependencies.store
    try:
        page = await asyncio.to_thread(store.page, MODE_CHANGES, limit=_EVENTS)
    except StoreError as error:
        return {"changes": [], "events_problem": str(error)}
    return {"changes": page.rows, "events_problem": ""}


DASHBOARD = Page(name="", label="Dashboard", routes=_routes)
