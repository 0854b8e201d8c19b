"""A client without an SDK, for tests: one call at a time, everything it sees kept."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from balancer.policy_file import default_policy
from scenarios.schema import Scenario
from sim.mock_gemini.server import Addresses
from sim.mock_gemini.settings import Settings

__all__ = ["FLASH", "PRO", "Reply", "call", "settings"]

FLASH = "gemini-2.5-flash"
PRO = "gemini-2.5-pro"
HELLO = {"contents": [{"role": "user", "parts": [{"text": "Say hello to the whole world."}]}]}


class Reply(NamedTuple):
    """A response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        """The error in it."""
        return self.json["error"]

    @property
    def events(self) -> list[Any]:
        """What a stream of events holds."""
        return [
            json.loads(event.removeprefix(b"data: "))
            for event in self.body.split(b"\r\n\r\n")
            if event
        ]


def settings(
    *faults: Mapping[str, Any], scenario: Mapping[str, Any] | None = None, **more: Any
) -> Settings:
    """A mock that plays faults for the whole of a scenario; quick unless it is told otherwise."""
    whole = {"at": 0, "for": 3600}
    document: dict[str, Any] = {
        "scenario": "t",
        "title": "t",
        "faults": [{**whole, **fault} for fault in faults],
        "workload": {"arrivals": {"rate": 0.1}},
        **(scenario or {}),
    }
    return Settings(
        scenario=Scenario.model_validate(document),
        policy=default_policy(),
        **{"speed": 50.0, **more},
    )


def call(
    mock: Addresses,
    path: str = f"/v1beta/models/{FLASH}:generateContent",
    body: Any = HELLO,
    *,
    verb: str = "POST",
    headers: Mapping[str, str] | None = None,
    key: str | None = "mock-key",
    timeout: float = 20.0,
) -> Reply:
    """Make a call."""
    connection = http.client.HTTPConnection(urlsplit(mock.url).netloc, timeout=timeout)
    sent = {} if key is None else {"x-goog-api-key": key}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        connection.request(verb, path, None if verb == "GET" else raw, {**sent, **(headers or {})})
        response = connection.getresponse()
        return Reply(response.status, dict(response.headers), response.read())
    finally:
        connection.close()
