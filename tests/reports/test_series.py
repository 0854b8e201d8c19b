"""Journals summed into windows."""

from __future__ import annotations

import math

import pytest

from balancer.core.histogram import Histogram
from balancer.core.modes import Mode
from balancer.core.observations import (
    NO_FAILURES,
    Alert,
    ModeObservations,
    ModeRequests,
    Observations,
)
from reports.run.series import (
    MOST_POINTS,
    ModeSpan,
    Series,
    mode_spans,
    series_of,
    window_length_s,
)

from .samples import decision, sample_ticks


def served(tick: int, times_s: list[float], *, failed: int = 0, nano_usd: int = 0) -> Observations:
    """A tick whose attempts took these times; `failed` more failed at once."""
    count = len(times_s) + failed
    entry = ModeObservations(
        mode=Mode.NORMAL,
        model="m",
        started=count,
        finished=count,
        failures=(failed, *NO_FAILURES[1:]),
        latency=Histogram.of(times_s),
        nano_usd=nano_usd,
    )
    return Observations(tick=tick, served=(entry,), offered=(0, count + 1, 0), shed=(0, 1, 0))


def test_an_empty_journal_gives_windows_without_values() -> None:
    """No tick at all: nobody knows what happened, and the mode stays normal."""
    series = series_of([], tick_s=1.0, duration_s=60.0)
    assert all(map(math.isnan, series.latency_p95_s + series.error_rate + series.offered_per_s))
    assert series.modes == (ModeSpan(from_s=0.0, to_s=60.0, mode=Mode.NORMAL),)


def test_a_window_s_percentile_is_of_all_its_samples() -> None:
    """P95 of a window comes from the merged histogram: not the mean of the ticks' own P95."""
    ticks = [
        (served(0, [1.0] * 95), decision(0)),
        (served(1, [8.0] * 5), decision(1)),
    ]
    series = series_of(ticks, tick_s=1.0, duration_s=2.0, most_points=1)
    assert series.window_s == 2.0
    assert series.latency_p95_s[0] == pytest.approx(1.0, rel=0.01)


def test_rates_are_per_second_of_the_window() -> None:
    """Counts are divided by the window's length, cost is scaled to an hour."""
    ticks = [(served(k, [1.0] * 3, failed=1, nano_usd=10**9), decision(k)) for k in range(4)]
    series = series_of(ticks, tick_s=1.0, duration_s=4.0, most_points=2)
    assert series.answered_per_s == (3.0, 3.0)
    assert series.offered_per_s == (5.0, 5.0)
    assert series.shed_per_s == (1.0, 1.0)
    assert series.error_rate == (0.25, 0.25)
    assert series.cost_usd_per_hour == (3600.0, 3600.0)


def test_callers_mistakes_are_not_offered_to_be_served() -> None:
    """So the band of what was offered is met where nobody else goes without."""
    mistaken = ModeRequests(Mode.NORMAL, begun=4, unjudged=(0, 3, 0))
    ticks = [(served(0, [1.0] * 3)._replace(requests=(mistaken,)), decision(0))]
    series = series_of(ticks, tick_s=1.0, duration_s=1.0, most_points=1)
    assert series.offered_per_s == (1.0,)


def test_a_short_last_window_is_divided_by_its_own_length() -> None:
    """A horizon inside a window does not make the last rate drop."""
    ticks = [(served(k, [1.0] * 3), decision(k)) for k in range(5)]
    series = series_of(ticks, tick_s=1.0, duration_s=5.0, most_points=3)
    assert series.answered_per_s == (3.0, 3.0, 3.0)
    assert series.time_s == (1.0, 3.0, 4.5)


def busy(tick: int) -> Observations:
    """A tick with three answers, at whose end a call is under way."""
    seen = served(tick, [1.0] * 3, nano_usd=10**9)
    entry = seen.served[0]._replace(ages=Histogram.of([0.5]))
    return seen._replace(served=(entry,))


def lossy(*seen: Observations, duration_s: float, most_points: int = 240) -> Series:
    """A series of these and empty ticks between them, from second 2 on under a loss."""
    at = {each.tick: each for each in seen}
    every = [at.get(k, Observations(k)) for k in range(int(duration_s))]
    return series_of(
        [(each, decision(each.tick)) for each in every],
        tick_s=1.0,
        duration_s=duration_s,
        losses=[(2.0, duration_s)],
        most_points=most_points,
    )


def test_what_was_lost_has_no_value() -> None:
    """No traffic and no cost would be a claim; a tick is lost as it ends, one second after 1."""
    series = lossy(busy(0), duration_s=4.0)
    for values in (
        series.offered_per_s, series.answered_per_s, series.shed_per_s, series.cost_usd_per_hour,
        series.error_rate, series.latency_p50_s, series.latency_p95_s,
    ):  # fmt: skip
        assert [math.isnan(value) for value in values] == [False, True, True, True]


def test_rates_are_of_what_was_seen_where_only_some_was_lost() -> None:
    """Lines that sank with the share that arrives would tell of less traffic."""
    series = lossy(busy(0), busy(2), busy(5), duration_s=6.0, most_points=2)
    assert series.answered_per_s == (3.0, 3.0)
    assert series.offered_per_s == (4.0, 4.0)
    assert series.cost_usd_per_hour == (3600.0, 3600.0)


def test_what_may_have_been_idle_or_lost_has_no_rate() -> None:
    """A tick was seen that ended with nothing under way, so the next may have been idle."""
    quiet = served(2, [1.0] * 3)
    series = lossy(busy(0), busy(1), quiet, duration_s=4.0, most_points=1)
    assert math.isnan(series.answered_per_s[0])
    assert math.isnan(series.cost_usd_per_hour[0])
    assert series.latency_p95_s[0] == pytest.approx(1.0, rel=0.01)
    assert series.error_rate == (0.0,)


def test_a_window_of_which_nearly_nothing_was_seen_has_no_value() -> None:
    """One second of twenty would be drawn as if it were all of them."""
    series = lossy(*(busy(k) for k in range(21)), duration_s=40.0, most_points=2)
    assert series.answered_per_s[0] == 3.0
    assert math.isnan(series.answered_per_s[1])
    assert math.isnan(series.latency_p95_s[1])


def test_a_lost_tick_that_brings_an_alert_is_lost_all_the_same() -> None:
    """Messages come another way."""
    alert = Observations(3, alerts=(Alert(key="a", at_tick=3, mode=Mode.SOFT),))
    assert math.isnan(lossy(alert, duration_s=4.0).offered_per_s[3])


def test_an_empty_tick_is_calm_where_nothing_is_lost() -> None:
    """Nobody came."""
    ticks = [(Observations(k), decision(k)) for k in range(4)]
    series = series_of(ticks, tick_s=1.0, duration_s=4.0, losses=[(60.0, 90.0)])
    assert series.offered_per_s == (0.0,) * 4


def test_what_had_not_come_in_when_the_run_ended_has_no_value() -> None:
    """Telemetry so late that the run ends before it; a window is over what came of it."""
    ticks = [(served(k, [1.0] * 3), decision(k)) for k in range(3)]
    series = series_of(ticks, tick_s=1.0, duration_s=6.0, most_points=3)
    assert series.answered_per_s == pytest.approx((3.0, 3.0, math.nan), nan_ok=True)


def test_what_drains_after_the_horizon_is_left_out() -> None:
    """Ticks after the last arrival belong to no rate."""
    ticks = [(served(k, [1.0]), decision(k)) for k in range(8)]
    series = series_of(ticks, tick_s=1.0, duration_s=4.0)
    assert sum(series.answered_per_s) * series.window_s == 4.0


def test_a_decision_holds_from_the_next_tick_on() -> None:
    """Decision k governs tick k+1, so the band turns at its start."""
    ticks = [
        (Observations(tick=k), decision(k, Mode.SOFT if 3 <= k < 6 else Mode.NORMAL))
        for k in range(10)
    ]
    series = series_of(ticks, tick_s=1.0, duration_s=10.0)
    assert series.modes == (
        ModeSpan(from_s=0.0, to_s=4.0, mode=Mode.NORMAL),
        ModeSpan(from_s=4.0, to_s=7.0, mode=Mode.SOFT),
        ModeSpan(from_s=7.0, to_s=10.0, mode=Mode.NORMAL),
    )


@pytest.mark.parametrize("tried", [Mode.SOFT, Mode.EMERGENCY])
def test_a_mix_that_reaches_into_another_mode_is_a_probe(tried: Mode) -> None:
    """The band shows when the law tries a mode, milder or worse, and which."""
    ticks = [
        (Observations(tick=k), decision(k, Mode.HARD, probing=tried if k == 2 else None))
        for k in range(5)
    ]
    series = series_of(ticks, tick_s=1.0, duration_s=5.0)
    assert series.probes == (ModeSpan(from_s=3.0, to_s=4.0, mode=tried),)


@pytest.mark.parametrize(
    ("duration_s", "tick_s", "window_s"),
    [(60.0, 1.0, 1.0), (3600.0, 1.0, 15.0), (86_400.0, 1.0, 360.0), (3600.0, 0.7, 15.4)],
)
def test_windows_are_round_and_few(duration_s: float, tick_s: float, window_s: float) -> None:
    """A window is a round length and a whole number of ticks, whatever the run's length."""
    found_s = window_length_s(duration_s, tick_s)
    assert found_s == pytest.approx(window_s)
    assert duration_s / found_s <= MOST_POINTS


def test_both_arms_of_a_run_share_their_windows() -> None:
    """With and without can be drawn over each other."""
    with_, without = (
        series_of(sample_ticks(controlled=arm, duration_s=900), tick_s=1.0, duration_s=900.0)
        for arm in (True, False)
    )
    assert with_.time_s == without.time_s


def test_modes_are_drawn_from_when_they_governed_requests() -> None:
    """Not from the tick they were decided on; a change after the horizon is not drawn."""
    changes = [(10.0, Mode.SOFT), (30.0, Mode.NORMAL), (70.0, Mode.HARD)]
    assert mode_spans(changes, 60.0) == (
        ModeSpan(from_s=0.0, to_s=10.0, mode=Mode.NORMAL),
        ModeSpan(from_s=10.0, to_s=30.0, mode=Mode.SOFT),
        ModeSpan(from_s=30.0, to_s=60.0, mode=Mode.NORMAL),
    )
