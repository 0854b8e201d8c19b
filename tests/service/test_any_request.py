"""Whatever is sent to the service: an answer, or a clear refusal; never a crash of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.service.conftest import KEY, Service, serving

pytestmark = pytest.mark.slow

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=12) | st.sampled_from(["role", "parts"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
WORDS = st.sampled_from(
    ["mode", "reason", "duration", "until", "bypass", "policy", "version", "prompt", "model"]
)
ROUTES = st.sampled_from(
    [
        ("POST", "/api/brownout"),
        ("PUT", "/api/brownout"),
        ("POST", "/api/test-llm"),
        ("POST", "/api/ai-chat"),
        ("POST", "/api/webhooks/datadog/brownout"),
        ("POST", "/v1beta/models/gemini-2.5-flash:generateContent"),
        ("POST", "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"),
        ("POST", "/v1beta/models/gemini-2.5-flash:countTokens"),
    ]
)
LIKELY = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["auto", "soft", "?"]) | JSON,
        "bypass": st.just(False) | JSON,
        "reason": st.text(max_size=600) | JSON,
        "duration": st.text("0123456789smhd.-", max_size=25) | JSON,
        "until": st.datetimes().map(str) | JSON,
        "policy": st.dictionaries(
            st.sampled_from(["thresholds", "modes", "budget", "prices", "ladder", "tick"]), JSON
        )
        | st.text(max_size=50)
        | JSON,
        "version": st.integers() | JSON,
        "if_version": st.integers() | JSON,
        "prompt": st.text(max_size=30) | JSON,
        "messages": st.lists(JSON, max_size=3) | JSON,
        "contents": JSON,
        "generationConfig": st.dictionaries(
            st.sampled_from(["maxOutputTokens", "thinkingConfig", "thinking_config"]), JSON
        )
        | JSON,
        "systemInstruction": JSON,
    },
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One for all that is sent."""
    how: dict[str, Any] = {"gemini_key": KEY, "mutations_per_s": 1e6, "reads_per_s": 1e6}
    with serving(tmp_path_factory.mktemp("data"), **how) as running:
        yield running


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx.Client]:
    """One for all that is sent."""
    with service.client() as made:
        yield made


def check(found: httpx.Response) -> None:
    """An answer, or a refusal in the form of all refusals."""
    assert found.status_code < 500, found.text
    if found.status_code >= 400:
        error = found.json()["error"]
        assert error["code"] == found.status_code
        assert error["message"]


QUICK = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@QUICK
@given(route=ROUTES, body=LIKELY | JSON | st.dictionaries(WORDS, JSON))
def test_any_json_is_answered_or_refused(
    client: httpx.Client, route: tuple[str, str], body: Any
) -> None:
    """Of any shape, to any route."""
    content = json.dumps(body).encode()
    method, path = route
    found = client.request(
        method, path, content=content, headers={"content-type": "application/json"}
    )
    check(found)


@QUICK
@given(route=ROUTES, body=st.binary(max_size=200))
def test_any_bytes_are_answered_or_refused(
    client: httpx.Client, route: tuple[str, str], body: bytes
) -> None:
    """JSON or not."""
    method, path = route
    check(client.request(method, path, content=body, headers={"content-type": "application/json"}))


@QUICK
@given(
    path=st.text(st.characters(codec="utf-8"), max_size=60),
    prefix=st.sampled_from(["/", "/api/", "/api/history/", "/v1beta/models/", "/models/x:"]),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]),
)
def test_any_path_is_answered_or_refused(
    client: httpx.Client, path: str, prefix: str, method: str
) -> None:
    """By any method."""
    url = prefix + quote(path, safe=":/?=&;,@")
    found = client.request(method, url, content=b"{}", headers={"content-type": "application/json"})
    if method == "HEAD":
        assert found.status_code < 500
    else:
        check(found)


@QUICK
@given(
    headers=st.dictionaries(
        st.sampled_from(
            [
                "x-open-balancer-priority",
                "x-open-balancer-key",
                "x-open-balancer-session",
                "x-open-balancer-request",
                "x-open-balancer-min-output-tokens",
                "x-open-balancer-needs-tools",
                "x-open-balancer-prompt-tokens",
                "x-server-timeout",
                "accept-encoding",
                "content-encoding",
                "origin",
                "x-goog-api-key",
            ]
        ),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30).map(str.strip),
    )
)
def test_any_header_is_answered_or_refused(client: httpx.Client, headers: dict[str, str]) -> None:
    """On a call that is otherwise in order."""
    body = {"contents": [{"parts": [{"text": "hi"}]}]}
    path = "/v1beta/models/gemini-2.5-flash:generateContent"
    check(client.post(path, json=body, headers=headers))


def test_nothing_of_that_is_left_in_flight(service: Service, client: httpx.Client) -> None:
    """And the service is as well as before."""
    assert service.balancer.status().in_flight == 0
    assert client.get("/readyz").json()["ready"] is True
