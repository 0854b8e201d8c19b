"""The first page: is it well, why is the mode what it is, what does it cost, what did it save."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from .frame import Console
from .pages import Page

__all__ = ["DASHBOARD"]


def _routes(console: Console) -> APIRouter:
    routes = APIRouter()

    @routes.get("/console")
    async def dashboard(request: Request) -> Response:
        return console.page(request, "", "dashboard.html")

    return routes


DASHBOARD = Page(name="", label="Dashboard", routes=_routes)
