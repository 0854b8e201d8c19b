"""Expressions are valid, and ask for what they say."""

from __future__ import annotations

import pytest

from balancer import metrics
from balancer.adapters.dashboards.promql import JOB, Queries, duration, signal_query
from balancer.core.errors import InputError
from balancer.core.rules import SIGNALS
from balancer.prometheus_names import Translation
from tests.adapters.dashboards.selectors import known_names, names_of


def queries(translation: Translation = Translation.UNDERSCORES) -> Queries:
    """Of one service."""
    return Queries(translation=translation, scope=((JOB, "=", "shop"),), by=(JOB,))


def test_dotted_names_go_into_the_braces() -> None:
    """The only form in which PromQL takes them."""
    found = queries(Translation.NONE).series(metrics.TOKENS, (metrics.TOKEN_TYPE, "!=", "cached"))
    assert found == '{"open_balancer.tokens", job="shop", "gen_ai.token.type"!="cached"}'


def test_a_value_cannot_leave_its_quotes() -> None:
    """Backslashes and quotes are escaped."""
    found = queries().series(metrics.COST, (metrics.MODEL, "=", 'a"b\\'))
    assert found.endswith('gen_ai_request_model="a\\"b\\\\"}')


def test_a_selector_without_a_scope_is_a_name() -> None:
    """For lists of values, over everything."""
    everywhere = Queries(translation=Translation.UNDERSCORES, scope=(), by=())
    assert everywhere.series(metrics.COST) == "open_balancer_cost_total"


@pytest.mark.parametrize("translation", Translation)
@pytest.mark.parametrize("signal", SIGNALS)
def test_every_signal_has_a_valid_expression(signal: str, translation: Translation) -> None:
    """Over metrics of the table."""
    assert names_of(signal_query(queries(translation), signal, "1m")) <= known_names(translation)


def test_a_quantile_asks_for_native_and_classic_histograms() -> None:
    """Ours are native; a pipeline may make classic ones of them."""
    assert names_of(signal_query(queries(), "latency_p95", "1m")) == {
        "open_balancer_request_duration_seconds",
        "open_balancer_request_duration_seconds_bucket",
    }


def test_what_no_metric_shows_is_refused() -> None:
    """A signal that is added needs an expression."""
    with pytest.raises(InputError, match="mood"):
        signal_query(queries(), "mood", "1m")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(60, "1m"), (90, "90s"), (3600, "1h"), (5400, "90m"), (0.5, "500ms"), (86_400, "24h")],
)
def test_durations_are_written_with_one_unit(seconds: float, expected: str) -> None:
    """The largest that leaves no rest."""
    assert duration(seconds) == expected
