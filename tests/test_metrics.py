"""The metric table holds together."""

from __future__ import annotations

import pytest

from balancer.metrics import METRICS, Kind, Metric, metric_named

PROMISED = {
    "llm.tokens.used",
    "llm.cost.per_request",
    "llm.response.duration",
    "brownout.current_mode",
    "brownout.activations.count",
    "brownout.recovery.duration",
    "brownout.cost_saved",
    "service.availability",
    "response.quality_score",
    "token_cost_per_hour",
}


def test_every_promised_name_is_an_alias() -> None:
    """Dashboards that users built on these names keep working."""
    assert {metric.alias for metric in METRICS} >= PROMISED


def test_no_name_or_alias_is_given_twice() -> None:
    """A name says one thing."""
    names = [name for metric in METRICS for name in (metric.name, metric.alias) if name]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_native_name_belongs_to_us_or_to_the_conventions(metric: Metric) -> None:
    """`service.*` and `system.*` are OpenTelemetry's own."""
    assert metric.name.startswith(("open_balancer.", "gen_ai."))
    assert metric.meaning.endswith(".")
    assert metric.unit


@pytest.mark.parametrize(
    "name", ["open_balancer.cost.rate", "token_cost_per_hour", "custom.token_cost_per_hour"]
)
def test_a_metric_is_found_by_any_of_its_names(name: str) -> None:
    """Native, alias, and alias as Datadog shows it."""
    found = metric_named(name)
    assert found is not None
    assert found.kind is Kind.GAUGE


def test_a_strange_name_is_no_metric() -> None:
    """Metrics of others are not ours to judge."""
    assert metric_named("trace.http.request") is None
