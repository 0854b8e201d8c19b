"""Who may do what, how often, and with how much; every refusal changes nothing."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from balancer.adapters.notify.settings import NotifySettings
from balancer.service.limits import Rates
from tests.service.conftest import TOKEN, Service, Start

ORDER = {"mode": "soft", "reason": "a drill", "duration": "5m"}
POLICY = {"policy": {"thresholds": {"soft": {"error_rate": "7%"}}}, "reason": "a try"}


def refused(service: Service, found: httpx.Response, status: int) -> dict[str, Any]:
    """Check a refusal, and that nothing came of the request."""
    assert found.status_code == status, found.text
    error = found.json()["error"]
    assert error["code"] == status
    assert error["message"]
    assert TOKEN not in found.text
    with service.client() as client:
        assert client.get("/api/brownout").json()["policy"]["version"] == 1
        assert client.get("/api/history/orders").json()["entries"] == []
    assert service.script.asked == []
    result: dict[str, Any] = error
    return result


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer wrong-token-of-good-length", f"Basic {TOKEN}"]
)
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/brownout", ORDER),
        ("PUT", "/api/brownout", POLICY),
        ("POST", "/api/test-llm", {"prompt": "hi"}),
        ("POST", "/api/ai-chat", {"messages": [{"content": "hi"}]}),
    ],
)
def test_without_the_token_nothing_is_changed_or_spent(
    start: Start, authorization: str | None, method: str, path: str, body: Any
) -> None:
    """Whatever stands in its place."""
    service = start(gemini_key="a-key-of-the-service")
    headers = {} if authorization is None else {"authorization": authorization}
    found = httpx.request(method, service.url + path, json=body, headers=headers)
    refused(service, found, 401)
    assert found.headers["www-authenticate"] == "Bearer"


def test_reading_needs_no_token(service: Service) -> None:
    """Status, metrics, history, health and the API's description."""
    for path in (
        "/api/brownout",
        "/api/metrics",
        "/api/history/modes",
        "/healthz",
        "/readyz",
        "/openapi.json",
        "/docs",
    ):
        assert httpx.get(service.url + path).status_code == 200


def test_without_a_token_this_machine_may_change(start: Start) -> None:
    """Such as on a developer's own."""
    service = start(token=None)
    found = httpx.post(service.url + "/api/brownout", json=ORDER)
    assert found.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-for": "192.0.2.1"},
        {"forwarded": "for=192.0.2.1"},
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example:8080"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
def test_without_a_token_nobody_else_may(start: Start, headers: dict[str, str]) -> None:
    """Neither through a proxy, nor by a name that resolves here, nor from a page in a browser."""
    service = start(token=None)
    found = httpx.post(service.url + "/api/brownout", json=ORDER, headers=headers)
    refused(service, found, 403)


EVERY = (
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/api/brownout"),
    ("GET", "/docs"),
    ("GET", "/api/webhooks/datadog/brownout"),
    ("POST", "/api/webhooks/datadog/brownout"),
    ("OPTIONS", "/v1beta/models/m:generateContent"),
    ("POST", "/v1beta/models/m:generateContent"),
    ("POST", "/v1beta/openai/chat/completions"),
    ("GET", "/v1beta/files"),
    ("GET", "/nowhere"),
)


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("host", "evil.example"),
        ("host", "127.0.0.1.evil.example:8080"),
        ("host", "localhost.evil.example"),
        ("host", "[evil.example]"),
        ("host", ""),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://127.0.0.1:1"),
    ],
)
def test_no_path_is_open_to_a_page_of_another_site(
    start: Start, token: str | None, header: str, value: str
) -> None:
    """Neither under a name of its own nor by a post that a browser sends without asking."""
    service = start(token=token)
    plain = {"content-type": "text/plain", header: value}
    for verb, path in EVERY:
        found = httpx.request(verb, service.url + path, headers=plain)
        assert (path, found.status_code, found.json()["error"]["code"]) == (path, 403, 403)
    assert service.script.asked == []


def test_a_socket_is_not_open_to_it_either(service: Service) -> None:
    """A page may open one to any site."""
    live = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
    shake = {"sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}
    shake |= {"upgrade": "websocket", "connection": "upgrade", "origin": "https://evil.example"}
    for path in (live, "/nowhere"):
        assert httpx.get(service.url + path, headers=shake).status_code == 403
    assert service.script.asked == []


@pytest.mark.parametrize(
    ("settings", "headers"),
    [
        ({"hosts": ("balancer.example",)}, {"host": "Balancer.Example:8080"}),
        ({"hosts": ("*",)}, {"host": "any.example"}),
        ({"notify": NotifySettings(link="https://llm.example/x")}, {"host": "llm.example"}),
        (
            {"notify": NotifySettings(link="https://llm.example/x")},
            {"origin": "https://llm.example"},
        ),
        ({"origins": ("https://app.example",)}, {"origin": "https://app.example"}),
        ({"origins": ("https://app.example",)}, {"origin": "https://app.example:443"}),
        ({}, {"host": "10.1.2.3:8080"}),
        ({}, {"host": "[::1]:8080"}),
        ({}, {"host": "localhost:1", "origin": "http://localhost:1"}),
    ],
)
def test_what_is_allowed_is_open(
    start: Start, settings: dict[str, Any], headers: dict[str, str]
) -> None:
    """Its own names and pages, those that are named, and addresses, which no page can resolve."""
    service = start(**settings)
    for path in ("/healthz", "/v1beta/models"):
        assert httpx.get(service.url + path, headers=headers).status_code == 200


def test_the_consoles_own_page_may_change(start: Start) -> None:
    """A page of the service itself has the service as its origin."""
    service = start(token=None)
    headers = {"origin": service.url}
    found = httpx.post(service.url + "/api/brownout", json=ORDER, headers=headers)
    assert found.status_code == 200


def test_a_page_of_another_site_may_not_even_with_the_token(service: Service) -> None:
    """It cannot have come by it honestly."""
    with service.client(headers={"origin": "https://evil.example"}) as client:
        refused(service, client.post("/api/brownout", json=ORDER), 403)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_what_a_form_can_send_is_no_json(start: Start, kind: str) -> None:
    """Browsers send these without asking."""
    service = start(token=None)
    found = httpx.post(service.url + "/api/brownout", content=b"{}", headers={"content-type": kind})
    refused(service, found, 415)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(start: Start, chunked: bool) -> None:
    """Before it is read, or as soon as it is."""
    service = start(largest_api_body=1000)
    content: Any = iter([b" " * 600] * 3) if chunked else b" " * 1001
    with service.client(headers={"content-type": "application/json"}) as client:
        refused(service, client.put("/api/brownout", content=content), 413)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'"text"', b"NaN"])
def test_malformed_json_is_refused(untouched: Service, body: bytes) -> None:
    """With 400, or 422 where it is JSON but no object."""
    with untouched.client(headers={"content-type": "application/json"}) as client:
        found = client.post("/api/brownout", content=body)
    refused(untouched, found, 422 if body in (b"", b"[]", b'"text"', b"NaN") else 400)


def test_too_many_requests_are_refused_and_may_come_again(start: Start) -> None:
    """Guesses at the token are limited like all else."""
    service = start(mutations_per_s=1e-6)
    with httpx.Client(base_url=service.url, headers={"authorization": "Bearer no"}) as client:
        first = client.post("/api/brownout", json=ORDER)
        last = client.post("/api/brownout", json=ORDER)
    assert first.status_code == 401
    assert last.status_code == 429
    assert int(last.headers["retry-after"]) >= 1


def test_a_bucket_fills_again_and_each_address_has_its_own() -> None:
    """So many a second, ten times as many at once."""
    now = 0.0
    rates = Rates(2.0, lambda: now)
    assert [rates.wait_s("a") for _ in range(20)] == [0.0] * 20
    assert rates.wait_s("a") == pytest.approx(0.5)
    assert rates.wait_s("b") == 0.0
    now = 0.5
    assert rates.wait_s("a") == 0.0
    assert rates.wait_s("a") > 0


def test_a_flood_of_addresses_does_not_hold_the_memory() -> None:
    """The longest unused is forgotten."""
    rates = Rates(1.0, lambda: 0.0)
    for number in range(20_000):
        rates.wait_s(str(number))
    assert len(rates._buckets) == 10_000
