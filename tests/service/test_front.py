"""What a newcomer asks a service for: what is where, what the API takes, and metrics to scrape."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from balancer.metrics import METRICS
from balancer.prometheus_names import Translation, metric_name
from tests.service.conftest import Service
from tests.service.upstream import answer

PATH = "/v1beta/models/gemini-2.5-flash:generateContent"
BODY = {"contents": [{"parts": [{"text": "Hello"}]}]}


def test_the_front_page_says_what_is_served_where(service: Service) -> None:
    """As lines for a program; only what is there, and each of it is. A browser is shown more."""
    with service.client() as client:
        plain = client.get("/")
        assert plain.headers["content-type"].startswith("text/plain")
        places = [line.split()[0] for line in plain.text.splitlines()[1:]]
        assert {"/console", "/docs", "/metrics", "/api/brownout", "/readyz"} <= set(places)
        # The console asks for a log-in first.
        there = {place: client.get(place).status_code for place in places[:-1]}
        assert there == {place: 303 if place == "/console" else 200 for place in there}
        page = client.get("/", headers={"accept": "text/html"})
        assert (page.status_code, page.headers["location"]) == (307, "/console")


def test_the_api_is_described_without_the_network(service: Service) -> None:
    """No script, nothing from elsewhere, and every route of the document."""
    with service.client() as client:
        page, document = client.get("/docs"), client.get("/openapi.json").json()
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert re.findall(r"<script|<link|src=|href=\"[^/]", page.text) == []
    for path, operations in document["paths"].items():
        for method in operations:
            assert f"<h2><code>{method.upper()} {path}</code></h2>" in page.text


def test_metrics_are_there_to_scrape(service: Service) -> None:
    """Under the names that the dashboards ask for; durations have buckets that add up."""
    service.script.say(answer("x", prompt=1000, output=200))
    with service.client() as client:
        scraped(client)  # counts from here on
        client.post(PATH, json=BODY)
        service.balancer.close()
        found = scraped(client)
    names = {metric_name(metric, Translation.UNDERSCORES) for metric in METRICS}
    assert found.keys() - {"target_info"} <= {name.removesuffix("_total") for name in names}
    (duration,) = (each for each in METRICS if each.name == "open_balancer.request.duration")
    family = found[metric_name(duration, Translation.UNDERSCORES)]
    buckets = [each for each in family.samples if each.name.endswith("_bucket")]
    (count,) = (each.value for each in family.samples if each.name.endswith("_count"))
    assert (buckets[-1].labels["le"], buckets[-1].value, count) == ("+Inf", 1.0, 1.0)
    seconds = sum(each.value for each in family.samples if each.name.endswith("_sum"))
    edges = [float(each.labels["le"]) for each in buckets if each.value == 1.0]
    assert seconds <= edges[0] <= max(2 * seconds, 0.0079)


def scraped(client: httpx.Client) -> dict[str, Any]:
    """Families of a scrape, by name."""
    given = client.get("/metrics")
    assert given.status_code == 200
    assert given.headers["content-type"].startswith("text/plain; version=")
    return {family.name: family for family in text_string_to_metric_families(given.text)}


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("GET", "/api/brwnout", None, "nothing is served at /api/brwnout (did you mean '/api/bro"),
        ("GET", "/api/metrics?window=5min", None, "(did you mean '5m'?)"),
        ("PUT", "/api/brownout", {"polcy": "name: x", "reason": "y"}, "(did you mean 'policy'?)"),
        ("POST", "/api/brownout", {"mode": "sof", "reason": "y"}, "(did you mean 'soft'?)"),
    ],
)
def test_a_slip_of_the_pen_is_answered_with_what_was_meant(
    service: Service, method: str, path: str, body: Any, said: str
) -> None:
    """As the command does."""
    with service.client() as client:
        found = client.request(method, path, json=body)
    assert said in found.json()["error"]["message"]


def test_a_policy_without_a_name_keeps_that_of_the_one_before(service: Service) -> None:
    """Which nobody renamed."""
    name = service.balancer.policy.name
    given = {"thresholds": {"soft": {"latency_p95": "21s"}}}
    with service.client() as client:
        found = client.put("/api/brownout", json={"policy": given, "reason": "slower is fine"})
    assert (found.status_code, found.json()["name"]) == (200, name)
    assert service.balancer.policy.name == name
