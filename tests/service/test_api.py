"""Metrics, prompts, chats, health and history, and a store that is broken."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from balancer.core.modes import Mode
from balancer.service.history.engine import new_engine
from balancer.service.history.migrate import head, revision
from balancer.service.history.tables import ORDERS
from tests.service.conftest import KEY, TOKEN, Service, Start
from tests.service.upstream import answer, body_of, error, response
from tests.waiting import until

PATH = "/v1beta/models/gemini-2.5-flash:generateContent"
BODY = {"contents": [{"parts": [{"text": "hi"}]}]}


# ------------------------------------------------------------------------------- metrics


def test_metrics_are_what_was_observed(service: Service) -> None:
    """Counts, tokens, dollars, and shares of them."""
    service.script.say(
        answer("x", prompt=1000, output=200),
        answer("x", prompt=1000, output=200),
        answer("x", prompt=1000, output=200),
        error(429, "RESOURCE_EXHAUSTED"),
    )
    with service.client() as client:
        for _ in range(4):
            client.post(PATH, json=BODY, headers={"x-open-balancer-key": "tenant"})
        service.balancer.close()
        found = client.get("/api/metrics?window=1m").json()
    performance, llm = found["performance"], found["llm"]
    tries = 1 + (performance["failures"]["quota_minute"] - 1)
    assert performance["requests"] == 4
    assert performance["availability"] == 0.75
    assert performance["error_rate_4xx"] == pytest.approx(tries / (3 + tries))
    assert performance["error_rate_5xx"] == 0
    assert performance["retry_amplification"] == (3 + tries) / 4
    assert 0 < performance["latency_p50_s"] < 5
    assert llm["tokens_used"] == 3600
    assert llm["cost_usd"] == pytest.approx(3 * (1000 * 0.3 + 200 * 2.5) / 1e6)
    assert llm["spend_last_day_usd"] == pytest.approx(llm["cost_usd"])
    assert llm["cost_per_answer_usd"] == pytest.approx(llm["cost_usd"] / 3)
    assert found["brownout"]["current_mode"] == 0
    assert found["brownout"]["modes"]["normal"]["time_share"] == 1.0
    assert 0 < found["system"]["memory"] < 1


def test_what_something_else_served_is_shown_by_mode(start: Start) -> None:
    """A model that has been replaced, and priority beyond its share; its budget stands apart."""
    service = start(
        policy="""\
baseline: null
budget: {per_day: $5, priority: {per_hour: $1}}
modes:
  normal: {service_tier: {high: priority}}
"""
    )
    body = body_of("hi") | {"modelVersion": "gemini-3.5-flash-lite"}
    served = "X-Gemini-Service-Tier: standard"
    raw = json.dumps(body).encode()
    service.script.say(response(200, raw, "Content-Type: application/json", served))
    path = PATH.replace("gemini-2.5-flash", "gemini-3.6-flash")
    with service.client() as client:
        client.post(path, json=BODY, headers={"x-open-balancer-priority": "high"})
        service.balancer.close()
        found = client.get("/api/metrics?window=1m").json()
    assert service.script.asked[0].json["serviceTier"] == "priority"
    normal = found["brownout"]["modes"]["normal"]
    assert (normal["rerouted"], normal["downgraded"]) == (1, 1)
    assert found["performance"]["error_rate"] == 0
    assert [(each["tier"], each["limit_usd"]) for each in found["llm"]["budgets"]] == [
        (None, 5.0),
        ("priority", 1.0),
    ]


def test_a_fallback_inside_a_request_is_no_repeated_load(start: Start) -> None:
    """Four attempts for one request, two of them at the model that steps in."""
    service = start(
        policy="""\
baseline: null
modes:
  normal: {model: gemini-2.5-flash, retries: 2, fallback_models: [gemini-2.5-flash-lite]}
"""
    )
    service.script.say(error(503, "UNAVAILABLE"))
    with service.client() as client:
        client.post(PATH, json=BODY)
        service.balancer.close()
        found = client.get("/api/metrics?window=1m").json()
    assert len(service.script.asked) == 4
    assert found["performance"]["retry_amplification"] == 2.0


def test_what_is_unknown_is_null_and_never_a_placeholder(service: Service) -> None:
    """Before the first call."""
    with service.client() as client:
        found = client.get("/api/metrics").json()
    assert found["performance"]["latency_p95_s"] is None
    assert found["performance"]["error_rate"] is None
    assert found["performance"]["availability"] is None
    assert found["llm"]["cost_per_answer_usd"] is None
    assert found["llm"]["tokens_per_session"] is None
    assert found["business"]["quality_score"] is None
    assert found["business"]["cost_saved_usd"] is None
    assert found["brownout"]["recovery_mean_s"] is None


def test_tokens_of_a_session_are_those_of_all_its_requests(service: Service) -> None:
    """Those that name none are of no session."""
    for _ in range(4):
        service.script.say(answer("Hello.", prompt=100, output=20))
    with service.client() as client:
        for session in ("ada", "ada", "bob", None):
            named = {} if session is None else {"x-open-balancer-session": session}
            client.post(PATH, json=BODY, headers=named)
        service.balancer.close()
        llm = client.get("/api/metrics").json()["llm"]
    assert llm["tokens_used"] == 4 * 120
    assert llm["tokens_per_session"] == 3 * 120 / 2


def test_a_budget_is_shown_with_where_it_is_heading(start: Start) -> None:
    """An alert before it is spent."""
    service = start(policy="budget: {per_hour: $0.01, per_key: {a: {per_day: $1}}}")
    service.script.say(answer("x", prompt=100, output=100))
    with service.client() as client:
        client.post(PATH, json=BODY)
        service.balancer.close()
        everybody, tenant = client.get("/api/metrics").json()["llm"]["budgets"]
    assert everybody["limit_usd"] == 0.01
    assert everybody["alert"] is (everybody["projected_usd"] > 0.01)
    assert (tenant["key"], tenant["projected_usd"]) == ("a", None)


def test_an_unknown_window_is_refused(service: Service) -> None:
    """With those that there are."""
    with service.client() as client:
        found = client.get("/api/metrics?window=5y")
    assert found.status_code == 422
    assert "24h" in found.json()["error"]["message"]


# ------------------------------------------------------------------------------- prompts


def test_a_prompt_is_answered_under_the_plan(start: Start) -> None:
    """Through the proxy's own code, with the service's key."""
    service = start(gemini_key=KEY)
    service.script.say(answer("Hello!", prompt=7, output=2))
    with service.client() as client:
        given = {"prompt": "Say hello.", "model": "gemini-2.5-flash"}
        found = client.post("/api/test-llm", json=given).json()
    assert (found["text"], found["mode"], found["fallback"]) == ("Hello!", "normal", False)
    assert found["usage"] == {"prompt": 7, "cached": 0, "output": 2, "thinking": 0}
    (asked,) = service.script.asked
    assert asked.headers["x-goog-api-key"] == KEY
    assert asked.json["contents"] == [{"role": "user", "parts": [{"text": "Say hello."}]}]
    assert service.balancer.status().in_flight == 0


def test_a_chat_is_continued(start: Start) -> None:
    """With its turns and its system instruction."""
    service = start(gemini_key=KEY)
    given = {
        "system": "Be kind.",
        "messages": [
            {"role": "user", "content": "A"},
            {"role": "assistant", "content": "B"},
            {"content": "C"},
        ],
        "priority": "high",
    }
    with service.client() as client:
        assert client.post("/api/ai-chat", json=given).json()["text"] == "hello"
    sent = service.script.asked[-1].json
    assert [turn["role"] for turn in sent["contents"]] == ["user", "model", "user"]
    assert sent["systemInstruction"] == {"parts": [{"text": "Be kind."}]}


@pytest.mark.parametrize(
    ("path", "given", "status"),
    [
        ("/api/test-llm", {}, 422),
        ("/api/test-llm", {"prompt": ""}, 422),
        ("/api/test-llm", {"prompt": "hi", "model": "gemini-2.5-flush"}, 422),
        ("/api/test-llm", {"prompt": "hi", "model": "../secrets"}, 422),
        ("/api/test-llm", {"prompt": "hi", "priority": "urgent"}, 422),
        ("/api/test-llm", {"prompt": "x" * 1001}, 413),
        ("/api/ai-chat", {"messages": []}, 422),
        ("/api/ai-chat", {"messages": [{"role": "model", "content": "x"}]}, 422),
        ("/api/ai-chat", {"messages": [{"content": "x"}] * 501}, 422),
        ("/api/ai-chat", {"messages": [{"content": "x" * 600}] * 2}, 413),
    ],
)
def test_a_prompt_that_cannot_be_meant_is_refused(
    start: Start, path: str, given: Any, status: int
) -> None:
    """Nothing is called, nothing is spent, and the prompt is not repeated."""
    service = start(gemini_key=KEY, longest_prompt=1000)
    with service.client() as client:
        found = client.post(path, json=given)
    assert found.status_code == status
    assert "xxxx" not in found.text
    if given.get("model") == "gemini-2.5-flush":
        assert "did you mean 'gemini-2.5-flash'" in found.json()["error"]["message"]
    assert service.script.asked == []


def test_without_a_key_the_service_asks_nothing(service: Service) -> None:
    """And says which variable is missing."""
    with service.client() as client:
        found = client.post("/api/test-llm", json={"prompt": "hi"})
    assert found.status_code == 503
    assert "GEMINI_API_KEY" in found.json()["error"]["message"]


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (error(400, "INVALID_ARGUMENT", "API key not valid."), 400),
        (error(401, "UNAUTHENTICATED", "no"), 503),
        (error(404, "NOT_FOUND", "models/x is not found"), 404),
        (error(503, "UNAVAILABLE", "overloaded"), 503),
        (response(200, b"no json"), 503),
    ],
)
def test_an_upstreams_refusal_is_told_as_its_own(start: Start, said: bytes, status: int) -> None:
    """Its 401 speaks of our key, and must not look as if the caller's token were wrong."""
    service = start(gemini_key=KEY)
    service.script.say(said)
    with service.client() as client:
        found = client.post("/api/test-llm", json={"prompt": "hi"})
    assert found.status_code == status
    assert "upstream" in found.json()["error"]["message"]
    assert KEY not in found.text


# ------------------------------------------------------------------------ history, health


def test_a_first_start_makes_its_folder_and_its_tables(start: Start, tmp_path: Path) -> None:
    """Where there is nothing yet, as at whoever tries it."""
    folder = tmp_path / "not" / "there"
    service = start(data=folder, lived=False)
    with service.client() as client:
        assert client.get("/api/history/orders").json()["entries"] == []
    engine = new_engine(service.settings.database_url)
    try:
        assert revision(engine) == head()
    finally:
        engine.dispose()


@pytest.mark.parametrize("query", ["?limit=0", "?limit=501", "?limit=x", "?before=0"])
def test_a_page_is_bounded(untouched: Service, query: str) -> None:
    """By what it may ask for."""
    with untouched.client() as client:
        assert client.get(f"/api/history/modes{query}").status_code == 422
        assert client.get("/api/history/secrets").status_code == 422


def test_the_history_is_read_page_by_page(service: Service) -> None:
    """Each says how to ask for what is older."""
    with service.client() as client:
        for number in range(3):
            given = {"mode": "auto", "reason": f"number {number}"}
            client.post("/api/brownout", json=given)
        service.balancer.close()
        orders = "/api/history/orders"
        until(lambda: len(client.get(orders).json()["entries"]) == 3, "all are written")
        first = client.get(f"{orders}?limit=2").json()
        last = client.get(f"{orders}?limit=2&before={first['before']}").json()
    assert [row["reason"] for row in first["entries"]] == ["number 2", "number 1"]
    assert [row["reason"] for row in last["entries"]] == ["number 0"]
    assert last["before"] is None


def test_entries_that_the_history_lost_are_told(service: Service) -> None:
    """Wherever somebody looks whether all is well."""
    store = service.app.state.dependencies.store
    store.add(ORDERS, at=1.0, kind="override", reason=None)
    assert store.flush()
    with service.client() as client:
        ready = client.get("/readyz").json()
        assert (ready["ready"], ready["problems"]) == (True, {"history": "1 entry was given up"})
        assert client.get("/api/brownout").json()["history"] == "1 entry was given up"


def test_a_broken_store_is_no_reason_to_stop(start: Start, tmp_path: Path) -> None:
    """Calls are served, orders and policies come into force, and the status says what is wrong."""
    blocked = tmp_path / "place"
    blocked.write_text("a file where a directory should be")
    service = start(database=f"sqlite:///{blocked / 'history.sqlite3'}")
    with service.client() as client:
        assert client.post(PATH, json=BODY).status_code == 200
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (200, True)
        assert "history" in ready.json()["problems"]
        assert client.get("/api/brownout").json()["history"]
        given = {"policy": "thresholds: {soft: {error_rate: 7%}}", "reason": "x"}
        changed = client.put("/api/brownout", json=given).json()
        assert (changed["version"], changed["recorded"]) == (None, False)
        assert service.balancer.policy.rules[0].threshold == 0.07
        history = client.get("/api/history/policies")
        assert history.status_code == 503
        assert str(tmp_path) not in history.text


def test_no_secret_is_logged_or_stored(
    start: Start, caplog: pytest.LogCaptureFixture, directory: Path
) -> None:
    """Neither when all goes well nor when it does not."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    service = start(gemini_key=KEY, upstream="http://127.0.0.1:9")
    secret = "a-callers-own-secret-key"  # noqa: S105
    with service.client() as client:
        client.post(f"{PATH}?key={secret}", json=BODY, headers={"x-goog-api-key": secret})
        client.post("/api/test-llm", json={"prompt": "hi"})
        client.post("/api/brownout", json={"mode": "auto", "reason": "x"})
        client.post("/api/brownout", content=b"{", headers={"authorization": secret})
        client.get(f"/v1beta/models?key={secret}")
    assert service.app.state.dependencies.store.flush()
    service.balancer.close()
    written = caplog.text.replace("http://127.0.0.1", "")
    stored = b"".join(path.read_bytes() for path in directory.glob("history*"))
    assert b"auto" in stored
    for word in (TOKEN, KEY, secret):
        assert word not in "\n".join(
            line for line in written.splitlines() if "httpx" not in line and "httpcore" not in line
        )
        assert word.encode() not in stored


def test_the_api_describes_itself_with_examples(service: Service) -> None:
    """Every route of it, and how each refuses."""
    with service.client() as client:
        document = client.get("/openapi.json").json()
    assert set(document["paths"]) == {
        "/api/ai-chat",
        "/api/brownout",
        "/api/history/policies/{version}",
        "/api/history/{kind}",
        "/api/incidents",
        "/api/incidents/{number}",
        "/api/incidents/{number}/summary",
        "/api/metrics",
        "/api/test-llm",
        "/api/webhooks/datadog/brownout",
        "/healthz",
        "/metrics",
        "/readyz",
    }
    schemas = document["components"]["schemas"]
    for name in ("Order", "PolicyChange", "Prompt", "Chat"):
        assert schemas[name]["examples"]
    assert "401" in document["paths"]["/api/brownout"]["put"]["responses"]
    assert "json" in json.dumps(document)


def test_an_unknown_path_is_refused_like_all_else(service: Service) -> None:
    """With an error in the same form."""
    with service.client() as client:
        assert client.get("/api/nothing").json()["error"]["status"] == "NOT_FOUND"
        assert (
            client.delete("/api/brownout", headers={"content-type": "application/json"}).json()[
                "error"
            ]["status"]
            == "METHOD_NOT_ALLOWED"
        )
    assert service.balancer.status().mode is Mode.NORMAL
