"""Names are translated as Prometheus and the Collector translate them."""

from __future__ import annotations

import pytest

from balancer import metrics
from balancer.metrics import METRICS, Kind, Metric
from balancer.prometheus_names import (
    Translation,
    label_name,
    metric_name,
    quoted,
    unit_words,
)


def one(name: str, unit: str, kind: Kind) -> Metric:
    """A row of a table."""
    return Metric(name=name, unit=unit, kind=kind, meaning="For a test.")


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (metrics.REQUEST_DURATION, "open_balancer_request_duration_seconds"),
        (metrics.REQUESTS, "open_balancer_requests_total"),
        (metrics.ERROR_RATE, "open_balancer_error_rate_ratio"),
        (metrics.COST, "open_balancer_cost_total"),
        (metrics.COST_RATE, "open_balancer_cost_rate_per_hour"),
        (metrics.BUDGET_LEFT, "open_balancer_budget_left"),
        (metrics.OPERATION_TOKENS, "gen_ai_client_token_usage"),
    ],
)
def test_a_metric_gets_unit_and_kind(metric: Metric, expected: str) -> None:
    """Under Prometheus's default strategy; what stands in braces is no unit."""
    assert metric_name(metric, Translation.UNDERSCORES) == expected


@pytest.mark.parametrize(
    ("name", "unit", "kind", "expected"),
    [
        ("system.network.dropped", "packets", Kind.GAUGE, "system_network_dropped_packets"),
        ("system.filesystem.usage", "By", Kind.GAUGE, "system_filesystem_usage_bytes"),
        ("requests.total", "1", Kind.COUNTER, "requests_total"),
        ("total.requests", "1", Kind.COUNTER, "requests_total"),
        ("cpu.ratio", "1", Kind.GAUGE, "cpu_ratio"),
        ("job.seconds.sum", "s", Kind.GAUGE, "job_seconds_sum"),
        ("io", "By/s", Kind.GAUGE, "io_bytes_per_second"),
        ("io", "By/{disk}", Kind.GAUGE, "io_bytes"),
        ("a..b-c", "{x}", Kind.GAUGE, "a_b_c"),
    ],
)
def test_words_that_a_name_has_are_not_repeated(
    name: str, unit: str, kind: Kind, expected: str
) -> None:
    """The examples of the Collector's translator among them."""
    assert metric_name(one(name, unit, kind), Translation.UNDERSCORES) == expected


@pytest.mark.parametrize(
    ("translation", "expected"),
    [
        (Translation.UNDERSCORES, "open_balancer_cost_rate_per_hour"),
        (Translation.BARE_UNDERSCORES, "open_balancer_cost_rate"),
        (Translation.UTF8, "open_balancer.cost.rate_per_hour"),
        (Translation.NONE, "open_balancer.cost.rate"),
    ],
)
def test_each_strategy_names_it_its_own_way(translation: Translation, expected: str) -> None:
    """Escaping and suffixes are chosen apart."""
    assert metric_name(metrics.COST_RATE, translation) == expected


def test_a_kind_that_a_name_ends_in_is_not_appended_to_dots_either() -> None:
    """Unit, then kind, at the end of the name as it is."""
    metric = one("cpu.seconds.total", "s", Kind.COUNTER)
    assert metric_name(metric, Translation.UTF8) == "cpu.seconds_total"


@pytest.mark.parametrize("translation", Translation)
def test_no_two_metrics_of_the_table_meet_under_one_name(translation: Translation) -> None:
    """They would be one series in Prometheus, and neither would be right."""
    names = [metric_name(metric, translation) for metric in METRICS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_unit_of_the_table_is_a_word(metric: Metric) -> None:
    """A unit that is not known is appended as it is written, which nobody wants to read."""
    assert all(
        word.islower() and word.replace("_", "").isalpha() for word in unit_words(metric.unit)
    )


def test_labels_have_no_suffix() -> None:
    """Dots become underscores, or stay."""
    assert label_name(metrics.MODEL, Translation.UNDERSCORES) == "gen_ai_request_model"
    assert label_name(metrics.MODEL, Translation.NONE) == "gen_ai.request.model"


def test_what_has_dots_is_quoted() -> None:
    """As PromQL of Prometheus 3 wants it; a colon may stand in the name of a metric only."""
    assert quoted("job") == "job"
    assert quoted("error.type") == '"error.type"'
    assert quoted("a:b", metric=True) == "a:b"
    assert quoted("a:b") == '"a:b"'
