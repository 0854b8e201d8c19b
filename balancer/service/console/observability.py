"""The page Observability: any metric over any time, split, kept as a view, taken away as CSV."""

from __future__ import annotations

import asyncio
import csv
import io
import time
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from ..console_use import Role
from ..history import StoreError
from ..history.tables import VIEWS
from ..problems import Problem
from .frame import Console
from .gate import form_of, need
from .metrics import METRICS, RANGES, Series, series
from .pages import Page
from .words import iso

__all__ = ["OBSERVABILITY"]

_MOST_VIEWS = 100
_LONGEST_NAME = 60
_LARGEST_ID = 2**31 - 1
_SPLITS = ("", "mode", "model", "priority", "key")
Split = Literal["", "mode", "model", "priority", "key"]


def _routes(console: Console) -> APIRouter:
    routes = APIRouter()
    dependencies = console.dependencies
    store = dependencies.store

    async def asked(metric: str, split: str, span: str) -> Series:
        if metric not in METRICS or span not in RANGES:
            raise Problem(422, "there is no such metric or range")
        return await asyncio.to_thread(
            series, store, dependencies.tracker.owner, metric, split, span
        )

    async def shown(
        request: Request,
        chosen: dict[str, str],
        *,
        errors: dict[str, str] | None = None,
        values: dict[str, str] | None = None,
    ) -> Response:
        return console.page(
            request,
            "observability",
            "observability.html",
            status=422 if errors else 200,
            errors=errors,
            values=values,
            chosen=chosen,
            query=urlencode(chosen),
            links=_links(console, chosen["range"]),
            metric=METRICS[chosen["metric"]],
            metrics=[(name, each.label) for name, each in METRICS.items()],
            splits=[(each, each or "no split") for each in _SPLITS
                    if not each or each in METRICS[chosen["metric"]].splits],
            ranges=[(name, words) for name, (words, *_) in RANGES.items()],
            views=await _views(console),
        )  # fmt: skip

    @routes.get("/console/observability")
    async def explorer(
        request: Request,
        metric: Annotated[str, Query()] = "latency_p95",
        split: Annotated[Split, Query()] = "",
        span: Annotated[str, Query(alias="range")] = "1h",
    ) -> Response:
        return await shown(request, _chosen(metric, split, span))

    @routes.get("/console/observability/data")
    async def data(
        metric: Annotated[str, Query()] = "latency_p95",
        split: Annotated[Split, Query()] = "",
        span: Annotated[str, Query(alias="range")] = "1h",
    ) -> JSONResponse:
        found = await asked(metric, split, span)
        return JSONResponse(
            {
                "times": found.times,
                "lines": found.lines,
                "worst": found.worst,
                "unit": METRICS[metric].unit,
                "step_s": found.step_s,
            }
        )

    @routes.get("/console/observability/data.csv")
    async def as_csv(
        metric: Annotated[str, Query()] = "latency_p95",
        split: Annotated[Split, Query()] = "",
        span: Annotated[str, Query(alias="range")] = "1h",
    ) -> Response:
        found = await asked(metric, split, span)
        return Response(
            _csv(found),
            media_type="text/csv; charset=utf-8",
            headers={"content-disposition": f'attachment; filename="{metric}-{span}.csv"'},
        )

    @routes.post("/console/observability/views")
    async def save(request: Request) -> Response:
        visitor = need(request, Role.OPERATOR)
        form = form_of(request)
        chosen = _chosen(form["metric"], form["split"], form["range"])
        name = form["name"].strip()
        problem = ""
        if not 0 < len(name) <= _LONGEST_NAME:
            problem = f"Enter a name of at most {_LONGEST_NAME} characters."
        elif len(await _views(console)) >= _MOST_VIEWS:
            problem = f"There are {_MOST_VIEWS} views already; remove one."
        else:
            row = {"at": time.time(), "who": visitor.name, "name": name,
                   "query": urlencode(chosen)}  # fmt: skip
            try:
                await asyncio.to_thread(store.add_now, VIEWS, **row)
            except StoreError as error:
                taken = error.__context__ is not None and isinstance(
                    error.__context__, IntegrityError
                )
                if not taken:
                    raise Problem(503, str(error)) from None
                problem = "There is a view of this name."
        if problem:
            return await shown(
                request, chosen, errors={"view.name": problem}, values={"view.name": name}
            )
        console.audit.add(visitor.author, "save a view", after=f"{name}: {urlencode(chosen)}")
        visitor.said = f"The view “{name}” is kept."
        return console.to(f"/console/observability?{urlencode(chosen)}")

    @routes.post("/console/observability/views/{number}/remove")
    async def remove(
        request: Request, number: Annotated[int, Path(ge=1, le=_LARGEST_ID)]
    ) -> Response:
        visitor = need(request, Role.OPERATOR)
        row = await asyncio.to_thread(store.get, VIEWS, number)
        if row is None:
            raise Problem(404, "there is no such view")
        await asyncio.to_thread(
            store.run,
            lambda connection: connection.execute(delete(VIEWS).where(VIEWS.c.id == number)),
        )
        console.audit.add(visitor.author, "remove a view", before=f"{row['name']}: {row['query']}")
        return console.to("/console/observability")

    return routes


def _chosen(metric: str, split: str, span: str) -> dict[str, str]:
    """What is shown; a split that the metric has not is none.

    Raises:
        Problem: 422.
    """
    if metric not in METRICS or span not in RANGES:
        raise Problem(422, "there is no such metric or range")
    return {
        "metric": metric,
        "split": split if split in METRICS[metric].splits else "",
        "range": span,
    }


def _links(console: Console, span: str) -> dict[str, str]:
    """To traces and logs of a range."""
    settings, now_s = console.dependencies.settings, time.time()
    _, seconds, *_ = RANGES[span]
    return settings.console.links.of(settings.notify.service, now_s - seconds, now_s)


async def _views(console: Console) -> list[dict[str, Any]]:
    try:
        page = await asyncio.to_thread(console.dependencies.store.page, VIEWS, limit=_MOST_VIEWS)
    except StoreError:
        return []
    return sorted(page.rows, key=lambda row: row["name"].lower())


def _csv(found: Series) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["time", *map(_cell, found.lines)])
    for place, at in enumerate(found.times):
        values = (line[place] for line in found.lines.values())
        writer.writerow([iso(at), *("" if value is None else repr(value) for value in values)])
    return text.getvalue()


def _cell(name: str) -> str:
    """A caller chose the key: a spreadsheet must not take it for a formula."""
    return f"'{name}" if name[:1] in "=+-@\t\r" else name


OBSERVABILITY = Page(name="observability", label="Observability", routes=_routes)
