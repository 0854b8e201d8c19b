"""What the service says when it refuses: a clear 4xx, `{"error": {…}}`, and nothing changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

from ..core.errors import InputError, nearest

__all__ = ["Problem", "body_of", "install", "methods"]

_MOST_SHOWN = 10
_LONGEST_NAME = 200
_QUOTED = re.compile(r"'([^']*)'")
_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_STATUS_WORDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "ABORTED",
    413: "TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class Problem(Exception):  # noqa: N818 - a refusal, as HTTP has it
    """A refusal.

    Args:
        status: of HTTP.
        message: what was found, what was expected, how to fix it. Never a secret.
        where: the field or line it is about.
        headers: to be sent along.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        where: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message
        self.where = where
        self.headers = dict(headers or {})


def body_of(status: int, message: str, *, where: str = "") -> dict[str, Any]:
    """The body of a refusal; the same members that Gemini's errors have."""
    error: dict[str, Any] = {
        "code": status,
        "message": message,
        "status": _STATUS_WORDS.get(status, "UNKNOWN"),
    }
    if where:
        error["where"] = where
    return {"error": error}


def install(app: FastAPI, away: type[Exception]) -> None:
    """Give every error of the API its form; `away` says that the database does not answer."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(InputError, _input_error)
    app.add_exception_handler(away, _away)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _bug)


def methods(scope: Scope) -> list[str]:
    """HTTP methods that the application takes on a request's path."""
    routes = scope["app"].routes
    return [
        method
        for method in _METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    ]


def _answer(
    status: int, message: str, where: str = "", headers: Mapping[str, str] | None = None
) -> JSONResponse:
    return JSONResponse(
        body_of(status, message, where=where), status_code=status, headers=dict(headers or {})
    )


async def _bug(_request: Request, _error: Exception) -> JSONResponse:
    """A bug of ours, which is logged by the server."""
    return _answer(500, "the service failed; its log says how")


async def _problem(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return _answer(error.status, error.message, error.where, error.headers)


async def _input_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, InputError)
    return _answer(422, error.problem, error.where)


async def _away(_request: Request, error: Exception) -> JSONResponse:
    return _answer(503, str(error))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """The first few problems that pydantic found, without what was sent: it may be secret."""
    assert isinstance(error, RequestValidationError)
    problems = error.errors()
    sentences = [
        f"{_place(entry['loc'])}: {entry['msg']}{_meant(entry, request)}"
        for entry in problems[:_MOST_SHOWN]
    ]
    malformed = any(entry["type"] == "json_invalid" for entry in problems)
    return _answer(400 if malformed else 422, "; ".join(sentences), _place(problems[0]["loc"]))


def _place(where: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in where)[:200]


def _meant(entry: Mapping[str, Any], request: Request) -> str:
    """The nearest name that is known, where a name is what is wrong."""
    if entry["type"] == "extra_forbidden":
        body = getattr(request.scope.get("route"), "body_field", None)
        model = getattr(getattr(body, "field_info", None), "annotation", None)
        fields = getattr(model, "model_fields", {})
        return nearest(str(entry["loc"][-1]), [each.alias or name for name, each in fields.items()])
    expected = _QUOTED.findall(str(entry.get("ctx", {}).get("expected", "")))
    return nearest(str(entry["input"])[:_LONGEST_NAME], expected) if expected else ""


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        path = request.url.path[:_LONGEST_NAME]
        hint = nearest(path, request.app.openapi()["paths"])
        return _answer(404, f"nothing is served at {path}{hint}; GET / says what is", path)
    headers = error.headers
    if error.status_code == 405:
        # The framework names the methods of the first route of a path only.
        headers = {"allow": ", ".join(methods(request.scope))}
    return _answer(error.status_code, str(error.detail), "", headers)
