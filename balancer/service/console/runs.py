"""The page Runs: start runs, comparisons and gates, watch them, and read their reports."""

from __future__ import annotations

import asyncio
from pathlib import Path as File
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse, Response

from ...core.policy import LAWS
from ..api.brownout import change_policy
from ..api.schemas import PolicyChange
from ..console_use import Role
from ..problems import Problem
from .forms import problems_of, whole_number
from .frame import Console
from .gate import form_of, need
from .jobs import LEAST_PAIRS, MOST_REPLICATIONS, Job, JobState
from .pages import Page

__all__ = ["RUNS"]

_KINDS = ("run", "compare", "gate")
_SANDBOX = (
    "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'none'"
)
"""For reports: they are whole pages by themselves, and may reach nothing of the console."""
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


def _routes(console: Console) -> APIRouter:
    routes = APIRouter()
    jobs = console.jobs

    async def shown(
        request: Request,
        *,
        errors: dict[str, str] | None = None,
        values: dict[str, str] | None = None,
    ) -> Response:
        return console.page(
            request,
            "runs",
            "runs.html",
            status=422 if errors else 200,
            errors=errors,
            values=values,
            scenarios=jobs.scenarios(),
            scenario_options=[(n, f"{n}: {asks}") for n, asks in jobs.scenarios()],
            kinds=_KINDS,
            laws=LAWS,
            jobs=jobs.newest(),
        )

    async def one(request: Request, job: Job, *, errors: dict[str, str] | None = None) -> Response:
        return console.page(
            request,
            "runs",
            "job.html",
            status=422 if errors else 200,
            errors=errors,
            **await asyncio.to_thread(_about, console, job),
        )

    @routes.get("/console/runs")
    async def runs(request: Request) -> Response:
        return await shown(request)

    @routes.post("/console/runs/start")
    async def start(request: Request) -> Response:
        visitor = need(request, Role.OPERATOR)
        form = form_of(request)
        errors = {}
        kind, scenario = form["kind"], form["scenario"]
        if kind not in _KINDS:
            errors["run.kind"] = "Choose what to do."
        if scenario not in [name for name, _ in jobs.scenarios()]:
            errors["run.scenario"] = "Choose a scenario of the list."
        count = whole_number(form["replications"] or "20", 1, MOST_REPLICATIONS)
        if count is None:
            errors["run.replications"] = f"Enter a whole number from 1 to {MOST_REPLICATIONS}."
        if not errors and count is not None:
            text = console.dependencies.policies.current.text
            words = [scenario, "--workers", "1", "--out", "{job}/report"]
            if kind == "gate":
                words += ["--candidate", "{job}/policy.yaml", "--replications-max",
                          str(max(LEAST_PAIRS, count))]  # fmt: skip
            else:
                words += ["--policy", "{job}/policy.yaml", "--replications", str(count)]
            title = {
                "run": f"{scenario}, the policy in force",
                "compare": f"{scenario}, all laws",
                "gate": f"{scenario}, the policy in force against the default",
            }[kind]
            try:
                job = await jobs.start(kind, title, words, visitor.name, {"policy.yaml": text})
            except Problem as problem:
                errors[""] = problem.message
            else:
                console.audit.add(visitor.author, f"start a {kind}", after=title)
                return console.to(f"/console/runs/{job.number}")
        values = {f"run.{name}": value for name, value in form.items()}
        return await shown(request, errors=errors, values=values)

    @routes.get("/console/runs/{number}")
    async def run(request: Request, number: Number) -> Response:
        return await one(request, jobs.get(number))

    @routes.get("/console/runs/{number}/progress")
    async def progress(number: Number) -> Response:
        about = await asyncio.to_thread(_about, console, jobs.get(number))
        return console.part("job_progress.html", **about)

    @routes.post("/console/runs/{number}/stop")
    async def stop(request: Request, number: Number) -> Response:
        visitor = need(request, Role.OPERATOR)
        job = jobs.get(number)
        jobs.stop(number)
        console.audit.add(visitor.author, "stop a run", before=job.title)
        return console.to(f"/console/runs/{number}")

    @routes.post("/console/runs/{number}/apply")
    async def apply(request: Request, number: Number) -> Response:
        """Put the policy in force whose impact the run has shown."""
        visitor = need(request, Role.OPERATOR)
        job, form = jobs.get(number), form_of(request)
        candidate = jobs.folder(number) / "candidate.yaml"
        if not candidate.exists() or job.state != JobState.DONE.value:
            raise Problem(404, "the run has no candidate, or did not come to its end")
        text = await asyncio.to_thread(candidate.read_text, encoding="utf-8")
        try:
            change = PolicyChange(policy=text, reason=form["reason"])
            done = await change_policy(console.dependencies, change, visitor.author)
        except ValueError as error:
            return await one(request, job, errors=problems_of(error, {"reason": "apply.reason"}))
        visitor.said = f"Version {done.version} is in force."
        return console.to("/console/brownout/policy")

    @routes.get("/console/runs/{number}/files/{name:path}")
    async def file(number: Number, name: str) -> Response:
        jobs.get(number)
        found = (await asyncio.to_thread(_files, jobs.folder(number))).get(name)
        if found is None:
            raise Problem(404, "the run has no such file")
        kind = None if found.suffix in (".html", ".svg", ".png") else "text/plain; charset=utf-8"
        return FileResponse(found, media_type=kind, headers={"content-security-policy": _SANDBOX})

    return routes


def _files(folder: File) -> dict[str, File]:
    """Of a run, by name; none that a link leads to elsewhere."""
    home = folder.resolve()
    return {
        path.relative_to(home).as_posix(): path
        for path in sorted(home.rglob("*"))
        if path.is_file() and path.resolve().is_relative_to(home)
    }


def _about(console: Console, job: Job) -> dict[str, Any]:
    names = list(_files(console.jobs.folder(job.number)))
    return {
        "job": job,
        "tail": console.jobs.tail(job.number),
        "reports": [name for name in names if name.endswith(".html")],
        "files": [name for name in names if _is_shown(File(name))],
        "candidate": "candidate.yaml" in names and job.state == JobState.DONE.value,
    }


def _is_shown(name: File) -> bool:
    return name.suffix in (".json", ".yaml", ".xml", ".md") and name.name != "job.json"


RUNS = Page(name="runs", label="Runs", routes=_routes)
