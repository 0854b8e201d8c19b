"""Any text in any field of the API: it is taken or refused, and never a failure of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.service.conftest import KEY, Service, Start

pytestmark = pytest.mark.slow

TEXTS = (
    "\ud800", "a\udfffb", "\x00", "a\x00b", "\x1b[31m", "\uffff", "\U0010ffff", "\u202e", "", " ",
    "9" * 400, "1e999", "NaN", "-Infinity", "' OR 1=1 --", "<script>", "${x}", "%00", "../../x",
    "x" * 10_000,
)  # fmt: skip
OTHERS: tuple[Any, ...] = (
    float("nan"), float("inf"), -float("inf"), 1e308, 10**400, -(10**400), 2**63, -(2**63) - 1,
    2**64, True, None, [], {}, [[[[]]]], {"\ud800": "\x00"}, ["\ud800"],
)  # fmt: skip
BODIES: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("POST", "/api/brownout"): [
        {"mode": "soft", "reason": "a drill", "duration": "5m"},
        {"mode": "soft", "reason": "a drill", "until": "2030-01-01T00:00:00Z"},
        {"bypass": True, "reason": "a drill"},
    ],
    ("PUT", "/api/brownout"): [
        {"policy": "name: a", "reason": "a try", "if_version": 1},
        {"policy": {"name": "a"}, "reason": "a try"},
        {"version": 1, "reason": "a try"},
    ],
    ("POST", "/api/test-llm"): [{"prompt": "hi", "model": "gemini-2.5-flash", "priority": "low"}],
    ("POST", "/api/ai-chat"): [
        {
            "messages": [{"role": "user", "content": "hi"}],
            "system": "s",
            "model": "gemini-2.5-flash",
        }
    ],
    ("POST", "/api/webhooks/datadog/brownout"): [
        {"id": "1", "title": "t", "alert_transition": "Triggered", "date": 1, "tags": "a:b"}
    ],
}
PARAMETERS = {
    "/api/metrics": ("window",),
    "/api/history/orders": ("limit", "before"),
    "/api/history/policies": ("limit", "before"),
    "/api/incidents": ("limit", "before", "open"),
    "/api/incidents/1/summary": ("format",),
    "/api/incidents/1": ("limit",),
}
ESCAPED = (
    "%00", "%ff", "%ed%a0%80", "%F4%90%80%80", "..%2f", "9" * 400, "-1", "1e999", "NaN", "",
    str(2**63), str(-(2**63) - 1), str(2**64), "x" * 5000,
)  # fmt: skip
PLACES = ("/api/history/{}", "/api/history/policies/{}", "/api/incidents/{}", "/api/{}")


def changed(body: Any, value: Any) -> Iterator[Any]:
    """The same with this in the place of each value, as a member of each object, and as a name."""
    if isinstance(body, dict):
        for name, member in body.items():
            yield from ({**body, name: each} for each in changed(member, value))
        yield {**body, "more": value}
        if isinstance(value, str):
            yield {**body, value: "x"}
    elif isinstance(body, list):
        for place, member in enumerate(body):
            yield from (
                [*body[:place], each, *body[place + 1 :]] for each in changed(member, value)
            )
    yield value


@pytest.mark.parametrize("where", BODIES, ids=" ".join)
def test_any_value_in_any_field(start: Start, where: tuple[str, str]) -> None:
    """What was taken is shown again by every route that shows it."""
    service = start(gemini_key=KEY, webhook_secrets=("s" * 32,))
    headers = {"content-type": "application/json", "x-open-balancer-secret": "s" * 32}
    with service.client(headers=headers) as client:
        for value in (*TEXTS, *OTHERS):
            for plain in BODIES[where]:
                for body in changed(plain, value):
                    found = client.request(*where, content=json.dumps(body).encode())
                    assert found.status_code < 500, (body, found.text)
        for path in (
            "/api/brownout",
            "/api/metrics",
            "/readyz",
            *(f"/api/history/{kind}" for kind in ("modes", "orders", "policies", "incidents")),
        ):
            assert client.get(path).status_code == 200, path


@pytest.mark.parametrize(
    "body",
    [
        b'{"policy": "x: \xed\xa0\x80", "reason": "r"}',
        b'{"policy": "name: x", "reason": "\xff"}',
        *(
            json.dumps({"policy": "name: x", "reason": "a\0b"}).encode(code)
            for code in ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig")
        ),
    ],
)
def test_what_no_database_holds_is_refused_however_it_is_written(
    service: Service, body: bytes
) -> None:
    """JSON is read in UTF-16 and UTF-32, too, where nobody sees it."""
    with service.client(headers={"content-type": "application/json"}) as client:
        found = client.put("/api/brownout", content=body)
        assert (found.status_code, found.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
        assert client.get("/api/brownout").json()["policy"]["version"] == 1


def test_a_mark_before_the_body_is_taken(service: Service) -> None:
    """Editors write it."""
    body = json.dumps({"mode": "auto", "reason": "“é\U0001f600”"}).encode("utf-8-sig")
    with service.client(headers={"content-type": "application/json"}) as client:
        assert client.post("/api/brownout", content=body).status_code == 200


def test_any_value_in_any_parameter(service: Service) -> None:
    """Of the query, and of the path."""
    with service.client() as client:
        for value in ESCAPED:
            for path, names in PARAMETERS.items():
                for name in names:
                    found = client.get(f"{path}?{name}={value}")
                    assert found.status_code < 500, (path, name, value, found.text)
            for place in PLACES:
                found = client.get(place.format(value))
                assert found.status_code < 500, (place, value, found.text)


def test_any_bytes_in_any_label(service: Service) -> None:
    """Of a proxied call."""
    body = json.dumps({"contents": [{"parts": [{"text": "hi"}]}]}).encode()
    path = "/v1beta/models/gemini-2.5-flash:generateContent"
    labels = ("key", "session", "request", "priority", "min-output-tokens", "prompt-tokens")
    with service.client() as client:
        for value in (b"\xff", b"\xed\xa0\x80", b"9" * 400, b"-1", b"1e999", b"NaN", b"a\tb"):
            names = [f"x-open-balancer-{label}" for label in labels]
            for name in (*names, "x-server-timeout", "content-type", "authorization", "user-agent"):
                found = client.post(path, content=body, headers=[(name.encode(), value)])
                assert found.status_code < 500, (name, value, found.text)
        for kind in ("metrics", "history/modes"):
            assert client.get(f"/api/{kind}").status_code == 200
