"""How a request is sent: Gemini-shaped through the proxy, or to the service's own API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, BinaryIO, Protocol

from scenarios.schema import Scenario

from .bodies import chat_body, gemini_body
from .player import Sent
from .rows import ANSWER, FAILED, FALLBACK, SHED
from .traffic import Planned

__all__ = [
    "HttpSender",
    "Response",
    "Sender",
    "Session",
    "how_it_ended",
    "in_words",
    "request_name",
]

_PROBE = b'{"contents":[{"role":"user","parts":[{"text":"How long does this take?"}]}]}'
_SHED_MARK = b'"open-balancer"'
_FALLBACK_HEADER = "x-open-balancer-fallback"


class Response(Protocol):
    """What is read of a response of Locust's fast client."""

    @property
    def status_code(self) -> int:
        """HTTP status; 0 for none."""

    @property
    def content(self) -> bytes | None:
        """The whole body."""

    @property
    def headers(self) -> Mapping[str, str] | None:
        """By name, whatever its case."""


class Agent(Protocol):
    """What lies under Locust's fast client."""

    def urlopen(
        self, url: str, method: str, payload: bytes, headers: Mapping[str, str]
    ) -> BinaryIO:
        """Send a request and give the response."""


class Session(Protocol):
    """What is asked of Locust's fast client.

    Attributes:
        base_url: of the host.
    """

    base_url: str | None

    @property
    def client(self) -> Agent:
        """That is not counted."""

    def request(
        self, method: str, url: str, name: str, data: bytes, headers: Mapping[str, str]
    ) -> Response:
        """Send a request, count it under a name, and give the whole response."""


class Sender(Protocol):
    """Sends the requests of a load test."""

    def probe(self) -> None:
        """Make a call that is answered at once; Locust does not count it."""

    def send(self, planned: Planned) -> Sent:
        """Send one and wait for its end."""


class HttpSender:
    """Sends requests by HTTP.

    Args:
        session: of a Locust user.
        scenario: its clients' model and settings.
        chat: whether to the service's own API, instead of in Gemini's form.
        api_key: sent along in Gemini's form.
    """

    __slots__ = ("_api_key", "_chat", "_clients", "_headers", "_probed", "_session")

    def __init__(self, session: Session, scenario: Scenario, *, chat: bool, api_key: str) -> None:
        self._session = session
        self._clients = scenario.clients
        self._chat = chat
        self._api_key = api_key
        self._probed = f"/v1beta/models/{scenario.clients.model}:countTokens"
        self._headers = {"content-type": "application/json"}
        if not chat:
            self._headers["x-goog-api-key"] = api_key

    def probe(self) -> None:
        """Make a call that is answered at once; Locust does not count it."""
        headers = {"content-type": "application/json", "x-goog-api-key": self._api_key}
        url = f"{self._session.base_url}{self._probed}"
        self._session.client.urlopen(url, method="POST", payload=_PROBE, headers=headers).read()

    def send(self, planned: Planned) -> Sent:
        """Send one and wait for its end."""
        headers = {
            **self._headers,
            "x-open-balancer-request": str(planned.number),
            "x-open-balancer-priority": planned.priority.label,
        }
        if planned.key is not None:
            headers["x-open-balancer-key"] = planned.key
        body = chat_body(planned) if self._chat else gemini_body(planned, self._clients)
        model = planned.model or self._clients.model
        path = "/api/ai-chat" if self._chat else f"/v1beta/models/{model}:generateContent"
        found = self._session.request(
            "POST", path, name=request_name(planned), data=body, headers=headers
        )
        return how_it_ended(found)


def request_name(planned: Planned) -> str:
    """Under which Locust counts a request: its class, with the priority where it matters."""
    return f"{planned.klass} ({planned.priority.label})"


def how_it_ended(found: Response) -> Sent:
    """Outcome of a response."""
    status = found.status_code
    if status == 200:
        fell_back = bool(found.headers) and _FALLBACK_HEADER in (found.headers or {})
        return Sent(FALLBACK if fell_back or _says_fallback(found) else ANSWER, status)
    return Sent(SHED if _SHED_MARK in (found.content or b"") else FAILED, status)


def _says_fallback(found: Response) -> bool:
    content = found.content or b""
    if b'"fallback"' not in content:
        return False
    try:
        said: Any = json.loads(content)
    except ValueError:
        return False
    return isinstance(said, dict) and bool(said.get("fallback"))


def in_words(error: Exception) -> str:
    """Why a call failed: the upstream's own words where it has some."""
    content = getattr(getattr(error, "response", None), "content", None)
    try:
        return str(json.loads(content)["error"]["message"])[:500]  # type: ignore[arg-type]
    except (TypeError, ValueError, KeyError):
        return f"{type(error).__name__}: {error}"[:500]
