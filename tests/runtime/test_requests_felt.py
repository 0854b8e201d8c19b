"""Requests as a live balancer counts them: each once, with all of its attempts, by mode."""

from __future__ import annotations

import gc
import itertools
import sys
import threading
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.core.histogram import Histogram
from balancer.core.modes import MODES, Mode, Priority
from balancer.core.observations import (
    FAILURES,
    ILLNESSES,
    ModeRequests,
    Observations,
    merge_ticks,
)
from balancer.core.policy import BudgetLimit
from balancer.policy_file import default_policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.calls import Asked, Outcome
from balancer.runtime.clock import ManualClock
from balancer.runtime.recorder import LONGEST_CALL_S
from balancer.runtime.requests import Request

from .bench import ANSWER, Bench
from .test_requests import OVERLOADED, fail, policy_with, started

NORMAL = Mode.NORMAL
OTHERS = FAILURES[ILLNESSES:]


def of_normal(seen: Observations) -> ModeRequests:
    """What the users of normal felt; nothing if it is not spoken of."""
    (found,) = seen.requests or (ModeRequests(NORMAL),)
    assert found.mode is NORMAL
    return found


def test_a_plain_call_is_a_request_by_itself() -> None:
    """Answered, failed, or under way."""
    bench = Bench()
    begin, finish = bench.balancer.begin, bench.balancer.finish
    calls = [begin() for _ in range(4)]
    bench.clock.advance(0.5)
    finish(calls[0])
    finish(calls[1], "malformed")
    half = Histogram.of([0.5])
    assert of_normal(bench.seen()) == ModeRequests(NORMAL, 4, half, half, Histogram.of([1.5] * 2))


def test_a_request_is_one_however_many_attempts_it_takes() -> None:
    """Two models fail, and after the backoff the first one answers."""
    bench = Bench()
    request = bench.balancer.request()
    bench.clock.advance(0.25)
    assert fail(request) == 0.0
    assert fail(request) == 1.5
    assert of_normal(bench.seen()) == ModeRequests(NORMAL, 1, ages=Histogram.of([1.0]))
    bench.clock.advance(0.5)
    attempt = started(request)
    bench.clock.advance(0.25)
    attempt.finish(ANSWER)
    seen = of_normal(bench.seen())
    assert seen == ModeRequests(NORMAL, answered=Histogram.of([1.75]))


def test_a_request_fails_when_its_last_attempt_does() -> None:
    """Whenever its caller asks whether there is another one."""
    bench = Bench(policy_with(fallback_models=(), retries=0))
    request = bench.balancer.request()
    attempt = started(request)
    bench.clock.advance(0.5)
    attempt.finish(OVERLOADED)
    bench.clock.advance(0.25)
    assert request.next_delay_s() is None
    assert of_normal(bench.seen()) == ModeRequests(NORMAL, 1, failed=Histogram.of([0.5]))


def test_a_failed_request_whose_caller_asks_for_no_other_attempt_has_failed() -> None:
    """As in shadow mode, or where a stream broke that was handed out already."""
    bench = Bench()
    with bench.balancer.request() as request:
        started(request).finish(OVERLOADED)
    assert of_normal(bench.seen()).failed.total == 1


@pytest.mark.parametrize("when", ["in flight", "in backoff", "between models", "waiting again"])
def test_a_request_that_its_caller_cancels_is_nobodys(when: str) -> None:
    """Neither answered nor failed, and no longer under way."""
    bench = Bench()
    request = bench.balancer.request()
    if when == "in flight":
        started(request)
    else:
        fail(request)
    if when in ("in backoff", "waiting again"):
        fail(request)
    if when == "waiting again":
        assert request.reserve() is not None
    assert of_normal(bench.seen()).ages.total == 1
    request.close()
    request.close()
    assert bench.seen().requests == ()


def test_a_request_that_is_dropped_is_nobodys() -> None:
    """Its caller never says how it ended."""
    bench = Bench()
    request = bench.balancer.request()
    started(request)
    del request
    gc.collect()
    assert of_normal(bench.seen()) == ModeRequests(NORMAL, 1)


def test_a_request_that_is_shed_has_not_begun() -> None:
    """No model was asked."""
    bench = Bench()
    bench.balancer.override(Mode.EMERGENCY, "drill", for_s=10.0)
    bench.seen()
    assert bench.balancer.request(Priority.LOW).shed
    assert bench.seen().requests == ()


def test_a_request_that_waits_for_a_place_has_not_begun() -> None:
    """It begins with its first attempt, or never."""
    bench = Bench()
    attempt = bench.balancer.request().reserve()
    assert attempt is not None
    assert bench.seen().requests == ()
    attempt.begin()
    assert of_normal(bench.seen()) == ModeRequests(NORMAL, 1, ages=Histogram.of([1.0]))
    gives_up = bench.balancer.request()
    gives_up.reserve()
    gives_up.close()
    assert of_normal(bench.seen()).begun == 0


def test_a_request_whose_next_attempt_the_budget_refuses_has_failed() -> None:
    """After its backoff."""
    limit = BudgetLimit(usd=0.01, window_s=3600.0)
    bench = Bench(replace(policy_with(fallback_models=()), budgets=(limit,)))
    request = bench.balancer.request(asked=Asked(prompt_tokens=1000))
    fail(request)
    bench.balancer.ledger.book(10_000_000)
    bench.clock.advance(0.5)
    assert request.start() is None
    assert of_normal(bench.seen()) == ModeRequests(NORMAL, 1, failed=Histogram.of([0.5]))


def test_an_abandoned_attempt_ends_no_request() -> None:
    """Its caller may make another one."""
    bench = Bench()
    request = bench.balancer.request()
    started(request).abandon()
    assert of_normal(bench.seen()).ages.total == 1
    started(request).finish(ANSWER)
    assert of_normal(bench.seen()).answered.total == 1


def test_a_request_that_nobody_ends_is_forgotten() -> None:
    """An hour after it began; what its caller says later is not counted."""
    bench = Bench()
    request = bench.balancer.request()
    fail(request)
    assert of_normal(bench.seen()).ages.total == 1
    bench.clock.advance(LONGEST_CALL_S)
    assert bench.seen().requests == ()
    started(request).finish(ANSWER)
    assert bench.seen().requests == ()


def test_a_fork_has_no_requests_of_its_parents() -> None:
    """They end there."""
    bench = Bench()
    request = bench.balancer.request()
    attempt = started(request)
    bench.balancer._admission.after_fork()
    attempt.finish(ANSWER)
    assert bench.seen().requests == ()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.floats(0, 0.999), st.none()),
        st.tuples(st.just("finish"), st.integers(0, 9), st.sampled_from([None, *FAILURES])),
        st.tuples(st.just("request"), st.sampled_from(list(Priority)), st.none()),
        st.tuples(st.just("start"), st.integers(0, 9), st.none()),
        st.tuples(st.just("attempt"), st.integers(0, 9), st.sampled_from([None, *FAILURES])),
        st.tuples(st.just("ask"), st.integers(0, 9), st.none()),
        st.tuples(st.just("close"), st.integers(0, 9), st.none()),
        st.tuples(st.just("relieve"), st.none(), st.none()),
        st.tuples(st.just("tick"), st.floats(0, 3), st.none()),
        st.tuples(st.just("order"), st.sampled_from(list(Mode)), st.none()),
    ),
    max_size=80,
)


class Account:
    """What must have become of every request, by the plainest rules."""

    def __init__(self) -> None:
        self.begun = dict.fromkeys(MODES, 0)
        self.answered = dict.fromkeys(MODES, 0)
        self.failed = dict.fromkeys(MODES, 0)
        self.cancelled = dict.fromkeys(MODES, 0)
        self.unjudged = dict.fromkeys(MODES, 0)
        self._open: set[int] = set()

    def begin(self, request: Request) -> None:
        """The first attempt counts."""
        if request.attempts == 1 and id(request) not in self._open:
            self._open.add(id(request))
            self.begun[request.plan.mode] += 1

    def end(self, request: Request, how: dict[Mode, int]) -> None:
        """Once, if it has begun."""
        if id(request) in self._open:
            self._open.remove(id(request))
            how[request.plan.mode] += 1


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_whoever_has_begun_is_answered_failed_cancelled_or_under_way(
    steps: list[tuple[str, Any, Any]],
) -> None:
    """At the end of every tick, in every mode, for any interleaving."""
    bench = Bench(default_policy())
    account = Account()
    calls: list[Any] = []
    kept: list[Request] = []
    asked: list[Request] = []
    for step, one, two in [*steps, ("tick", 1.0, None)]:
        if step == "begin":
            call = bench.balancer.begin(u=one)
            if call.admitted:
                calls.append(call)
                account.begun[call.plan.mode] += 1
        elif step == "finish" and calls:
            call = calls.pop(one % len(calls))
            bench.balancer.finish(call, two)
            how = account.unjudged if two in OTHERS else account.failed
            (account.answered if two is None else how)[call.plan.mode] += 1
        elif step == "request":
            kept.append(bench.balancer.request(one))
            asked.append(kept[-1])
        elif step in ("start", "attempt") and kept:
            request = kept[one % len(kept)]
            if request._attempt is None or request._attempt.state == 1:
                continue
            attempt = request.start()
            if attempt is None:
                # It was asked for, and there is none.
                account.end(request, account.failed)
                continue
            account.begin(request)
            if step == "attempt":
                attempt.finish(Outcome(kind=two))
                if two is None:
                    account.end(request, account.answered)
                elif two in OTHERS and (two != "edited" or attempt.as_written):
                    account.end(request, account.unjudged)
        elif step == "ask" and kept:
            request = kept[one % len(kept)]
            if request.last is not None and request.next_delay_s() is None:
                account.end(request, account.failed)
        elif step == "close" and kept:
            request = kept.pop(one % len(kept))
            unasked = request.last is not None and request._delay_s != request._delay_s
            refused = request.last is not None and request.last.kind in OTHERS
            idle = request._attempt is not None and request._attempt.state != 1
            request.close()
            how = account.failed if unasked else account.cancelled
            account.end(request, account.unjudged if refused and idle else how)
        elif step == "relieve":
            bench.balancer._admission.recorder.relieve()
        elif step == "order":
            bench.balancer.override(one, "test", for_s=2.0)
        elif step == "tick":
            bench.clock.advance(one)
            if bench.balancer.tick() is None:
                continue
            whole = merge_ticks(seen for seen, _ in bench.ticks)
            found = {entry.mode: entry for entry in whole.requests}
            for mode in MODES:
                entry = found.get(mode, ModeRequests(mode))
                assert entry.begun == account.begun[mode]
                assert entry.answered.total == account.answered[mode]
                assert entry.failed.total == account.failed[mode]
                assert sum(entry.unjudged) == account.unjudged[mode]
                ended = entry.answered.total + entry.failed.total + account.cancelled[mode]
                ended += account.unjudged[mode]
                assert entry.begun == ended + entry.ages.total


def test_no_request_is_lost_or_counted_twice_between_threads() -> None:
    """At the end of every tick, whoever begins, ends and adds up meanwhile."""
    balancer = Balancer(default_policy(), clock=ManualClock())
    done = threading.Event()

    def work() -> None:
        for turn in range(2000):
            request = balancer.request()
            started(request).finish(ANSWER if turn % 4 else OVERLOADED)
            if turn % 4 == 0:
                fail(request)
            if turn % 8 == 0:
                balancer._admission.recorder.relieve()
            request.close()

    def close_ticks() -> None:
        begun = answered = failed = 0
        for tick in itertools.count():
            over = done.is_set()
            seen = balancer._admission.recorder.take(tick, balancer._admission.raw())
            found = of_normal(seen)
            begun += found.begun
            answered += found.answered.total
            failed += found.failed.total
            totals.append((begun, answered, failed, found.ages.total))
            if over:
                return

    totals: list[tuple[int, int, int, int]] = []
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        closer = threading.Thread(target=close_ticks)
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in (closer, *threads):
            thread.start()
        for thread in threads:
            thread.join()
        done.set()
        closer.join()
    finally:
        sys.setswitchinterval(before)
    assert totals[-1] == (8000, 6000, 0, 0)
    # A quarter is cancelled in its backoff: what is missing only ever grows, up to those.
    missing = [begun - answered - failed - ages for begun, answered, failed, ages in totals]
    assert missing == sorted(missing)
    assert missing[-1] == 2000
