"""Monitors say what the policy says."""

from __future__ import annotations

from typing import Any

import pytest

from balancer.adapters.datadog.advice import advise
from balancer.adapters.datadog.dashboard import dashboard_of
from balancer.adapters.datadog.monitors import Target, monitors_of
from balancer.adapters.datadog.query import parse_expression, parse_query
from balancer.adapters.datadog.query_tree import series_of
from balancer.core.policy import SIGNALS
from balancer.metrics import metric_named
from balancer.policy_file import default_policy, parse_policy
from balancer.webhook import LIFETIME_S

TARGET = Target(service="shop")
THRESHOLDS = {
    "latency_p50": "1s",
    "latency_p95": "2000ms",
    "latency_p99": "5s",
    "ttft_p95": "800ms",
    "error_rate": "5%",
    "token_cost_per_hour": "$50",
    "spend_10m": "$8",
    "tokens_per_minute": "100k",
    "queue_depth": "100",
    "memory": "85%",
}
LATENCY = "open_balancer.request.duration{service:shop}"
QUERIES = {
    "latency_p50": f"percentile(last_1m):p50:{LATENCY} > 1",
    "latency_p95": f"percentile(last_1m):p95:{LATENCY} > 2",
    "latency_p99": f"percentile(last_1m):p99:{LATENCY} > 5",
    "ttft_p95": "percentile(last_1m):p95:"
    "open_balancer.request.time_to_first_token{service:shop} > 0.8",
    "error_rate": "sum(last_1m):"
    "default_zero(sum:open_balancer.attempts.failed{service:shop}.as_count())"
    " / sum:open_balancer.attempts.finished{service:shop}.as_count() > 0.05",
    "token_cost_per_hour": "sum(last_1m):sum:open_balancer.cost{service:shop}.as_count() * 60 > 50",
    "spend_10m": "sum(last_10m):sum:open_balancer.cost{service:shop}.as_count() > 8",
    "tokens_per_minute": "sum(last_1m):sum:open_balancer.tokens"
    "{service:shop,!gen_ai.token.type:cached}.as_count() > 100000",
    "queue_depth": "avg(last_1m):sum:open_balancer.queue.depth{service:shop} > 100",
    "memory": "avg(last_1m):max:open_balancer.memory.utilization{service:shop} > 0.85",
}


def monitors(policy: str, target: Target = TARGET) -> tuple[dict[str, Any], ...]:
    """Bodies of a policy in YAML."""
    return monitors_of(parse_policy(policy, "mine"), target)


@pytest.mark.parametrize("signal", list(THRESHOLDS))
def test_each_signal_has_its_query(signal: str) -> None:
    """Percentiles of distributions, ratios and sums of counts, gauges."""
    first, *_ = monitors(f"thresholds:\n  soft: {{{signal}: {THRESHOLDS[signal]}}}\n")
    assert first["query"] == QUERIES[signal]


def test_every_signal_is_covered() -> None:
    """A new one needs a query; burn_rate has a test of its own."""
    assert set(THRESHOLDS) == set(SIGNALS) - {"burn_rate"}


def test_a_burn_rate_is_an_error_ratio() -> None:
    """Times the error budget, over its window."""
    first, *_ = monitors(
        "rules:\n  - {signal: burn_rate, above: x14, level: hard, objective: 99%, window: 1h}\n"
    )
    assert first["query"].startswith("sum(last_1h):default_zero(")
    assert first["query"].endswith(" > 0.14")


@pytest.mark.parametrize(
    ("condition", "head"),
    [
        ("P95 response time > 2000ms for 5 minutes", "percentile(last_5m)"),
        ("Error rate > 15% for 1 minute", "sum(last_1m)"),
        ("Memory usage > 85% for 5 minutes", "min(last_5m)"),
        ("Request queue > 100 pending", "avg(last_1m)"),
    ],
)
def test_the_window_is_the_longer_of_window_and_sustained(condition: str, head: str) -> None:
    """A gauge that must be above all the time is above at its least."""
    first, *_ = monitors(
        f'- {{alert: "a", condition: "{condition}", action: "Activate soft brownout mode"}}\n'
    )
    assert first["query"].startswith(head + ":")


@pytest.mark.parametrize(("ratio", "recovery"), [("0.8", 0.04), ("0.9", 0.045), ("1.0", None)])
def test_a_monitor_recovers_at_the_exit_threshold(ratio: str, recovery: float | None) -> None:
    """The policy's hysteresis; without any Datadog wants none to be said."""
    first, *_ = monitors(f"thresholds:\n  soft: {{error_rate: 5%}}\nladder: {{exit: {ratio}}}\n")
    assert first["options"]["thresholds"].get("critical_recovery") == recovery
    assert first["options"]["thresholds"]["critical"] == 0.05


def test_an_alert_is_repeated_within_its_lifetime() -> None:
    """Or the controller would believe it over."""
    first, *_ = monitors("thresholds:\n  hard: {error_rate: 5%}\n")
    assert first["options"]["renotify_interval"] * 60 * 3 <= LIFETIME_S
    assert first["options"]["renotify_statuses"] == ["alert"]


def test_tags_and_message_say_what_and_whose() -> None:
    """The mode, the owner, a key, and who is told."""
    target = Target(service="shop", environment="prod", webhook="mine", notify=("@slack-a",))
    first, *_ = monitors("thresholds:\n  hard: {error_rate: 5%}\n", target)
    assert first["tags"] == [
        "managed_by:open-balancer",
        "service:shop",
        "env:prod",
        "open_balancer_key:rule-hard-error_rate",
        "brownout:hard",
    ]
    assert first["message"].endswith("\n@webhook-mine @slack-a")
    assert "{service:shop,env:prod}" in first["query"]


def test_missing_data_and_flapping_tell_people_and_change_nothing() -> None:
    """They have no brownout tag."""
    *_, missing, flapping = monitors_of(default_policy(), TARGET)
    assert missing["options"]["notify_no_data"] is True
    assert missing["options"]["no_data_timeframe"] >= 2 * 5
    assert flapping["query"] == (
        "sum(last_1h):sum:open_balancer.mode.changes{service:shop}"
        " by {service.instance.id}.as_count() > 12"
    )
    assert not any(tag.startswith("brownout:") for tag in missing["tags"] + flapping["tags"])


def test_rules_of_like_names_have_keys_of_their_own() -> None:
    """Or one would be taken for the other made twice."""
    bodies = monitors(
        "rules:\n"
        "  - {name: 'A b', signal: error_rate, above: 5%, level: soft}\n"
        "  - {name: 'a  B!', signal: memory, above: 5%, level: soft}\n"
    )
    keys = [tag for body in bodies for tag in body["tags"] if "_key:" in tag]
    assert len(set(keys)) == 4


def test_every_query_of_ours_is_valid_and_right() -> None:
    """By our own reader; and every metric in it is in the table."""
    policy = "thresholds:\n  soft:\n" + "".join(f"    {k}: {v}\n" for k, v in THRESHOLDS.items())
    for body in monitors(policy):
        query = parse_query(body["query"])
        assert advise(query) == ()
        assert query.threshold == body["options"]["thresholds"]["critical"]
        assert all(metric_named(series.metric) for series in series_of(query.expression))


def test_every_query_of_the_dashboard_is_valid() -> None:
    """And draws a metric that is in the table."""
    widgets = [
        w for group in dashboard_of(TARGET)["widgets"] for w in group["definition"]["widgets"]
    ]
    queries = [
        query["query"]
        for widget in widgets
        for request in widget["definition"]["requests"]
        for query in request["queries"]
    ]
    assert len(queries) > 20
    for query in queries:
        (series,) = series_of(parse_expression(query))
        metric = metric_named(series.metric)
        assert metric is not None
        assert set(series.by) <= set(metric.attributes)
    # Cached tokens are part of the input: over all types together they would count twice.
    assert any("open_balancer.tokens{" in q and "by {gen_ai.token.type}" in q for q in queries)
