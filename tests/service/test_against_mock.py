"""The proxy in front of a mock Gemini: its faults, and the way down and back through the modes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from balancer.core.modes import Mode
from balancer.policy_file import parse_policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.clock import Clock
from sim.mock_gemini.process import MockProcess, spawn
from tests.service.conftest import Service, serving
from tests.waiting import until

pytestmark = pytest.mark.slow

PATH = "/v1beta/models/gemini-2.5-flash:generateContent"
BODY = {"contents": [{"role": "user", "parts": [{"text": "Why is the sky blue?"}]}]}
QUICK = """\
law: ladder
baseline: null
thresholds:
  soft: {error_rate: 20%}
  hard: {error_rate: 40%}
  emergency: {error_rate: 60%}
ladder:
  {min_samples: 5, hold: 10s, settle: 1s, probe_samples: 5, probe_share_max: 50%, probation: 10s}
modes:
  normal: {model: null, thinking: null, fallback_models: [], retries: 0, timeout: 5s}
  soft: {timeout: 5s, retries: 0, fallback_models: []}
  hard: {timeout: 5s, retries: 0, fallback_models: []}
  emergency: {timeout: 5s, retries: 0, fallback_models: [], shed: {low: 0%}, static_fallback: null}
"""


@pytest.fixture(scope="module")
def mock() -> Iterator[MockProcess]:
    """Healthy until told otherwise."""
    with spawn(latency=False) as running:
        yield running


@pytest.fixture
def service(mock: MockProcess, tmp_path: Path) -> Iterator[Service]:
    """Twenty times as fast as wall time."""
    journal = tmp_path / "journal.jsonl"
    balancer = Balancer(parse_policy(QUICK), clock=Clock(20.0), journal=journal)
    with serving(tmp_path, balancer=balancer, upstream=mock.addresses.url) as running:
        yield running


def test_answers_streams_and_models_come_through(mock: MockProcess, service: Service) -> None:
    """As the mock gives them to a caller of its own."""
    with service.client(headers={"x-goog-api-key": mock.addresses.api_key}) as client:
        found = client.post(PATH, json=BODY).json()
        assert found["candidates"][0]["finishReason"] == "STOP"
        stream = client.post(
            PATH.replace("generate", "streamGenerate") + "?alt=sse", json=BODY
        ).content
        assert stream.count(b"data: ") >= 1
        count = client.post(PATH.replace("generateContent", "countTokens"), json=BODY).json()
        assert count["totalTokens"] == 5
        direct = httpx.get(
            f"{mock.addresses.url}/v1beta/models",
            headers={"x-goog-api-key": mock.addresses.api_key},
        )
        assert client.get("/v1beta/models").json() == direct.json()


def test_a_wrong_key_and_an_unknown_model_are_the_mocks_to_refuse(
    mock: MockProcess, service: Service
) -> None:
    """With its words, once."""
    with service.client() as client:
        wrong = client.post(PATH, json=BODY, headers={"x-goog-api-key": "wrong"})
        unknown = client.post(
            PATH.replace("2.5-flash", "9-ultra"),
            json=BODY,
            headers={"x-goog-api-key": mock.addresses.api_key},
        )
    assert (wrong.status_code, wrong.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert (unknown.status_code, unknown.json()["error"]["status"]) == (404, "NOT_FOUND")


def _changes_back_to_normal(client: httpx.Client) -> list[dict[str, Any]]:
    """Changes of mode in the history, the latest first, once that is back in normal."""
    found: list[dict[str, Any]] = client.get("/api/history/modes").json()["entries"]
    return found if found[0]["to_mode"] == "normal" else []


def test_a_fault_leads_through_all_modes_and_back(mock: MockProcess, service: Service) -> None:
    """Each one deeper while nothing helps, and step by step back once the fault is over."""
    headers = {"x-goog-api-key": mock.addresses.api_key}
    ends_at, storm = time.monotonic() + 300, True
    with service.client(headers=headers) as client:
        for _ in range(50):
            assert client.post(PATH, json=BODY).status_code == 200
        service.wait_for_next_tick()
    mock.admin.put_fault("storm", {"kind": "error", "error": "overloaded", "share": "100%"})
    try:
        with service.client(headers=headers) as client:
            # Answers in normal are not enough: probes are served there before the mode is.
            while storm or service.balancer.status().mode is not Mode.NORMAL:
                assert time.monotonic() < ends_at, service.balancer.status()
                client.post(PATH, json=BODY)
                if storm and service.balancer.status().mode is Mode.EMERGENCY:
                    mock.admin.drop_fault("storm")
                    storm = False
                time.sleep(0.005)
            service.balancer.close()
            # Nothing waits for the history, so the history has to be waited for.
            changes = until(lambda: _changes_back_to_normal(client), "normal in the history")
            metrics = client.get("/api/metrics").json()["brownout"]
            (incident,) = client.get("/api/incidents").json()["incidents"]
            summary = client.get(f"/api/incidents/{incident['id']}/summary").json()
    finally:
        if "storm" in mock.admin.faults():
            mock.admin.drop_fault("storm")
    path = [row["to_mode"] for row in reversed(changes)]
    assert path == ["soft", "hard", "emergency", "hard", "soft", "normal"]
    assert (metrics["activations"], metrics["mode_changes"]) == (3, 6)
    assert metrics["recovery_last_s"] > 30
    assert (incident["worst"], incident["cause"]) == ("emergency", "controller")
    assert [span["mode"] for span in summary["modes"]] == path[:-1]
    crossed = {signal["rule"]: signal for signal in summary["signals"]}
    # A rung is entered by the worst rule that is true, which may be that of a deeper one.
    assert {"soft error_rate", "emergency error_rate"} <= set(crossed)
    assert all(signal["value"] > signal["threshold"] for signal in crossed.values())
    assert summary["before"]["answers"] >= 50
    assert summary["during"]["errors"]["overloaded"] >= 5
    assert summary["during"]["latency_p95_s"] > 0
    assert summary["during"]["offered"]["normal"] == summary["during"]["admitted"]["normal"]
    assert summary["journal"]["complete"]
