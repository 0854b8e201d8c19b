"""The page Settings: what is set up, the channels with a test, who may log in, the audit log."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from ...adapters.notify.trial import try_channels
from ...core.errors import InputError
from ..console_use import Role
from ..history import StoreError
from ..history.tables import AUDIT
from .beside import beside
from .frame import Console
from .gate import need
from .pages import Page

__all__ = ["SETTINGS"]

_ROWS = 50


def _routes(console: Console) -> APIRouter:
    routes = APIRouter()
    dependencies = console.dependencies
    settings = dependencies.settings

    async def shown(
        request: Request,
        *,
        before: int | None = None,
        trials: list[dict[str, Any]] | None = None,
        problem: str = "",
    ) -> Response:
        rows, older = await _audit(console, before)
        return console.page(
            request,
            "settings",
            "settings.html",
            errors={"": problem} if problem else None,
            settings=settings,
            locked=settings.token is not None,
            database=settings.database_url.partition(":")[0],
            beside=beside(dependencies),
            trials=trials,
            rows=rows,
            older=older,
        )

    @routes.get("/console/settings")
    async def page(
        request: Request, before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None
    ) -> Response:
        need(request, Role.ADMIN)
        return await shown(request, before=before)

    @routes.post("/console/settings/notify")
    async def test(request: Request) -> Response:
        visitor = need(request, Role.ADMIN)
        notify = settings.notify
        try:
            done = await asyncio.to_thread(
                try_channels, notify.every_channel, service=notify.service, link=notify.link
            )
        except InputError as error:
            return await shown(request, problem=str(error))
        console.audit.add(visitor.author, "test the channels", after=f"{len(done)} channels")
        trials = [
            {"name": each.channel.name, "ok": each.ok, "problem": each.problem,
             "seconds": each.seconds}
            for each in done
        ]  # fmt: skip
        return await shown(request, trials=trials)

    return routes


async def _audit(console: Console, before: int | None) -> tuple[list[dict[str, Any]], int | None]:
    store = console.dependencies.store
    try:
        page = await asyncio.to_thread(store.page, AUDIT, limit=_ROWS, before=before)
    except StoreError:
        return [], None
    return page.rows, page.before


SETTINGS = Page(name="settings", label="Settings", routes=_routes, role=Role.ADMIN)
