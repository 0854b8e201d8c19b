"""`GET /api/history/…`: what happened, page by page."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from ..history.tables import INCIDENTS, MODE_CHANGES, ORDERS, POLICY_VERSIONS
from ..problems import Problem
from .dependencies import Dependencies, refusals
from .schemas import HistoryPage, PolicyVersion

__all__ = ["history_routes"]


class Kind(Enum):
    """What is kept."""

    MODES = "modes"
    ORDERS = "orders"
    POLICIES = "policies"
    INCIDENTS = "incidents"


_TABLES = {
    Kind.MODES: MODE_CHANGES,
    Kind.ORDERS: ORDERS,
    Kind.POLICIES: POLICY_VERSIONS,
    Kind.INCIDENTS: INCIDENTS,
}
_TIMES = ("at", "until", "began_at", "opened_at", "closed_at", "seen_at")
_LARGEST_ID = 2**31 - 1


def history_routes(dependencies: Dependencies) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["history"])

    @routes.get("/api/history/{kind}", responses=refusals(403, 422, 429, 503))
    async def history(
        kind: Annotated[Kind, Path(description="Of what")],
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        before: Annotated[int | None, Query(ge=1, le=_LARGEST_ID)] = None,
    ) -> HistoryPage:
        """Mode changes, orders, policy versions (without their text) or incidents."""
        page = await asyncio.to_thread(
            dependencies.store.page, _TABLES[kind], limit=limit, before=before
        )
        return HistoryPage(
            entries=[_without_text(_shown(row)) for row in page.rows], before=page.before
        )

    @routes.get("/api/history/policies/{version}", responses=refusals(403, 404, 422, 429, 503))
    async def policy_version(
        version: Annotated[int, Path(ge=1, le=_LARGEST_ID)],
    ) -> PolicyVersion:
        """One policy version, with its text."""
        row = await asyncio.to_thread(dependencies.store.get, POLICY_VERSIONS, version)
        if row is None:
            raise Problem(404, f"there is no policy version {version}")
        return PolicyVersion.model_validate(_shown(row))

    return routes


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _time(value) if name in _TIMES and value is not None else value
        for name, value in row.items()
    }


def _without_text(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "text"}


def _time(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat().replace("+00:00", "Z")
