"""Observations: what replicas and ticks add up to."""

from __future__ import annotations

import pytest

from balancer.core.errors import MisuseError
from balancer.core.histogram import EMPTY, Histogram
from balancer.core.modes import Mode
from balancer.core.observations import (
    FAILURES,
    Alert,
    ModeObservations,
    ModeRequests,
    Observations,
    Override,
    merge_replicas,
    merge_ticks,
)
from tests.core.builders import failures, served, tick


def test_failed_adds_all_kinds() -> None:
    """Empty answers are failures like any other."""
    entry = ModeObservations(Mode.SOFT, "small", failures=failures(overloaded=3, empty=2))
    assert entry.failed == 5
    assert len(entry.failures) == len(FAILURES)


def test_what_is_nobodys_illness_is_left_out_of_it() -> None:
    """Mistakes of callers, ours and the owner's are failures, and say nothing of the upstream."""
    kinds = failures(overloaded=3, malformed=1, rejected=5, edited=2, closed=1)
    entry = ModeObservations(Mode.SOFT, "small", finished=20, failures=kinds)
    assert (entry.failed, entry.ill, entry.judged) == (12, 4, 12)


def test_what_flex_does_to_those_who_ask_for_it_is_no_illness() -> None:
    """Flex may be full, and may be late: it says so in advance."""
    entry = ModeObservations(
        Mode.NORMAL, "big", finished=9, failures=failures(overloaded=1, flex_full=5)
    )
    assert (entry.failed, entry.ill, entry.judged) == (6, 1, 4)


def test_what_was_served_by_something_else_adds_up() -> None:
    """Over replicas and over ticks, by mode and model, and it is no failure."""
    here = served(latencies=[1.0] * 3)._replace(rerouted=2, downgraded=1)
    there = served(latencies=[1.0] * 4)._replace(rerouted=1, downgraded=3)
    for merged in (
        merge_replicas([tick(7, here), tick(7, there)]),
        merge_ticks([tick(7, here), tick(8, there)]),
    ):
        (entry,) = merged.served
        assert (entry.finished, entry.rerouted, entry.downgraded, entry.failed) == (7, 3, 4, 0)


def test_in_flight_counts_the_ages_of_all_modes() -> None:
    """A gauge of the whole application, derived and not a second truth."""
    both = tick(0, served(ages=[1.0, 2.0]), served(Mode.SOFT, ages=[0.5]))
    assert both.in_flight == 3


def test_replicas_add_counts_by_mode_and_model() -> None:
    """Two replicas of normal and one of soft are two entries, in order of mode."""
    merged = merge_replicas(
        [
            tick(7, served(Mode.SOFT, latencies=[1.0])),
            tick(7, served(latencies=[1.0, 2.0], overloaded=1, nano_usd=10)),
            tick(7, served(latencies=[4.0], nano_usd=5)),
        ]
    )
    normal, soft = merged.served
    assert (normal.started, normal.finished, normal.failed, normal.nano_usd) == (4, 4, 1, 15)
    assert normal.latency == Histogram.of([1.0, 2.0, 4.0])
    assert (soft.mode, soft.finished) == (Mode.SOFT, 1)
    assert merged.offered == (0, 5, 0)
    assert merged.tick == 7


def test_replicas_add_gauges_and_take_the_worst_memory() -> None:
    """A queue is split over replicas; memory is not, and the fullest one fails first."""
    merged = merge_replicas(
        [
            Observations(3, waiting=4, reserved_nano_usd=10, memory_ppm=200_000),
            Observations(3, waiting=5, reserved_nano_usd=20, memory_ppm=900_000),
        ]
    )
    assert (merged.waiting, merged.reserved_nano_usd, merged.memory_ppm) == (9, 30, 900_000)


def test_replicas_add_the_ages_of_their_calls() -> None:
    """Each replica sees its own calls in flight."""
    merged = merge_replicas([tick(0, served(ages=[1.0])), tick(0, served(ages=[2.0]))])
    assert merged.served[0].ages == Histogram.of([1.0, 2.0])


def test_replicas_add_the_requests_of_each_mode() -> None:
    """Those in flight too: each replica sees its own."""
    normal = ModeRequests(Mode.NORMAL, 3, answered=Histogram.of([1.0]), ages=Histogram.of([0.5]))
    other = ModeRequests(Mode.NORMAL, 2, failed=Histogram.of([3.0]), ages=Histogram.of([0.5, 9.0]))
    soft = ModeRequests(Mode.SOFT, 1, ages=Histogram.of([0.1]))
    merged = merge_replicas(
        [
            Observations(7, requests=(soft,)),
            *(Observations(7, requests=(e,)) for e in (normal, other)),
        ]
    )
    assert merged.requests == (
        ModeRequests(
            Mode.NORMAL,
            5,
            Histogram.of([1.0]),
            Histogram.of([3.0]),
            Histogram.of([0.5, 0.5, 9.0]),
        ),
        soft,
    )


def test_ticks_add_requests_and_keep_the_last_ages() -> None:
    """Of a mode that is silent in the last tick none are in flight."""
    first = ModeRequests(Mode.NORMAL, 2, answered=Histogram.of([1.0]), ages=Histogram.of([0.5]))
    last = ModeRequests(Mode.NORMAL, 1, failed=Histogram.of([2.0]), ages=Histogram.of([0.2]))
    soft = ModeRequests(Mode.SOFT, 1, ages=Histogram.of([0.1]))
    merged = merge_ticks(
        [Observations(1, requests=(first, soft)), Observations(2, requests=(last,))]
    )
    assert merged.requests == (
        ModeRequests(Mode.NORMAL, 3, Histogram.of([1.0]), Histogram.of([2.0]), Histogram.of([0.2])),
        ModeRequests(Mode.SOFT, 1),
    )


def test_the_same_message_to_two_replicas_is_one() -> None:
    """A monitor that calls every replica does not raise the alert twice."""
    alert, order = Alert("a", 1, Mode.SOFT), Override(1, 9, Mode.HARD, "drill")
    part = Observations(1, alerts=(alert,), overrides=(order,))
    merged = merge_replicas([part, part])
    assert (merged.alerts, merged.overrides) == ((alert,), (order,))


@pytest.mark.parametrize("ticks", [[], [1, 2]])
def test_replicas_of_different_ticks_do_not_merge(ticks: list[int]) -> None:
    """Nor do none at all."""
    with pytest.raises(MisuseError, match=r"replicas merge within one tick; got ticks \["):
        merge_replicas([Observations(index) for index in ticks])


def test_ticks_add_counts_and_keep_the_last_gauges() -> None:
    """What waits at the end is what waits."""
    merged = merge_ticks(
        [
            tick(1, served(latencies=[1.0], ages=[5.0]), waiting=9, memory_ppm=5),
            tick(3, served(latencies=[2.0], ages=[7.0]), waiting=1, memory_ppm=2),
        ]
    )
    assert (merged.tick, merged.waiting, merged.memory_ppm) == (3, 1, 2)
    assert merged.served[0].finished == 2
    assert merged.served[0].ages == Histogram.of([7.0])


def test_ages_of_a_mode_that_has_none_left_in_the_last_tick_are_gone() -> None:
    """An old tick's calls in flight have ended since."""
    merged = merge_ticks([tick(1, served(ages=[5.0])), tick(2, served(Mode.SOFT, latencies=[1.0]))])
    assert merged.served[0].ages == EMPTY


@pytest.mark.parametrize("ticks", [[], [2, 2], [2, 1]])
def test_ticks_merge_in_growing_order_only(ticks: list[int]) -> None:
    """Otherwise there is no last gauge."""
    with pytest.raises(MisuseError, match=r"ticks merge in growing order; got \["):
        merge_ticks([Observations(index) for index in ticks])


def test_demand_is_what_the_upstream_is_to_serve() -> None:
    """The requests of all modes that ended by another's fault are taken from those offered."""
    felt = (
        ModeRequests(Mode.NORMAL, begun=4, unjudged=(0, 2, 1)),
        ModeRequests(Mode.SOFT, begun=1, unjudged=(1, 0, 0)),
    )
    seen = Observations(0, offered=(0, 5, 1), requests=felt)
    assert (seen.unjudged, seen.demand) == ((1, 2, 1), (-1, 3, 0))
    assert merge_replicas([seen, seen]).unjudged == (2, 4, 2)


def test_what_late_tickers_closed_together_is_counted_in_ticks() -> None:
    """Of one replica the ticks add; of several, all lies within what the latest one closed."""
    late, on_time = Observations(9, ticks=4), Observations(9)
    assert merge_ticks([Observations(5), late]).ticks == 5
    assert merge_replicas([on_time, late]).ticks == 4
