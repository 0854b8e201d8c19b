"""What a policy would do, before it is put in force: on the last hour, or on a scenario."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import Response

from ..console_use import Role
from ..problems import Problem
from .candidates import named_apart
from .forms import whole_number
from .frame import Console
from .gate import form_of, need
from .jobs import LEAST_PAIRS, MOST_REPLICATIONS
from .journal_stretch import last_hours
from .policies import checked

__all__ = ["impact_routes"]

_CANDIDATE = "candidate.yaml"
_TRIED = "tried.yaml"
"""The candidate as a run sees it, see `named_apart`; what is applied is the candidate."""
_IN_FORCE = "in-force.yaml"
_HOUR = "hour.jsonl"
_HOURS = {"hour": 1, "hours": 6}
"""Stretches of the service's own journal: six where the last one had no call of normal mode."""


def impact_routes(console: Console) -> APIRouter:
    """The routes."""
    routes = APIRouter()
    dependencies = console.dependencies

    async def shown(
        request: Request,
        text: str,
        *,
        errors: dict[str, str] | None = None,
        values: dict[str, str] | None = None,
    ) -> Response:
        found, wrong = await checked(console, text)
        wrong = {name.replace("policy.", "impact."): said for name, said in wrong.items()}
        errors = {**wrong, **(errors or {})}
        return console.page(
            request,
            "brownout",
            "impact.html",
            status=422 if errors else 200,
            errors=errors,
            values=values,
            tab="impact",
            text=text,
            checked=found,
            scenarios=console.jobs.scenarios(),
            scenario_options=[(n, f"{n}: {asks}") for n, asks in console.jobs.scenarios()],
            stretches=[
                (name, f"the last {_length(name)} of this service, fitted") for name in _HOURS
            ],
            journal=bool(dependencies.balancer.status().journal),
            jobs=[job for job in console.jobs.newest() if job.kind in ("gate", "backtest")][:10],
        )

    @routes.get("/console/brownout/impact")
    async def impact(request: Request) -> Response:
        return await shown(request, dependencies.policies.current.text)

    @routes.post("/console/brownout/impact/draft")
    async def draft(request: Request) -> Response:
        need(request, Role.OPERATOR)
        return await shown(request, form_of(request)["text"])

    @routes.post("/console/brownout/impact/start")
    async def start(request: Request) -> Response:
        visitor = need(request, Role.OPERATOR)
        form = form_of(request)
        text, on = form["text"], form["on"]
        found, _ = await checked(console, text)
        values = {f"impact.{name}": value for name, value in form.items()}
        count = whole_number(form["replications"] or "20", 1, MOST_REPLICATIONS)
        if found is None:
            return await shown(request, text, values=values)
        if count is None:
            said = f"Enter a whole number from 1 to {MOST_REPLICATIONS}."
            return await shown(request, text, values=values, errors={"impact.replications": said})
        current = dependencies.policies.current
        files = {
            _CANDIDATE: text,
            _TRIED: await named_apart(text, current.name, "candidate"),
            _IN_FORCE: current.text,
        }
        candidate, in_force = ["{job}/" + name for name in (_TRIED, _IN_FORCE)]
        if on in _HOURS:
            hour = await asyncio.to_thread(last_hours, dependencies.balancer, _HOURS[on])
            if hour is None:
                return await shown(
                    request, text, values=values,
                    errors={"impact.on": "The service keeps no journal, so there is no last hour."},
                )  # fmt: skip
            kind, title = "backtest", f"{found['name']}: the last {_length(on)} again"
            files[_HOUR] = hour
            words = ["{job}/" + _HOUR, "--policy", candidate, "--policy", in_force,
                     "--replications", str(count)]  # fmt: skip
        else:
            names = [name for name, _ in console.jobs.scenarios()]
            if form["scenario"] not in names:
                return await shown(
                    request, text, values=values,
                    errors={"impact.scenario": "Choose a scenario of the list."},
                )  # fmt: skip
            kind, title = "gate", f"{found['name']} against the policy in force: {form['scenario']}"
            words = [form["scenario"], "--candidate", candidate, "--baseline", in_force,
                     "--replications-max", str(max(LEAST_PAIRS, count))]  # fmt: skip
        words += ["--workers", "1", "--out", "{job}/report"]
        try:
            job = await console.jobs.start(kind, title, words, visitor.name, files)
        except Problem as problem:
            return await shown(request, text, values=values, errors={"": problem.message})
        console.audit.add(visitor.author, f"start a {kind}", after=title)
        return console.to(f"/console/runs/{job.number}")

    return routes


def _length(on: str) -> str:
    return "hour" if _HOURS[on] == 1 else f"{_HOURS[on]} hours"
