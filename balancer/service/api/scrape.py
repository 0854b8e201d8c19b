"""`GET /metrics`, for Prometheus."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response

from ...core.errors import InputError
from ..problems import Problem
from .dependencies import Dependencies, refusals

__all__ = ["scrape_routes"]


def scrape_routes(dependencies: Dependencies) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["metrics"])
    scraping = dependencies.integrations.scraping
    if scraping is None:
        return routes

    @routes.get("/metrics", response_class=Response, responses=refusals(403, 429, 503))
    async def scrape() -> Response:
        """All metrics as text for Prometheus to scrape, counted from the first scrape on."""
        try:
            body, kind = await asyncio.to_thread(scraping.text)
        except InputError as error:
            raise Problem(503, error.problem) from None
        return Response(body, media_type=kind)

    return routes
