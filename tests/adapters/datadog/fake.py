"""Datadog as far as we use it, over loopback: it keeps what it is given, and fails on demand."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from balancer.adapters.datadog.client import Client
from tests.waiting import GIVE_UP_S

API_KEY, APP_KEY = "api-key-of-the-fake", "app-key-of-the-fake"

Answer = tuple[int, Any]
Route = Callable[["Fake", re.Match[str], dict[str, str], Any], Answer]
NOT_FOUND: Answer = (404, {"errors": ["not found"]})


class Fake:
    """What it holds, what it was asked, and how it is to fail.

    Attributes:
        failures: for the next requests that match: method, start of the path, how.
            A status answers with it; "late" does the work and answers 503; "drop" does the
            work and closes; "hang" answers too late; "text" answers without JSON.
        requests: method, path and body of each request that was let in.
        keys: API key and application key that it lets in.
        told: said before all else where it fails by a status.
        limits: rate limit headers of every answer.
        series: answers of timeseries queries, the first first.
    """

    def __init__(self) -> None:
        self.url = ""
        self.lock = threading.Lock()
        self.monitors: dict[int, dict[str, Any]] = {}
        self.webhooks: dict[str, dict[str, Any]] = {}
        self.variables: dict[str, dict[str, Any]] = {}
        self.dashboards: dict[str, dict[str, Any]] = {}
        self.tag_configurations: dict[str, dict[str, Any]] = {}
        self.known_metrics: set[str] | None = None
        self.events: list[dict[str, Any]] = []
        self.incidents: dict[str, dict[str, Any]] = {}
        self.series: list[dict[str, Any]] = []
        self.failures: list[tuple[str, str, int | str]] = []
        self.requests: list[tuple[str, str, Any]] = []
        self.keys = (API_KEY, APP_KEY)
        self.told = ""
        self.limits: dict[str, str] = {}
        self.released = threading.Event()
        self.made = 100

    def new_id(self) -> int:
        """An id that was not given before."""
        self.made += 1
        return self.made

    def writes(self) -> list[tuple[str, str]]:
        """Method and path of each request that may change something."""
        return [(method, path) for method, path, _ in self.requests if method != "GET"]

    def things(self) -> int:
        """How many things it holds."""
        integrations = len(self.webhooks) + len(self.variables) + len(self.tag_configurations)
        return len(self.monitors) + len(self.dashboards) + integrations

    def failure(self, method: str, path: str) -> int | str | None:
        """How this request is to fail."""
        for index, (wanted, start, how) in enumerate(self.failures):
            if wanted in ("*", method) and path.startswith(start):
                del self.failures[index]
                return how
        return None

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        """Do what is asked."""
        for wanted, pattern, route in ROUTES:
            match = re.fullmatch(pattern, path)
            if wanted == method and match:
                return route(self, match, query, body)
        return 404, {"errors": [f"no route {method} {path}"]}


def _list_monitors(fake: Fake, _m: re.Match[str], query: dict[str, str], _b: Any) -> Answer:
    tags = set(filter(None, query.get("monitor_tags", "").split(",")))
    found = [body for body in fake.monitors.values() if tags <= set(body["tags"])]
    size = int(query.get("page_size", 100))
    begin = int(query.get("page", 0)) * size
    return 200, found[begin : begin + size]


def _create_monitor(fake: Fake, _m: re.Match[str], _q: dict[str, str], body: Any) -> Answer:
    number = fake.new_id()
    options = {"silenced": {}, "new_host_delay": 300, "locked": False} | body.get("options", {})
    fake.monitors[number] = {"message": "", "tags": [], "priority": None} | body
    fake.monitors[number] |= {"id": number, "options": options, "overall_state": "No Data"}
    return 200, fake.monitors[number]


def _update_monitor(fake: Fake, match: re.Match[str], _q: dict[str, str], body: Any) -> Answer:
    number = int(match[1])
    if number not in fake.monitors:
        return NOT_FOUND
    fake.monitors[number] |= body
    return 200, fake.monitors[number]


def _delete_monitor(fake: Fake, match: re.Match[str], _q: dict[str, str], _b: Any) -> Answer:
    if fake.monitors.pop(int(match[1]), None) is None:
        return NOT_FOUND
    return 200, {"deleted_monitor_id": int(match[1])}


def _create_webhook(fake: Fake, _m: re.Match[str], _q: dict[str, str], body: Any) -> Answer:
    if body["name"] in fake.webhooks:
        return 400, {"errors": ["name exists"]}
    fake.webhooks[body["name"]] = body
    return 201, body


def _create_variable(fake: Fake, _m: re.Match[str], _q: dict[str, str], body: Any) -> Answer:
    if not re.fullmatch(r"[A-Z0-9_]+", body["name"]) or body["name"] in fake.variables:
        return 400, {"errors": [f"bad variable {body}"]}
    fake.variables[body["name"]] = body
    return 201, {"name": body["name"], "is_secret": body["is_secret"]}


def _get_variable(fake: Fake, match: re.Match[str], _q: dict[str, str], _b: Any) -> Answer:
    found = fake.variables.get(match[1])
    if found is None:
        return NOT_FOUND
    return 200, {"name": found["name"], "is_secret": found["is_secret"]}


def _named(place: str, status: int = 200) -> tuple[Route, Route, Route]:
    """Get, update and delete by the name in the path."""

    def get(fake: Fake, match: re.Match[str], _q: dict[str, str], _b: Any) -> Answer:
        found = getattr(fake, place).get(match[1])
        return NOT_FOUND if found is None else (200, found)

    def update(fake: Fake, match: re.Match[str], _q: dict[str, str], body: Any) -> Answer:
        things = getattr(fake, place)
        if match[1] not in things:
            return NOT_FOUND
        things[match[1]] = things[match[1]] | body
        return 200, things[match[1]]

    def delete(fake: Fake, match: re.Match[str], _q: dict[str, str], _b: Any) -> Answer:
        gone = getattr(fake, place).pop(match[1], None)
        return NOT_FOUND if gone is None else (status, {} if status == 200 else None)

    return get, update, delete


def _list_dashboards(fake: Fake, _m: re.Match[str], _q: dict[str, str], _b: Any) -> Answer:
    keys = ("id", "title", "description", "created_at", "layout_type")
    return 200, {
        "dashboards": [{key: body.get(key) for key in keys} for body in fake.dashboards.values()]
    }


def _create_dashboard(fake: Fake, _m: re.Match[str], _q: dict[str, str], body: Any) -> Answer:
    number = f"abc-{fake.new_id()}"
    widgets = [{"id": fake.new_id(), **widget} for widget in body["widgets"]]
    fake.dashboards[number] = body | {
        "id": number,
        "widgets": widgets,
        "created_at": f"2026-01-01T00:00:00.{fake.made}Z",
        "notify_list": [],
    }
    return 200, fake.dashboards[number]


def _tag_configuration(name: str, attributes: dict[str, Any]) -> dict[str, Any]:
    return {"data": {"type": "manage_tags", "id": name, "attributes": attributes}}


def _get_tags(fake: Fake, match: re.Match[str], _q: dict[str, str], _b: Any) -> Answer:
    found = fake.tag_configurations.get(match[1])
    return NOT_FOUND if found is None else (200, _tag_configuration(match[1], found))


def _create_tags(fake: Fake, match: re.Match[str], _q: dict[str, str], body: Any) -> Answer:
    if fake.known_metrics is not None and match[1] not in fake.known_metrics:
        return NOT_FOUND
    if match[1] in fake.tag_configurations:
        return 409, {"errors": ["exists"]}
    fake.tag_configurations[match[1]] = dict(body["data"]["attributes"])
    return 201, _tag_configuration(match[1], body["data"]["attributes"])


def _update_tags(fake: Fake, match: re.Match[str], _q: dict[str, str], body: Any) -> Answer:
    if match[1] not in fake.tag_configurations:
        return NOT_FOUND
    fake.tag_configurations[match[1]] |= body["data"]["attributes"]
    return 200, _tag_configuration(match[1], fake.tag_configurations[match[1]])


def _create_event(fake: Fake, _m: re.Match[str], _q: dict[str, str], body: Any) -> Answer:
    fake.events.append(body)
    return 202, {"status": "ok", "event": {"id": fake.new_id(), "title": body["title"]}}


def _create_incident(fake: Fake, _m: re.Match[str], _q: dict[str, str], body: Any) -> Answer:
    number = f"00000000-0000-0000-0000-{fake.new_id():012d}"
    fake.incidents[number] = dict(body["data"]["attributes"])
    return 201, {"data": {"type": "incidents", "id": number, **body["data"]}}


def _update_incident(fake: Fake, match: re.Match[str], _q: dict[str, str], body: Any) -> Answer:
    if match[1] not in fake.incidents:
        return NOT_FOUND
    fake.incidents[match[1]] |= body["data"]["attributes"]
    return 200, {"data": {"type": "incidents", "id": match[1], "attributes": {}}}


def _search_incidents(fake: Fake, _m: re.Match[str], query: dict[str, str], _b: Any) -> Answer:
    mark = query["query"].strip('"')
    found = [
        {"data": {"type": "incidents", "id": number, "attributes": attributes}}
        for number, attributes in fake.incidents.items()
        if mark in attributes["title"]
    ]
    return 200, {
        "data": {
            "type": "incidents_search_results",
            "attributes": {"facets": {}, "total": len(found), "incidents": found},
        }
    }


def _timeseries(fake: Fake, _m: re.Match[str], _q: dict[str, str], _b: Any) -> Answer:
    return 200, {"data": {"type": "timeseries_response", "attributes": fake.series.pop(0)}}


_GET_WEBHOOK, _UPDATE_WEBHOOK, _DELETE_WEBHOOK = _named("webhooks")
_, _UPDATE_VARIABLE, _DELETE_VARIABLE = _named("variables")
_GET_DASHBOARD, _UPDATE_DASHBOARD, _DELETE_DASHBOARD = _named("dashboards")
_, _, _DELETE_TAGS = _named("tag_configurations", status=204)
_HOOKS = "/api/v1/integration/webhooks/configuration/webhooks"
_VARIABLES = "/api/v1/integration/webhooks/configuration/custom-variables"
ROUTES: list[tuple[str, str, Route]] = [
    ("GET", "/api/v1/monitor", _list_monitors),
    ("POST", "/api/v1/monitor", _create_monitor),
    ("PUT", r"/api/v1/monitor/(\d+)", _update_monitor),
    ("DELETE", r"/api/v1/monitor/(\d+)", _delete_monitor),
    ("POST", _HOOKS, _create_webhook),
    ("GET", rf"{_HOOKS}/([^/]+)", _GET_WEBHOOK),
    ("PUT", rf"{_HOOKS}/([^/]+)", _UPDATE_WEBHOOK),
    ("DELETE", rf"{_HOOKS}/([^/]+)", _DELETE_WEBHOOK),
    ("POST", _VARIABLES, _create_variable),
    ("GET", rf"{_VARIABLES}/([^/]+)", _get_variable),
    ("PUT", rf"{_VARIABLES}/([^/]+)", _UPDATE_VARIABLE),
    ("DELETE", rf"{_VARIABLES}/([^/]+)", _DELETE_VARIABLE),
    ("GET", "/api/v1/dashboard", _list_dashboards),
    ("POST", "/api/v1/dashboard", _create_dashboard),
    ("GET", r"/api/v1/dashboard/([^/]+)", _GET_DASHBOARD),
    ("PUT", r"/api/v1/dashboard/([^/]+)", _UPDATE_DASHBOARD),
    ("DELETE", r"/api/v1/dashboard/([^/]+)", _DELETE_DASHBOARD),
    ("GET", r"/api/v2/metrics/([^/]+)/tags", _get_tags),
    ("POST", r"/api/v2/metrics/([^/]+)/tags", _create_tags),
    ("PATCH", r"/api/v2/metrics/([^/]+)/tags", _update_tags),
    ("DELETE", r"/api/v2/metrics/([^/]+)/tags", _DELETE_TAGS),
    ("POST", "/api/v1/events", _create_event),
    ("POST", "/api/v2/incidents", _create_incident),
    ("GET", "/api/v2/incidents/search", _search_incidents),
    ("PATCH", r"/api/v2/incidents/([^/]+)", _update_incident),
    ("POST", "/api/v2/query/timeseries", _timeseries),
]


def _handler(fake: Fake) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body leave together

        def _serve(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            with fake.lock:
                status, found, broken = self._judge(parts.path, query, body)
            if broken == "drop":
                self.close_connection = True
                return
            if broken == "hang":
                fake.released.wait(GIVE_UP_S)
            content = b"" if found is None else json.dumps(found).encode()
            self.send_response(status)
            for name, value in fake.limits.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            content = b"<html>" if broken == "text" else content
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _judge(self, path: str, query: dict[str, str], body: Any) -> tuple[int, Any, str]:
            api_key, app_key = fake.keys
            if self.headers.get("DD-API-KEY") != api_key:
                return 401, {"errors": ["Unauthorized"]}, ""
            if path != "/api/v1/events" and self.headers.get("DD-APPLICATION-KEY") != app_key:
                return 403, {"errors": ["Forbidden"]}, ""
            how = fake.failure(self.command, path)
            if isinstance(how, int):
                return how, {"errors": [f"{fake.told}told to fail with {body}"]}, ""
            fake.requests.append((self.command, path, body))
            status, found = fake.answer(self.command, path, query, body)
            if how == "late":
                return 503, {"errors": ["late"]}, ""
            return status, found, how or ""

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    return Handler


def hurry(client: Client) -> None:
    """Let a client soon give up what will not be answered."""
    client._client.configuration.request_timeout = (GIVE_UP_S, 0.3)


@contextmanager
def a_datadog() -> Iterator[Fake]:
    """A fake that serves until the end of the block."""
    fake = Fake()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        fake.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
