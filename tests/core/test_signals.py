"""Signals: the breach formula, each signal's evidence, and how they read."""

from __future__ import annotations

import pytest

from balancer.core.modes import MODES, Mode
from balancer.core.observations import Observations
from balancer.core.policy import Rule
from balancer.core.signals import Bound, Measurement, Signals, breach, describe
from balancer.core.windows import ALL
from tests.core.builders import make_policy, served, table, tick


def signals_of(rules: tuple[Rule, ...], *ticks: Observations, tick_s: float = 1.0) -> Signals:
    """Signals of some rules that have seen some ticks."""
    found = Signals(make_policy(rules, tick_s=tick_s))
    for observations in ticks:
        found.observe(observations)
    return found


def verdict(signals: Signals, bound: Bound | None = None, *, since: int = -1) -> bool | None:
    """The ladder's judgement of normal, by the first rule unless told otherwise."""
    return signals.judge(bound or signals.entry[0], Mode.NORMAL, since, z=1.64, min_samples=20)


# --- the breach formula -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("k", "n", "share", "expected"),
    [
        (19, 19, 0.05, None),
        (0, 0, 0.05, None),
        (2, 20, 0.05, False),  # 1 + 1.64 x 0.9747 = 2.598
        (3, 20, 0.05, True),
        (8, 100, 0.05, False),  # 5 + 1.64 x 2.179 = 8.574
        (9, 100, 0.05, True),
        (61, 1000, 0.05, False),  # 50 + 1.64 x 6.892 = 61.303
        (62, 1000, 0.05, True),
        (14, 100, 0.10, False),  # 10 + 1.64 x 3 = 14.92
        (15, 100, 0.10, True),
        (1, 100, 0.01, False),  # 1 + 1.64 x 0.995 = 2.632
        (3, 100, 0.01, True),
        (58, 100, 0.50, False),  # 50 + 1.64 x 5 = 58.2
        (59, 100, 0.50, True),
    ],
)
def test_a_breach_is_a_share_exceeded_by_a_margin(
    k: int, n: int, share: float, expected: bool | None
) -> None:
    """It takes k > q n + 1.64 sqrt(n q (1 - q)) with at least 20 samples."""
    assert breach(k, n, share, 1.64, 20) is expected


def test_without_a_margin_a_breach_is_a_plain_threshold() -> None:
    """More than a twentieth of the samples, and not just a twentieth."""
    assert breach(1, 20, 0.05, 0.0, 1) is False
    assert breach(2, 20, 0.05, 0.0, 1) is True


def test_no_sample_is_no_verdict_even_without_a_floor() -> None:
    """Nothing of nothing is neither."""
    assert breach(0, 0, 0.05, 1.64, 1) is None


def test_huge_counts_are_judged_like_small_ones() -> None:
    """A margin shrinks against a billion samples, and nothing overflows."""
    n = 10**15
    assert breach(n // 20 + n // 1000, n, 0.05, 1.64, 20) is True
    assert breach(n // 20, n, 0.05, 1.64, 20) is False


# --- each signal --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signal", "enough"), [("latency_p50", 14), ("latency_p95", 3), ("latency_p99", 1)]
)
def test_a_latency_quantile_is_judged_by_counting_the_slow(signal: str, enough: int) -> None:
    """Of twenty, as many above 2 s as the quantile's share does not explain."""
    for slow, expected in ((enough - 1, False), (enough, True)):
        latencies = [3.0] * slow + [1.0] * (20 - slow)
        found = signals_of(table(signal, 2.0), tick(0, served(latencies=latencies)))
        assert verdict(found) is expected


def test_the_first_token_has_its_own_histogram() -> None:
    """Slow answers with a quick first token are not in breach, and the other way round."""
    rules = table("ttft_p95", 2.0)
    quick = tick(0, served(latencies=[9.0] * 20, ttft=[1.0] * 20))
    late = tick(0, served(latencies=[9.0] * 20, ttft=[3.0] * 20))
    assert verdict(signals_of(rules, quick)) is False
    assert verdict(signals_of(rules, late)) is True


def test_latency_and_first_token_cuts_are_kept_apart() -> None:
    """The same threshold on both signals is two columns."""
    rules = (*table("ttft_p95", 2.0), *table("latency_p95", 2.0))
    found = signals_of(rules, tick(0, served(latencies=[9.0] * 20, ttft=[1.0] * 20)))
    assert [verdict(found, bound) for bound in found.entry] == [False, True]


def test_the_error_rate_is_failed_over_finished() -> None:
    """Of any kind; five of forty is 12.5 %."""
    entry = served(latencies=[1.0] * 35, empty=2, timeout=2, malformed=1)
    found = signals_of(table("error_rate", 0.05, 0.12), tick(0, entry))
    assert [verdict(found, bound) for bound in found.entry] == [True, False]


def test_cost_per_hour_is_the_mean_settled_times_all_starts() -> None:
    """$0.001 a finished call, 600 started in a minute in all modes: $36 an hour."""
    ticks = [
        tick(
            index,
            served(latencies=[1.0] * 4, started=6, nano_usd=4_000_000),
            served(Mode.SOFT, started=4),
        )
        for index in range(60)
    ]
    for threshold, expected in ((35.9, True), (36.1, False)):
        found = signals_of(table("token_cost_per_hour", threshold), *ticks)
        assert verdict(found) is expected


def test_cost_sees_a_burst_of_starts_before_it_settles() -> None:
    """The rate of starts counts at once: no reservation is needed."""
    rules = table("token_cost_per_hour", 50.0)
    calm = [tick(i, served(latencies=[1.0] * 10, nano_usd=10_000_000)) for i in range(60)]
    burst = tick(60, served(started=1000))
    assert verdict(signals_of(rules, *calm)) is False
    assert verdict(signals_of(rules, *calm, burst)) is True


def test_spending_needs_its_samples_too() -> None:
    """Nineteen calls, however dear, are no verdict."""
    rules = table("token_cost_per_hour", 1.0)
    dear = tick(0, served(latencies=[1.0] * 19, nano_usd=10**12))
    assert verdict(signals_of(rules, dear)) is None


def test_tokens_per_minute_is_the_mean_times_all_starts() -> None:
    """100 tokens a call, 10 calls a second: 60,000 a minute."""
    ticks = [tick(index, served(latencies=[1.0] * 10, tokens=1000)) for index in range(60)]
    for threshold, expected in ((59_999, True), (60_001, False)):
        found = signals_of(table("tokens_per_minute", threshold), *ticks)
        assert verdict(found) is expected


def test_rates_are_a_second_and_not_a_tick() -> None:
    """The same calls in ticks of half a second are twice the rate."""
    entry = served(latencies=[1.0] * 10, nano_usd=10_000_000)
    rules = table("token_cost_per_hour", 50.0)
    assert verdict(signals_of(rules, *(tick(i, entry) for i in range(60)))) is False
    halves = signals_of(rules, *(tick(i, entry) for i in range(120)), tick_s=0.5)
    assert verdict(halves) is True
    assert halves.starts_per_s() == pytest.approx(20.0)


def test_gauges_are_judged_without_samples() -> None:
    """The last reading, whatever its age of evidence."""
    rules = (*table("queue_depth", 100), *table("memory", 0.85))
    found = signals_of(rules, Observations(0, waiting=101, memory_ppm=850_001))
    assert [verdict(found, bound) for bound in found.entry] == [True, True]
    found.observe(Observations(1, waiting=100, memory_ppm=850_000))
    assert [verdict(found, bound) for bound in found.entry] == [False, False]


BURN = Rule(
    name="burn",
    signal="burn_rate",
    level=Mode.SOFT,
    threshold=10.0,
    objective=0.99,
    window_s=120.0,
    short_window_s=10.0,
)


def test_a_burn_rate_is_the_error_rate_over_the_error_budget() -> None:
    """Ten times a budget of 1 % is more than 10 % of the attempts, with the margin."""
    for failed, expected in ((14, False), (15, True)):
        entry = served(latencies=[1.0] * (100 - failed), overloaded=failed)
        assert verdict(signals_of((BURN,), tick(0, entry))) is expected


def test_a_burn_must_hold_in_the_short_window_too() -> None:
    """Soon after the fault ends the alarm does, though the long window still burns."""
    bad = [tick(i, served(overloaded=10)) for i in range(60)]
    good = [tick(60 + i, served(latencies=[1.0] * 10)) for i in range(10)]
    assert verdict(signals_of((BURN,), *bad)) is True
    assert verdict(signals_of((BURN,), *bad, *good)) is False


def test_the_short_window_is_a_twelfth_unless_said_otherwise() -> None:
    """As in the SRE workbook: five minutes of an hour."""
    rule = Rule(
        name="burn",
        signal="burn_rate",
        level=Mode.SOFT,
        threshold=14.4,
        objective=0.99,
        window_s=3600.0,
    )
    assert signals_of((rule,)).entry[0].short_ticks == 300


# --- calls in flight ----------------------------------------------------------------------


def test_calls_older_than_a_cut_count_as_slow() -> None:
    """Twenty calls of 6 s: slow for 2 s and for 5 s, not for 10 s."""
    found = signals_of(table("latency_p95", 2.0, 5.0, 10.0), *map(tick, range(20)))
    found.observe(tick(20, served(started=0, ages=[6.0] * 20)))
    assert [verdict(found, bound) for bound in found.entry] == [True, True, False]


def test_calls_younger_than_the_lowest_cut_are_no_samples() -> None:
    """They may yet be quick."""
    found = signals_of(table("latency_p95", 2.0), tick(0), tick(1, served(ages=[1.0] * 100)))
    assert verdict(found) is None


def test_the_lowest_cut_is_the_lowest_exit_bound() -> None:
    """A call of 1.7 s is above 1.6 s: a sample, though not a slow one for 2 s."""
    found = signals_of(table("latency_p95", 2.0), *map(tick, range(20)))
    found.observe(tick(20, served(ages=[1.7] * 20)))
    assert verdict(found) is False
    assert verdict(found, found.exits[0]) is True
    assert found.samples(Mode.NORMAL, -1) == 20


def test_calls_from_before_the_evidence_are_left_out_by_their_age() -> None:
    """Evidence since tick 10 at tick 20: what is older than ten seconds began before."""
    found = signals_of(table("latency_p95", 2.0), *map(tick, range(20)))
    found.observe(tick(20, served(ages=[15.0] * 30 + [5.0] * 20)))
    bound = found.entry[0]
    assert found.evidence(bound, Mode.NORMAL, 10, 10)[:2] == (20, 20)
    assert found.evidence(bound, Mode.NORMAL, -1, -1)[:2] == (50, 50)


def test_two_models_of_a_mode_add_their_calls_in_flight() -> None:
    """A hang of the fallback model is the mode's hang."""
    entry = served(ages=[6.0] * 10)
    found = signals_of(table("latency_p95", 2.0), *map(tick, range(20)))
    found.observe(tick(20, entry, entry._replace(model="small")))
    assert verdict(found) is True


def test_all_modes_together_do_not_see_calls_in_flight() -> None:
    """The view of plain thresholds, which know latencies of finished calls only."""
    found = signals_of(table("latency_p95", 2.0), tick(0, served(ages=[6.0] * 50)))
    assert found.judge(found.entry[0], ALL, -1, z=0.0, min_samples=1) is None


def test_without_latency_rules_samples_are_finished_attempts() -> None:
    """There is no cut to be older than."""
    entry = served(latencies=[1.0] * 3, ages=[600.0])
    assert signals_of(table("error_rate", 0.05), tick(0, entry)).samples(Mode.NORMAL, -1) == 3


# --- projections and rates ----------------------------------------------------------------


def test_a_projection_is_the_rows_mean_at_everybodys_rate() -> None:
    """Thirty probes at $0.004 while ten calls a second start: $144 an hour."""
    ticks = [
        tick(
            i,
            served(latencies=[1.0] * (i % 2), nano_usd=4_000_000 * (i % 2)),
            served(Mode.SOFT, latencies=[1.0] * (10 - i % 2), nano_usd=1),
        )
        for i in range(60)
    ]
    found = signals_of(table("token_cost_per_hour", 50.0), *ticks)
    assert found.projected(found.exits[0], Mode.NORMAL, -1) == pytest.approx(144.0)


def test_nothing_finished_gives_no_projection() -> None:
    """Not even of nought."""
    found = signals_of(table("token_cost_per_hour", 50.0), tick(0, served(started=5)))
    assert found.projected(found.exits[0], Mode.NORMAL, -1) is None


def test_requests_offered_are_counted_by_priority() -> None:
    """Since a tick, and as a rate over the last minute."""
    found = signals_of((), *(tick(index, offered=(1, 2, 3)) for index in range(60)))
    assert found.offered_since(49) == (10, 20, 30)
    assert found.offered_per_s() == pytest.approx(6.0)


def test_failures_are_mostly_quota_above_one_half() -> None:
    """Half is not most."""
    even = signals_of((), tick(0, served(quota_minute=2, overloaded=2)))
    more = signals_of((), tick(0, served(quota_minute=2, quota_day=1, overloaded=2)))
    none = signals_of((), tick(0, served(latencies=[1.0])))
    found = [signals.mostly_quota(Mode.NORMAL, -1) for signals in (even, more, none)]
    assert found == [False, True, False]


# --- for a person -------------------------------------------------------------------------


def measured(signals: Signals, number: int = 0) -> Measurement:
    """What normal's signal of a rule was measured at."""
    return signals.measure(signals.entry[number], Mode.NORMAL, -1, -1)


def test_a_latency_is_measured_as_its_quantile_finished_or_in_flight() -> None:
    """P95 of 95 quick answers and 15 calls of 8 s in flight is 8 s."""
    found = signals_of(table("latency_p95", 2.0), *map(tick, range(20)))
    found.observe(tick(20, served(latencies=[1.0] * 95, ages=[8.0] * 15 + [0.5] * 100)))
    seen = measured(found)
    assert seen.value == pytest.approx(8.0, rel=0.006)
    assert (seen.k, seen.n) == (15, 110)


def test_a_latency_of_nothing_is_not_measured() -> None:
    """None, and not a number that looks like one."""
    assert measured(signals_of(table("latency_p95", 2.0), tick(0))).value is None


def test_a_first_token_is_measured_by_its_counts() -> None:
    """Its histogram is not kept, only what is above the cuts."""
    found = signals_of(table("ttft_p95", 2.0), tick(0, served(ttft=[3.0, 1.0])))
    assert measured(found) == Measurement(value=None, k=1, n=2)


def test_an_error_rate_is_measured_as_a_share() -> None:
    """And a burn rate as a multiple of the budget."""
    entry = tick(0, served(latencies=[1.0] * 80, overloaded=20))
    assert measured(signals_of(table("error_rate", 0.05), entry)).value == pytest.approx(0.2)
    assert measured(signals_of((BURN,), entry)).value == pytest.approx(20.0)


def test_an_error_rate_of_nothing_is_not_measured() -> None:
    """Nothing finished."""
    assert measured(signals_of(table("error_rate", 0.05), tick(0))) == Measurement(value=None)


def test_spending_is_measured_in_its_unit() -> None:
    """And not at all when nothing finished."""
    rules = table("token_cost_per_hour", 50.0)
    ticks = [tick(i, served(latencies=[1.0] * 10, nano_usd=10_000_000)) for i in range(60)]
    assert measured(signals_of(rules, *ticks)).value == pytest.approx(36.0)
    assert measured(signals_of(rules, tick(0))).value is None


def test_gauges_are_measured_as_they_are() -> None:
    """Requests and a share."""
    rules = (*table("queue_depth", 100), *table("memory", 0.85))
    found = signals_of(rules, Observations(0, waiting=7, memory_ppm=250_000))
    assert (measured(found, 0).value, measured(found, 1).value) == (7, 0.25)


@pytest.mark.parametrize(
    ("signal", "threshold", "value", "text"),
    [
        ("latency_p95", 5.0, 6.2, "latency_p95 6.2 s > 5.02 s over 1m"),
        ("error_rate", 0.05, 0.123, "error_rate 12.3% > 5.0% over 1m"),
        ("error_rate", 0.0005, 0.0009, "error_rate 0.090% > 0.050% over 1m"),
        ("token_cost_per_hour", 50, 62.5, "token_cost_per_hour $62.50/h > $50.00/h over 1m"),
        ("token_cost_per_hour", 200, 1234.5, "token_cost_per_hour $1,234/h > $200/h over 1m"),
        (
            "tokens_per_minute",
            1e6,
            2e6,
            "tokens_per_minute 2,000,000 tokens/min > 1,000,000 tokens/min over 1m",
        ),
        ("queue_depth", 100, 101, "queue_depth 101 > 100"),
        ("memory", 0.85, 0.9, "memory 90.0% > 85.0%"),
    ],
)
def test_a_signal_reads_in_its_unit(signal: str, threshold: float, value: float, text: str) -> None:
    """Gauges have no window to name."""
    (bound,) = signals_of(table(signal, threshold)).entry
    found = describe(bound, Measurement(value=value))
    assert found == text


def test_a_burn_reads_as_a_multiple() -> None:
    """Over its long window."""
    (bound,) = signals_of((BURN,)).entry
    assert describe(bound, Measurement(value=14.4)) == "burn_rate 14.4x > 10x over 2m"


@pytest.mark.parametrize(
    ("window_s", "text"), [(7200.0, "2h"), (300.0, "5m"), (90.0, "90s"), (2.5, "2.5s")]
)
def test_a_span_reads_in_its_largest_whole_unit(window_s: float, text: str) -> None:
    """Hours, minutes, seconds."""
    rule = Rule(name="e", signal="error_rate", level=Mode.SOFT, threshold=0.05, window_s=window_s)
    (bound,) = signals_of((rule,)).entry
    assert describe(bound, Measurement(value=0.1)) == f"error_rate 10.0% > 5.0% over {text}"


def test_a_sustained_rule_says_for_how_long() -> None:
    """After its window."""
    (bound,) = signals_of(table("memory", 0.85, sustained_s=300.0)).entry
    assert describe(bound, Measurement(value=0.9)) == "memory 90.0% > 85.0%, for 5m"
    assert describe(bound, Measurement(value=0.9), lasting=False) == "memory 90.0% > 85.0%"


def test_a_signal_without_a_value_reads_as_its_counts() -> None:
    """Or as nothing seen."""
    (bound,) = signals_of(table("ttft_p95", 2.0)).entry
    counted = Measurement(value=None, k=9, n=20)
    assert describe(bound, counted) == "ttft_p95 9 of 20 samples > 2 s over 1m"
    assert describe(bound, Measurement(value=None)) == "ttft_p95 nothing seen > 2 s over 1m"


def test_a_bound_that_was_kept_reads_as_the_counts_of_a_round() -> None:
    """Of a small round counts say more than a quantile."""
    rules = (*table("latency_p95", 2.0), *table("error_rate", 0.05))
    latency, errors = signals_of(rules).exits
    few = Measurement(value=0.5, k=1, n=30)
    assert describe(latency, few, ok=True) == "latency_p95: 1 of 30 above 1.59 s"
    assert describe(errors, few, ok=True) == "error_rate: 1 of 30 failed"


def test_spending_that_was_kept_reads_as_an_amount() -> None:
    """Within the exit bound it was projected against."""
    (cost,) = signals_of(table("token_cost_per_hour", 50.0)).exits
    found = describe(cost, Measurement(value=36.0, n=30), ok=True, lasting=False)
    assert found == "token_cost_per_hour $36.00/h within $40.00/h"


def test_seconds_become_at_least_one_tick() -> None:
    """A window of a tick, on any tick."""
    found = signals_of((), tick_s=10.0)
    assert (found.ticks(1.0), found.ticks(25.0), found.ticks(60.0)) == (1, 2, 6)


def test_every_mode_has_its_own_evidence() -> None:
    """A failure in soft is none of normal's."""
    found = signals_of(table("error_rate", 0.05), tick(0, served(Mode.SOFT, overloaded=20)))
    verdicts = [found.judge(found.entry[0], mode, -1, z=1.64, min_samples=20) for mode in MODES]
    assert verdicts == [None, True, None, None]
