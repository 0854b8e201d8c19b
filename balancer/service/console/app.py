"""Puts the console together: its pages behind its gate."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from ...core.errors import InputError
from ..api.dependencies import Dependencies
from ..history import StoreError
from ..problems import Problem
from .brownout import BROWNOUT
from .dashboard import DASHBOARD
from .entry import entry_routes
from .frame import Console
from .help import HELP
from .incidents import INCIDENTS_PAGE
from .observability import OBSERVABILITY
from .pages import Page, menu
from .runs import RUNS
from .settings import SETTINGS

__all__ = ["console_of", "pages_of"]

_OWN = (DASHBOARD, BROWNOUT, INCIDENTS_PAGE, OBSERVABILITY, RUNS, SETTINGS, HELP)


def console_of(dependencies: Dependencies, given: Sequence[Page]) -> Console:
    """The console of a service, with pages of others in its menu."""
    return Console(dependencies, menu(_OWN, given))


def pages_of(console: Console) -> FastAPI:
    """The pages as an ASGI application; `Gate` belongs before it."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    async def refuse(request: Request, error: Exception) -> Response:
        return await console.refusal(request, _problem(error))

    for kind in (Problem, InputError, RequestValidationError, HTTPException, StoreError):
        app.add_exception_handler(kind, refuse)
    for page in console.pages:
        app.include_router(page.routes(console))
    app.include_router(entry_routes(console))  # the last one: it answers for what is nowhere
    return app


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        return Problem(error.status_code, str(error.detail), headers=error.headers)
    if isinstance(error, RequestValidationError):
        found = error.errors()[0]
        if found["loc"][0] == "path":
            return Problem(404, "there is no such page")
        return Problem(422, f"{found['loc'][-1]}: {found['msg']}")
    return Problem(503 if isinstance(error, StoreError) else 422, str(error))
