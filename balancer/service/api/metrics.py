"""`GET /api/metrics`."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from .dependencies import Dependencies, refusals
from .metrics_schemas import Metrics
from .metrics_views import measure

__all__ = ["metrics_routes"]


def metrics_routes(dependencies: Dependencies) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["metrics"])

    @routes.get("/api/metrics", responses=refusals(403, 422, 429))
    async def metrics(
        window: Annotated[
            Literal["1m", "5m", "1h", "24h"], Query(description="What to look back on")
        ] = "5m",
    ) -> Metrics:
        """All metrics over a window, from what the balancer observed; null is unknown."""
        return await asyncio.to_thread(
            measure,
            dependencies.balancer,
            dependencies.recent,
            dependencies.passed,
            dependencies.conversations,
            dependencies.cpu,
            window,
        )

    return routes
