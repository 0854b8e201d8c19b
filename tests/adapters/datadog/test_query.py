"""Metric monitor queries are read, and written again as they were."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.adapters.datadog.query import QueryError, parse_expression, parse_query
from balancer.adapters.datadog.query_tree import (
    Arithmetic,
    Expression,
    FunctionCall,
    Modifier,
    MonitorQuery,
    Negative,
    Number,
    Series,
    series_of,
)


def test_a_percentile_of_a_distribution() -> None:
    """All parts of the common form."""
    assert parse_query(
        "percentile(last_5m):p95:trace.http.request{service:x,!env:dev} by {host} >= 2.5"
    ) == MonitorQuery(
        aggregation="percentile",
        window="last_5m",
        expression=Series(
            space="p95", metric="trace.http.request", scope="service:x,!env:dev", by=("host",)
        ),
        comparator=">=",
        threshold=2.5,
    )


def test_a_ratio_of_counts() -> None:
    """Modifiers belong to their series, and / needs no blanks."""
    query = parse_query("sum(last_1h):sum:errors{*}.as_count()/sum:hits{*}.as_count() > 0.1")
    assert [s.metric for s in series_of(query.expression)] == ["errors", "hits"]
    assert all(s.has("as_count") for s in series_of(query.expression))
    assert query.window_minutes == 60


@pytest.mark.parametrize(
    "text",
    [
        "avg(last_5m):avg:a.b{service:x}.rollup(sum, 60).fill(zero) > 2",
        "change(avg(last_5m),10m_ago):sum:a{*} > -300",
        "pct_change(max(last_1d),1w_ago):sum:a{*} > 50",
        "avg(last_30m):outliers(avg:system.cpu.user{role:es} by {host}, 'dbscan', 7) > 0",
        "avg(last_5m):default_zero(sum:a{x IN (b,c) AND NOT (d:e OR f:g*)}) < 1",
        "avg(last_4h):anomalies(avg:a{$env}, 'basic', 2, direction='both', interval=60) >= 1",
        "avg(last_1mo):-(sum:a{*} + 2 - (sum:b{*} - 3)) * 2 / (sum:c{*} * 0.5) != 0.25",
        "percentile(last_1w):p99.9:a{*} by {service.instance.id,open_balancer.mode} <= 1",
    ],
)
def test_valid_queries_are_written_as_they_were_read(text: str) -> None:
    """Up to blanks; and what is written is read as the same."""
    assert str(parse_query(text)) == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("agv(last_5m):avg:t{*} > 2", r"column 1: found 'agv'.*did you mean 'avg'"),
        ("avg(lst_5m):avg:t{*} > 1", "column 5: found 'lst_5m', expected a window such as"),
        ("avg(last_0m):avg:t{*} > 1", "column 5: .*1 to 10,080m"),
        ("avg(last_999999999999h):avg:t{*} > 1", "1 to 168h"),
        ("avg(last_5m):agv:t{*} > 2", r"column 14: .*space aggregation.*did you mean 'avg'"),
        ("avg(last_5m):avg:t > 2", r"column 20: found '>', expected '\{' and a scope"),
        ("avg(last_5m):avg:t{} > 2", "scope is empty"),
        ("avg(last_5m):avg:t{a b} > 2", "scope has 'b' after a tag"),
        ("avg(last_5m):avg:t{a:b andd c:d} > 2", "did you mean 'AND'"),
        ("avg(last_5m):avg:t{(a:b} > 2", "parenthesis that is not closed"),
        ("avg(last_5m):avg:t{a IN ()} > 2", "list after IN that names no value"),
        ("avg(last_5m):avg:t{a IN b} > 2", "IN without a list"),
        ("avg(last_5m):avg:t{a:b,} > 2", "ends where a tag is expected"),
        ("avg(last_5m):avg:t{*) > 2", "column 26: found the end, expected '}'"),
        ("avg(last_5m):avg:t{a)b} > 2", r"has '\)' where it should end"),
        ("avg(last_5m):avg:t{*}.as_cuont() > 2", "did you mean 'as_count'"),
        ("avg(last_5m):avg:t{*}.rollup() > 2", "1 to 2 arguments of rollup"),
        ("avg(last_5m):avg:t{*}.as_count(3) > 2", "0 arguments of as_count"),
        ("avg(last_5m):ewma_4(avg:t{*}) > 2", "a function that Datadog has"),
        ("avg(last_5m):avg:t{*}", "column 22: found the end, expected an operator or a compar"),
        ("avg(last_5m):avg:t{*} > x", "expected a threshold, which is a number"),
        ("avg(last_5m):avg:t{*} > 1e999", "expected a threshold"),
        ("avg(last_5m):avg:t{*} > 2 > 3", "expected the end of the query after its threshold"),
        ("percentile(last_5m)avg:t{*} > 2", "expected ':' after the window"),
        ("change(percentile(last_5m),5m_ago):p95:t{*} > 2", "column 8"),
        ("change(avg(last_5m)):avg:t{*} > 2", "how long ago"),
        ("avg(last_5m):(avg:t{*} > 2", r"expected '\)'"),
        ("avg(last_5m):" + "(" * 500, "at most 40 levels"),
        ("avg(last_5m):avg:t{" + "(" * 500 + "} > 1", "nested too deeply"),
        ("", "column 1: found the end, expected a time aggregation"),
        ("a" * 20_000, "longer than 10,000 characters"),
    ],
)
def test_a_wrong_query_is_told_with_its_column(text: str, problem: str) -> None:
    """What was found, what was expected, and the nearest name."""
    with pytest.raises(QueryError, match=problem):
        parse_query(text)


def test_an_expression_has_no_window_and_no_threshold() -> None:
    """Dashboards and timeseries requests have these."""
    assert str(parse_expression("sum:a{*}.as_count()")) == "sum:a{*}.as_count()"
    with pytest.raises(QueryError, match="expected an operator or the end"):
        parse_expression("sum:a{*} > 2")


SERIES = st.builds(
    Series,
    space=st.sampled_from(["avg", "sum", "min", "max", "p95", "p99.9"]),
    metric=st.from_regex(r"[a-z]{1,5}(\.[a-z_]{1,5}){0,2}", fullmatch=True),
    scope=st.sampled_from(["*", "service:x", "!env:dev,service:x", "a IN (b,c) AND NOT d:e"]),
    by=st.sampled_from([(), ("host",), ("host", "service.instance.id")]),
    modifiers=st.sampled_from([(), (Modifier("as_count"),), (Modifier("rollup", ("sum", "60")),)]),
)


def _larger(smaller: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    return st.one_of(
        st.builds(Arithmetic, smaller, st.sampled_from("+-*/"), smaller),
        st.builds(Negative, smaller),
        st.builds(lambda inside: FunctionCall("abs", (inside,)), smaller),
    )


NUMBERS = st.floats(0, 1e12, allow_nan=False).map(Number)
EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    st.one_of(SERIES, NUMBERS), _larger, max_leaves=8
)


@given(EXPRESSIONS, st.floats(-1e9, 1e9))
def test_any_query_reads_back_as_itself(expression: Expression, threshold: float) -> None:
    """Precedence, signs and parentheses included."""
    query = MonitorQuery(
        aggregation="avg",
        window="last_5m",
        expression=expression,
        comparator=">",
        threshold=threshold,
    )
    assert parse_query(str(query)) == query


@given(st.text(alphabet="avgsump95(last_m):{}*, .by><=-+/e1'\"IN!", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """With an error of ours and no other."""
    for prefix in ("", "avg(last_5m):avg:", "avg(last_5m):avg:t{"):
        with suppress(QueryError):
            parse_query(prefix + text)
