"""Requests as the kernel counts them: each once, with all of its attempts, by mode."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.core.histogram import EMPTY, Histogram, merge
from balancer.core.modes import MODES, Mode
from balancer.core.observations import ModeRequests, Observations, merge_ticks
from balancer.core.policy import BudgetLimit, Strategy
from scenarios.schema import UpstreamFault
from sim.plant.fault_rows import OFF
from sim.plant.plant import Plant

from .worlds import LITE, decision, plant, policy, requests, scenario

NORMAL = Mode.NORMAL
FAILS = UpstreamFault.model_validate({"kind": "error", "at": 0, "for": 1})
HANGS = UpstreamFault.model_validate({"kind": "hang", "at": 0, "for": 1})
DAY = UpstreamFault.model_validate(
    {"kind": "error", "error": "quota_day", "model": "gemini-2.5-flash", "at": 0, "for": 1}
)


def _ticks(run: Plant, number: int, replica: int = 0) -> list[Observations]:
    found = []
    for tick in range(number):
        run.advance(tick + 1.0)
        found.append(run.observe(tick, replica))
    return found


def _of_normal(seen: Observations) -> ModeRequests:
    (found,) = seen.requests or (ModeRequests(NORMAL),)
    assert found.mode is NORMAL
    return found


def test_a_request_that_a_fallback_answers_is_one_request() -> None:
    """Begun once, answered once, by the time from its first attempt."""
    run = plant(requests(0.25), under=policy(Strategy(fallback_models=(LITE,))))
    run.set_fault(0, DAY)
    seen = merge_ticks(_ticks(run, 3))
    assert sum(row.started for row in seen.served) == 2
    assert _of_normal(seen) == ModeRequests(NORMAL, 1, merge(row.latency for row in seen.served))


def test_a_request_in_backoff_is_under_way_and_fails_once() -> None:
    """Its age goes on while no call is in flight."""
    run = plant(requests(0.0), scenario(clients={"retries": 1}))
    run.set_fault(0, FAILS)
    run.advance(0.9)
    first = run.observe(0)
    assert not first.in_flight
    assert _of_normal(first) == ModeRequests(NORMAL, 1, ages=Histogram.of([0.9]))
    run.advance(10.0)
    last = _of_normal(run.observe(1))
    assert (last.begun, last.answered, last.failed.total, last.ages) == (0, EMPTY, 1, EMPTY)
    assert 1.0 < last.failed.quantile(0.5) < 2.0
    assert run.totals().attempts == 2


def test_who_waits_for_a_place_has_not_begun() -> None:
    """It begins with its first attempt, and its age counts from there."""
    of = scenario(clients={"concurrency": 1, "patience": 1.2})
    run = plant(requests(0.0, 0.1), of)
    run.set_fault(0, HANGS)
    run.advance(1.0)
    seen = run.observe(0)
    assert (seen.waiting, _of_normal(seen).begun) == (1, 1)
    run.drain()
    ended = _of_normal(run.observe(1))
    assert (ended.begun, ended.failed) == (1, Histogram.of([1.2, 1.3 - 1.2]))


def test_who_waits_for_a_place_again_is_under_way_and_may_fail_there() -> None:
    """After a backoff, behind a call that hangs; its age counts from its first attempt."""
    of = scenario(clients={"concurrency": 1, "patience": 4.0, "retries": 1})
    run = plant(requests(0.0, 0.5), of)
    run.set_fault(0, FAILS)
    run.advance(0.4)
    run.set_fault(0, HANGS)
    run.advance(3.0)
    seen = run.observe(0)
    assert (seen.waiting, seen.in_flight) == (1, 1)
    assert _of_normal(seen).ages == Histogram.of([3.0, 2.5])
    run.drain()
    assert _of_normal(run.observe(1)).failed == Histogram.of([4.0, 4.0])


def test_a_request_whose_next_attempt_the_budget_refuses_has_failed() -> None:
    """It had begun; whom the budget refuses at once had not."""
    limit = BudgetLimit(usd=0.003, window_s=600.0)
    under = policy(Strategy(thinking=0, output_cap_tokens=400, timeout_s=1.0), budgets=(limit,))
    run = plant(requests(*np.arange(0.0, 5.0, 0.5)), scenario(clients={"retries": 3}), under)
    run.set_fault(0, HANGS)
    run.drain()
    seen = _of_normal(run.observe(0))
    totals = run.totals()
    assert totals.refused > 0
    assert seen.begun == seen.failed.total == totals.failed == totals.admitted
    assert totals.attempts < 4 * seen.begun


def test_a_user_who_asks_again_makes_a_new_request() -> None:
    """Counted from its own first attempt."""
    of = scenario(clients={"reasks": {"share": 0.999, "after": "10s"}})
    run = plant(requests(0.0), of)
    run.set_fault(0, FAILS)
    run.advance(3.0)
    assert _of_normal(run.observe(0)).failed.total == 1
    run.set_fault(0, FAILS, OFF)
    run.advance(30.0)
    seen = _of_normal(run.observe(1))
    assert (seen.begun, seen.answered) == (1, Histogram.of([1.5]))


def test_a_request_counts_in_the_mode_it_was_begun_in() -> None:
    """Though its retry comes in another one."""
    under = policy(hard=Strategy(model=LITE))
    run = plant(requests(0.5, 1.5), scenario(clients={"retries": 1}), under)
    run.set_fault(0, FAILS)
    run.advance(1.0)
    run.apply(decision(under, Mode.HARD))
    run.set_fault(0, FAILS, OFF)
    seen = merge_ticks(_ticks(run, 10))
    assert [(row.mode, row.begun, row.answered.total) for row in seen.requests] == [
        (NORMAL, 1, 1),
        (Mode.HARD, 1, 1),
    ]


def test_each_replica_counts_its_own_requests() -> None:
    """Those between two attempts too."""
    of = scenario(clients={"retries": 1}, replicas=2)
    run = plant(requests(0.0, 0.1, 0.2, replica=[0, 1, 1]), of)
    run.set_fault(0, FAILS)
    run.advance(0.9)
    one, other = (_of_normal(run.observe(0, replica)) for replica in range(2))
    assert (one.begun, one.ages) == (1, Histogram.of([0.9]))
    assert (other.begun, other.ages) == (2, Histogram.of([0.8, 0.7]))


@given(
    fault=st.sampled_from([{"kind": "error"}, {"kind": "hang"}, {"kind": "latency", "factor": 3}]),
    share=st.sampled_from([0.01, 0.3, 1.0]),
    concurrency=st.sampled_from([2, 10, 1000]),
    patience=st.sampled_from([3.0, 20.0]),
    retries=st.integers(0, 2),
    asks=st.sampled_from([0.0, 0.5]),
    limits=st.sampled_from([(), (BudgetLimit(usd=0.02, window_s=30.0),)]),
    replicas=st.integers(1, 2),
)
@settings(max_examples=30, deadline=None)
def test_whoever_has_begun_is_answered_or_has_failed_or_is_under_way(
    fault: dict[str, object],
    share: float,
    concurrency: int,
    patience: float,
    retries: int,
    asks: float,
    limits: tuple[BudgetLimit, ...],
    replicas: int,
) -> None:
    """At the end of every tick, in every mode, of every replica; and all ends are counted."""
    of = scenario(
        clients={
            "retries": retries,
            "concurrency": concurrency,
            "patience": patience,
            "timeout": 4.0,
            "reasks": {"share": asks, "after": "5s"},
        },
        replicas=replicas,
    )
    normal = Strategy(fallback_models=(LITE,), thinking=0, output_cap_tokens=400)
    under = policy(normal, hard=Strategy(model=LITE), budgets=limits)
    times = np.arange(0.0, 40.0, 0.25)
    run = plant(requests(*times, replica=np.arange(len(times)) % replicas), of, under)
    run.set_fault(0, UpstreamFault.model_validate({**fault, "at": 0, "for": 1, "share": share}))
    begun: Counter[tuple[int, Mode]] = Counter()
    ended: Counter[tuple[int, Mode]] = Counter()
    answered = 0
    for tick in range(80):
        run.advance(tick + 1.0)
        for replica in range(replicas):
            under_way = dict.fromkeys(MODES, 0)
            for row in run.observe(tick, replica).requests:
                begun[replica, row.mode] += row.begun
                ended[replica, row.mode] += row.answered.total + row.failed.total
                answered += row.answered.total
                under_way[row.mode] = row.ages.total
            for mode in MODES:
                assert begun[replica, mode] == ended[replica, mode] + under_way[mode]
            if tick % 10 == 0:
                run.apply(decision(under, MODES[tick // 10 % 4]), replica)
    run.drain()
    assert run.empty
    assert answered == run.totals().answered
    assert sum(ended.values()) <= run.totals().answered + run.totals().failed
