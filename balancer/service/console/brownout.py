"""The page Brownout: take the wheel, give it back, and try a prompt in each mode."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import ValidationError

from ...core.errors import InputError
from ...core.modes import MODES
from ..api.brownout import give_order, order_words
from ..api.schemas import Order
from ..console_use import Role
from ..history import StoreError
from ..history.tables import ORDERS
from ..problems import Problem
from .forms import problems_of
from .frame import Console
from .gate import form_of, need
from .impact import impact_routes
from .pages import Page
from .policies import policy_routes
from .trying import Tried, try_modes

__all__ = ["BROWNOUT"]

_ORDERS = 20


def _routes(console: Console) -> APIRouter:
    routes = APIRouter()
    routes.include_router(policy_routes(console))
    routes.include_router(impact_routes(console))

    async def shown(
        request: Request,
        *,
        errors: dict[str, str] | None = None,
        values: dict[str, str] | None = None,
        tried: list[Tried] | None = None,
    ) -> Response:
        return console.page(
            request,
            "brownout",
            "brownout.html",
            status=422 if errors else 200,
            errors=errors,
            values=values,
            tab="control",
            modes=[mode.label for mode in MODES],
            orders=await _orders(console),
            tried=tried,
            has_key=console.dependencies.settings.gemini_key is not None,
        )

    async def order(request: Request, form: str, given: Mapping[str, Any]) -> Response:
        """Give an order of a form, or say what is wrong with it."""
        visitor = need(request, Role.OPERATOR)
        entered = form_of(request)
        try:
            taken = Order.model_validate(given)
            done = give_order(console.dependencies, taken, visitor.author)
        except (ValidationError, Problem) as error:
            names = {name: f"{form}.{name}" for name in ("mode", "reason", "duration")}
            found = problems_of(error, names)
            if form == "hold" and "" in found:
                found = {"hold.duration": found[""]}
            values = {f"{form}.{name}": text for name, text in entered.items()}
            return await shown(request, errors=found, values=values)
        visitor.said = f"{order_words(taken, done)}."
        return console.to("/console/brownout")

    @routes.get("/console/brownout")
    async def control(request: Request) -> Response:
        return await shown(request)

    @routes.post("/console/brownout/hold")
    async def hold(request: Request) -> Response:
        form = form_of(request)
        given = {"mode": form["mode"], "reason": form["reason"], "duration": form["duration"]}
        return await order(request, "hold", given)

    @routes.post("/console/brownout/auto")
    async def auto(request: Request) -> Response:
        given = {"mode": "auto", "reason": form_of(request)["reason"]}
        return await order(request, "auto", given)

    @routes.post("/console/brownout/kill")
    async def kill(request: Request) -> Response:
        given = {"bypass": True, "reason": form_of(request)["reason"]}
        return await order(request, "kill", given)

    @routes.post("/console/brownout/resume")
    async def resume(request: Request) -> Response:
        given = {"bypass": False, "reason": form_of(request)["reason"]}
        return await order(request, "kill", given)

    @routes.post("/console/brownout/try")
    async def try_out(request: Request) -> Response:
        visitor = need(request, Role.OPERATOR)
        form = form_of(request)
        values = {"try.prompt": form["prompt"], "try.model": form["model"]}
        try:
            tried = await try_modes(console.dependencies, form["prompt"], form.given("model"))
        except (Problem, InputError) as error:
            found = problems_of(error, {"prompt": "try.prompt", "model": "try.model"})
            return await shown(request, errors=found, values=values)
        console.audit.add(visitor.author, "test the modes", after=f"{len(tried)} calls")
        return await shown(request, values=values, tried=tried)

    return routes


async def _orders(console: Console) -> list[dict[str, Any]]:
    try:
        page = await asyncio.to_thread(console.dependencies.store.page, ORDERS, limit=_ORDERS)
    except StoreError:
        return []
    return page.rows


BROWNOUT = Page(name="brownout", label="Brownout", routes=_routes)
