"""Stretches: what normal's calls met, and which stretches are ordinary."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from balancer.core.histogram import Histogram
from balancer.core.modes import Mode
from balancer.core.observations import ModeRequests, Observations
from balancer.core.policy import Policy, Strategy
from balancer.core.stretches import CALLS, Stretch, Stretches, ordinary, total

from .builders import STRATEGIES, make_policy, served, tick
from .steady import steady

CALM = Stretch(
    ticks=300,
    offered=300,
    started=300,
    answered=300,
    prompt_tokens=30_000,
    nano_usd=300_000_000,
    tokens_squared=300 * 100**2,
    nano_squared=300 * 1_000_000**2,
    latency=Histogram.of([1.0] * 290 + [3.0] * 10),
    ttft=Histogram.of([0.5] * 290 + [1.0] * 10),
    losses=Histogram.of([9.0]),
)


def cut(ticks: Iterable[Observations], policy: Policy | None = None) -> list[Stretch]:
    """The whole stretches of some ticks."""
    stretches = Stretches(policy or make_policy())
    for observations in ticks:
        stretches.observe(observations)
    return stretches.closed


def test_a_stretch_is_five_minutes_where_calls_are_many() -> None:
    """And holds all of them."""
    found = cut(tick(index, served(latencies=[1.0, 2.0])) for index in range(650))
    assert [(each.ticks, each.answered) for each in found] == [(300, 600), (300, 600)]
    assert found[0].latency == Histogram.of([1.0] * 300 + [2.0] * 300)


def test_a_stretch_waits_for_its_calls_where_they_are_few() -> None:
    """One call in a minute: an hour, silence included."""
    found = cut(
        tick(index, served(latencies=[1.0])) if index % 60 == 59 else Observations(index)
        for index in range(2 * 3600)
    )
    assert [(each.ticks, each.finished) for each in found] == [(3600, CALLS), (3600, CALLS)]


def test_a_stretch_may_be_long_and_busy() -> None:
    """A call that takes twelve ticks, and the next one: in each of them something is in flight."""
    flying = served(ages=[1.0], started=0)
    found = cut(
        tick(index, served(latencies=[12.0]) if index % 12 == 11 else flying)
        for index in range(800)
    )
    assert [(each.ticks, each.answered, each.answers.total) for each in found] == [(720, 60, 60)]


def test_ticks_may_be_longer() -> None:
    """A stretch is as long in seconds."""
    found = cut((tick(i, served(latencies=[1.0])) for i in range(60)), make_policy(tick_s=5.0))
    assert [each.ticks for each in found] == [60]


def test_normal_is_looked_at_and_demand_is_of_all_modes() -> None:
    """What soft answers is no evidence of normal, but was started."""
    both = [served(latencies=[1.0]), served(Mode.SOFT, latencies=[9.0], nano_usd=5)]
    (found,) = cut(tick(index, *both) for index in range(300))
    assert (found.started, found.offered, found.answered, found.nano_usd) == (600, 600, 300, 0)
    assert found.latency == Histogram.of([1.0] * 300)


def test_spending_is_of_all_that_was_started() -> None:
    """Normal's mean times everybody: a dollar a call, two calls a tick, half of them in soft."""
    both = [
        served(latencies=[1.0], nano_usd=10**9, tokens=7),
        served(Mode.SOFT, latencies=[1.0]),
    ]
    (found,) = cut(tick(index, *both) for index in range(300))
    assert found.per_tick(found.nano_usd) == 2e9
    assert found.per_tick(found.tokens) == 14.0
    assert found.nano_squared == 300 * 10**18
    assert found.deviation(found.nano_squared) == pytest.approx(2e9 / 300**0.5)
    assert Stretch(ticks=5).per_tick(3) == 0.0


def test_requests_are_counted_beside_calls() -> None:
    """One answered by its second call, one lost in a tick without any; another mode's are not."""
    felt = ModeRequests(Mode.NORMAL, begun=1, answered=Histogram.of([3.0]))
    soft = ModeRequests(Mode.SOFT, begun=1, answered=Histogram.of([9.0]))
    lost = ModeRequests(Mode.NORMAL, failed=Histogram.of([7.0]))
    call = served(latencies=[1.0], overloaded=1)
    ticks = [
        Observations(index, requests=(lost,))
        if index % 2
        else tick(index, call, requests=(felt, soft))
        for index in range(300)
    ]
    (found,) = cut(ticks)
    assert (found.answered, found.failed) == (150, 150)
    assert found.latency == Histogram.of([1.0] * 150)
    assert found.answers == Histogram.of([3.0] * 150)
    assert found.losses == Histogram.of([7.0] * 150)


def test_nothing_depends_on_when_ticks_are_added_up() -> None:
    """A stretch taken apart for its state in every tick is the same stretch."""
    ticks = list(steady(1.5, 0.2, failing=0.1))
    kept = Stretches(make_policy())
    for observations in ticks:
        kept.observe(observations)
        state = json.loads(json.dumps(kept.state()))
        kept = Stretches(make_policy())
        kept.restore(state)
    assert kept.closed == cut(ticks)
    assert len(kept.closed) == 2


def test_what_was_seen_of_another_normal_mode_is_forgotten() -> None:
    """It would say nothing of this one."""
    kept = Stretches(make_policy())
    for index in range(300):
        kept.observe(tick(index, served(latencies=[1.0])))
    other = Stretches(make_policy(strategies=(Strategy(model="small"), *STRATEGIES[1:])))
    other.restore(kept.state())
    assert (len(kept.closed), other.closed) == (1, [])


def test_only_the_newest_are_kept() -> None:
    """As many as are asked for."""
    kept = Stretches(make_policy(), most=2)
    for index in range(1000):
        kept.observe(tick(index, served(latencies=[float(1 + index // 300)])))
    assert [each.latency for each in kept.closed] == [
        Histogram.of([2.0] * 300),
        Histogram.of([3.0] * 300),
    ]


def test_stretches_add_up() -> None:
    """Counts and histograms."""
    both = total([CALM, CALM])
    assert (both.ticks, both.answered) == (600, 600)
    assert both.latency == CALM.latency + CALM.latency
    assert both.losses == CALM.losses + CALM.losses


@pytest.mark.parametrize(
    "odd",
    [
        CALM._replace(latency=Histogram.of([1.0] * 260 + [8.0] * 40)),
        CALM._replace(ttft=Histogram.of([0.5] * 260 + [3.0] * 40)),
        CALM._replace(answered=280, failed=20),
        CALM._replace(nano_usd=800_000_000),
        CALM._replace(prompt_tokens=80_000),
    ],
    ids=["slow", "slow to begin", "failing", "dear", "long"],
)
def test_what_is_unlike_the_median_is_out_of_the_ordinary(odd: Stretch) -> None:
    """As long as it is less than half."""
    assert ordinary([CALM, odd, CALM]) == [CALM, CALM]
    assert ordinary([odd, odd, CALM])[:2] == [odd, odd]


@pytest.mark.parametrize(
    "alike",
    [
        CALM._replace(latency=Histogram.of([1.0] * 280 + [8.0] * 20)),
        CALM._replace(answered=295, failed=5),
        CALM._replace(nano_usd=590_000_000),
    ],
    ids=["few slow", "few failing", "less than twice as dear"],
)
def test_what_chance_may_do_is_ordinary(alike: Stretch) -> None:
    """Three standard deviations are needed."""
    assert ordinary([CALM, alike, CALM]) == [CALM, alike, CALM]


def test_where_there_is_nothing_all_of_it_is_ordinary() -> None:
    """No stretches, or none with a latency."""
    silent = Stretch(ticks=300, failed=100, started=100)
    assert ordinary([]) == []
    assert ordinary([silent, silent]) == [silent, silent]


def test_what_says_nothing_of_the_upstream_makes_no_stretch() -> None:
    """Only what it cost is counted."""
    entry = served(latencies=[1.0], overloaded=1, rejected=3, nano_usd=5)
    (found, *_) = cut(tick(index, entry, offered=(0, 5, 0)) for index in range(350))
    assert (found.offered, found.started, found.answered, found.failed) == (600, 600, 300, 300)
    assert (found.losses.total, found.nano_usd) == (300, 1500)
