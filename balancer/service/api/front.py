"""`GET /` says what is served where, `GET /docs` what the API takes and gives; no scripts.

The page of the API is made of its OpenAPI document, so it needs no network and no CDN.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Match

from ...version import VERSION

__all__ = ["front_routes"]

_CONSOLE = {"/console": "the console: modes, orders, incidents"}
_PLACES = {
    "/docs": "the API, every route with an example",
    "/openapi.json": "the same for programs",
    "/api/brownout": "the mode, and why it is what it is",
    "/api/metrics": "metrics over a window, as JSON",
    "/metrics": "metrics for Prometheus to scrape",
    "/readyz": "whether calls are served as the policy says",
    "/healthz": "whether the process is alive",
}
"""What is told of, where it is served."""
_PROXY = "/v1beta/models/…"
_PROXIED = "the Gemini API, as a proxy: give any Gemini client this address as its base URL"
_STYLE = """\
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
code,pre{font:14px/1.4 ui-monospace,monospace}
pre{overflow:auto;padding:.6rem;border:1px solid color-mix(in srgb,currentColor 25%,transparent)}
table{border-collapse:collapse}td{padding:.2rem 1rem .2rem 0;vertical-align:top}
h2{margin-top:2.5rem}h3{margin-bottom:.2rem}
"""
_METHODS = ("get", "put", "post", "delete")


def front_routes(app: FastAPI) -> APIRouter:
    """The routes.

    Args:
        app: whose other routes are told of.
    """
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    async def front() -> Response:
        """Where what is, for programs; a browser is sent to the console before."""
        places = {**_CONSOLE, **_served(app), _PROXY: _PROXIED}
        width = max(map(len, places))
        lines = [f"open-Balancer {VERSION}", *(f"{at:<{width}}  {it}" for at, it in places.items())]
        return PlainTextResponse("\n".join(lines) + "\n")

    @routes.get("/docs")
    async def docs() -> Response:
        """The API for people."""
        return _page("The API of open-Balancer", "\n".join(_described(app.openapi())))

    return routes


def _served(app: FastAPI) -> dict[str, str]:
    """Places that this application serves: what is not there is not told of."""
    return {place: what for place, what in _PLACES.items() if _is_served(app, place)}


def _is_served(app: FastAPI, place: str) -> bool:
    scope = {"type": "http", "method": "GET", "path": place, "root_path": "", "headers": []}
    return any(route.matches(scope)[0] is Match.FULL for route in app.router.routes)


def _page(title: str, body: str) -> HTMLResponse:
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return HTMLResponse(
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style><h1>{escape(title)}</h1>{body}",
        headers={"content-security-policy": policy},
    )


def _described(document: Mapping[str, Any]) -> Iterator[str]:
    yield f"<p>{escape(document['info'].get('description', ''))}"
    yield '<p>For programs: <a href="/openapi.json"><code>/openapi.json</code></a>.'
    schemas = document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                yield from _operation(path, method, operations[method], schemas)


def _operation(
    path: str, method: str, said: Mapping[str, Any], schemas: Mapping[str, Any]
) -> Iterator[str]:
    yield f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
    yield f"<p>{escape(said.get('description') or said.get('summary', ''))}"
    parameters = said.get("parameters", ())
    if parameters:
        rows = "".join(
            f"<tr><td><code>{escape(each['name'])}</code><td>{escape(each['in'])}"
            f"<td>{escape(each.get('description', ''))} {_limits(each.get('schema', {}))}"
            for each in parameters
        )
        yield f"<table>{rows}</table>"
    body = said.get("requestBody", {}).get("content", {}).get("application/json", {})
    yield from _example("takes", body, schemas)
    for status, answer in said.get("responses", {}).items():
        content = answer.get("content", {}).get("application/json", {})
        if status.startswith("2"):
            yield from _example(f"answers {status}", content, schemas)
        else:
            yield f"<p><code>{escape(status)}</code> {escape(answer.get('description', ''))}"


def _limits(schema: Mapping[str, Any]) -> str:
    limits = [
        f"{word} {schema[key]}"
        for key, word in (("default", "without it"), ("minimum", "from"), ("maximum", "to"))
        if key in schema
    ]
    if "enum" in schema:
        limits.insert(0, ", ".join(map(str, schema["enum"])))
    return escape("; ".join(limits))


def _example(what: str, content: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[str]:
    """The example of a body: its own, or that of the model it is one of."""
    example = content.get("example")
    if example is None and "examples" in content:
        example = next(iter(content["examples"].values())).get("value")
    if example is None:
        name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
        example = next(iter(schemas.get(name, {}).get("examples", ())), None)
    if example is not None:
        text = json.dumps(example, indent=2, ensure_ascii=False)
        yield f"<h3>{escape(what)}</h3><pre>{escape(text)}</pre>"
