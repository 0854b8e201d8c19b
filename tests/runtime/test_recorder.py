"""The recorder: what is counted is what happened, whoever counts and when."""

from __future__ import annotations

import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.core.modes import Mode, Priority
from balancer.core.observations import FAILURES, Observations, merge_ticks
from balancer.core.policy import Policy
from balancer.policy_file import default_policy
from balancer.runtime import recorder as module
from balancer.runtime.balancer import Balancer
from balancer.runtime.calls import Asked, Outcome
from balancer.runtime.clock import ManualClock
from balancer.runtime.flights import ABANDONED, ADMITTED, ANSWER, UNPRICED
from balancer.runtime.listeners import Listeners
from balancer.runtime.recorder import Recorder

from .bench import Bench

pytestmark = pytest.mark.slow

POLICY: Policy = default_policy()
THREADS, EACH = 8, 20_000

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.sampled_from(list(Priority)), st.floats(0, 0.999)),
        st.tuples(st.just("finish"), st.integers(0, 9), st.sampled_from([None, *FAILURES])),
        st.tuples(st.just("request"), st.sampled_from(list(Priority)), st.just(0)),
        st.tuples(st.just("attempt"), st.integers(0, 9), st.sampled_from([None, *FAILURES])),
        st.tuples(st.just("close"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("relieve"), st.just(0), st.just(0)),
        st.tuples(st.just("tick"), st.floats(0, 3), st.just(0)),
        st.tuples(st.just("order"), st.sampled_from(list(Mode)), st.just(0)),
    ),
    max_size=60,
)


def total(seen: Observations) -> tuple[int, int, int, int, int, int]:
    """Offered, admitted, shed, started, finished, failed."""
    return (
        sum(seen.offered),
        sum(seen.admitted),
        sum(seen.shed),
        sum(entry.started for entry in seen.served),
        sum(entry.finished for entry in seen.served),
        sum(entry.failed for entry in seen.served),
    )


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_the_sum_of_all_ticks_is_what_was_recorded(steps: list[tuple[str, object, object]]) -> None:
    """For any interleaving; admitted and shed make offered, what started ended or is in flight."""
    bench = Bench(POLICY)
    balancer = bench.balancer
    calls, requests = [], []
    offered = shed = started = finished = failed = 0
    for step, one, two in steps:
        if step == "begin":
            assert isinstance(one, Priority) and isinstance(two, float)
            call = balancer.begin(one, u=two)
            offered += 1
            if call.admitted:
                started += 1
                calls.append(call)
            else:
                shed += 1
        elif step == "finish" and calls:
            assert isinstance(one, int) and (two is None or isinstance(two, str))
            balancer.finish(calls.pop(one % len(calls)), two)
            finished += 1
            failed += two is not None
        elif step == "request":
            assert isinstance(one, Priority)
            request = balancer.request(one, asked=Asked(prompt_tokens=10))
            offered += 1
            shed += request.shed
            requests.append(request)
        elif step == "attempt" and requests:
            assert isinstance(one, int) and (two is None or isinstance(two, str))
            attempt = requests[one % len(requests)].start()
            if attempt is not None:
                attempt.finish(Outcome(kind=two))
                started += 1
                finished += 1
                failed += two is not None
        elif step == "close" and requests:
            assert isinstance(one, int)
            requests.pop(one % len(requests)).close()
        elif step == "relieve":
            balancer._admission.recorder.relieve()
        elif step == "tick":
            assert isinstance(one, float)
            bench.clock.advance(one)
            balancer.tick()
        elif step == "order":
            assert isinstance(one, Mode)
            balancer.override(one, "test", for_s=2.0)
    bench.seen()
    seen = merge_ticks(seen for seen, _ in bench.ticks)
    assert total(seen) == (offered, offered - shed, shed, started, finished, failed)
    assert seen.in_flight == started - finished == len(calls)


def test_eight_threads_at_full_speed_lose_nothing() -> None:
    """Counts add up exactly, whoever closes ticks and adds up meanwhile; memory is bounded."""
    clock = ManualClock()
    balancer = Balancer(POLICY, clock=clock)
    ticks: list[Observations] = []
    balancer.listeners.ticks.add(lambda seen, _: ticks.append(seen))
    longest = 0
    done = threading.Event()

    def work(number: int) -> None:
        for turn in range(EACH):
            call = balancer.begin(Priority(turn % 3))
            balancer.finish(call, None if turn % 4 else "overloaded", number, 0, 1)

    def tick() -> None:
        nonlocal longest
        while not done.is_set():
            longest = max(longest, len(balancer._admission.recorder.ended))
            clock.advance(1.0)
            balancer.tick()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
        ticker = threading.Thread(target=tick)
        for thread in (*threads, ticker):
            thread.start()
        for thread in threads:
            thread.join()
        done.set()
        ticker.join()
    finally:
        sys.setswitchinterval(interval)
    clock.advance(1.0)
    balancer.tick()
    seen = merge_ticks(ticks)
    calls = THREADS * EACH
    assert total(seen) == (calls, calls, 0, calls, calls, calls // 4)
    assert sum(entry.prompt_tokens for entry in seen.served) == sum(range(THREADS)) * EACH
    assert sum(entry.output_tokens for entry in seen.served) == calls
    assert seen.in_flight == 0
    assert longest <= 8 * module.MOST_PENDING


def test_a_caller_adds_up_when_no_ticker_does() -> None:
    """The lists stay short though no tick is ever closed."""
    balancer = Balancer(POLICY, clock=ManualClock())
    recorder = balancer._admission.recorder
    for _ in range(3 * module.MOST_PENDING):
        balancer.finish(balancer.begin())
    assert len(recorder.ended) <= module.MOST_PENDING + 1
    assert len(recorder.begun) <= module.MOST_PENDING + 1
    for _ in range(2 * module.MOST_PENDING):
        balancer.request().close()
    assert len(recorder.begun) <= module.MOST_PENDING + 1
    seen = recorder.take(0, 0.0)
    assert sum(seen.offered) == 5 * module.MOST_PENDING


def test_whoever_finds_another_adding_up_goes_on() -> None:
    """Until there is too much: then it waits, though not for ever."""
    recorder = Recorder(1.0, lambda _: (0,) * 7, Listeners())
    recorder.begun.append((ADMITTED, Priority.NORMAL))
    with recorder._lock:
        recorder.relieve()
        assert len(recorder.begun) == 1
    recorder.begun.extend([(ADMITTED, Priority.NORMAL)] * 4 * module.MOST_PENDING)
    recorder.relieve()
    assert recorder.begun == []


def test_a_flood_of_model_names_is_counted_as_others() -> None:
    """Names come from callers; the observations of a tick stay small."""

    class Flight:
        def __init__(self, model: str) -> None:
            self.alone = True
            self.flex = False
            self.place = (Mode.NORMAL, model)
            self.since = self.began = 0.0
            self.aged: float | None = None
            self.priority = 1

    recorder = Recorder(1.0, lambda _: (0,) * 7, Listeners())
    for number in range(1000):
        flight = Flight(f"model-{number}")
        recorder.ended.append((flight, 1.0, ANSWER, 1, 0, 0, 0, 0.5, UNPRICED))
        recorder.ended.append((flight, 1.0, ABANDONED, 0, 0, 0, 0, None, 0))
    seen = recorder.take(0, 1.0)
    assert len(seen.served) == 65
    assert sum(entry.finished for entry in seen.served) == 2000
    assert seen.served[-1].model == "other"
