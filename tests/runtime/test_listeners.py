"""Who may listen to a balancer, and what they are told."""

from __future__ import annotations

import gc
from collections.abc import Sequence

import pytest

from balancer.core.modes import Mode, Priority
from balancer.core.observations import Alert
from balancer.runtime import accounts
from balancer.runtime.calls import Asked, CallRecord, Outcome, RequestRecord, Score
from balancer.runtime.flights import ANSWER as ANSWERED
from balancer.runtime.flights import Ended, Over
from tests.runtime.bench import ANSWER, Bench

OVERLOADED = Outcome(kind="overloaded", status=503)


def test_a_request_that_is_over_is_told_once_with_its_attempts() -> None:
    """Times, session and outcomes; closing it again tells nothing."""
    bench, told = Bench(now_s=100.0), list[RequestRecord]()
    bench.balancer.listeners.requests.add(told.append)
    request = bench.balancer.request(Priority.HIGH, key="k", index=7, session="s")
    for outcome in (OVERLOADED, ANSWER):
        attempt = request.start()
        assert attempt is not None
        bench.clock.advance(0.5)
        attempt.finish(outcome)
        request.next_delay_s()
    request.close()
    request.close()
    (record,) = told
    assert (record.priority, record.key, record.index, record.session) == (
        Priority.HIGH,
        "k",
        7,
        "s",
    )
    assert (record.mode, record.refusal, record.answered) == (Mode.NORMAL, "", True)
    assert (record.started_s, record.ended_s) == (100.0, 101.0)
    assert [call.outcome for call in record.calls] == [OVERLOADED, ANSWER]
    assert [call.attempt for call in record.calls] == [0, 1]


def test_a_shed_request_is_told_with_its_refusal() -> None:
    """It has no attempts."""
    bench, told = Bench(), list[RequestRecord]()
    bench.balancer.listeners.requests.add(told.append)
    bench.balancer.alert(Alert("monitor", at_tick=0, mode=Mode.EMERGENCY, lifetime_ticks=99))
    bench.seen()
    request = bench.balancer.request(Priority.LOW)
    assert request.shed
    request.close()
    assert [(record.refusal, record.calls) for record in told] == [("shed", ())]


def test_a_request_that_its_caller_dropped_is_told_too() -> None:
    """When the interpreter takes it away."""
    bench, told = Bench(), list[RequestRecord]()
    bench.balancer.listeners.requests.add(told.append)
    request = bench.balancer.request()
    assert request.start() is not None
    del request
    gc.collect()
    assert [record.answered for record in told] == [False]
    assert [call.outcome for call in told[0].calls] == [None]


def test_ended_attempts_come_in_batches_with_their_prices() -> None:
    """Those of plain calls are priced when they are added up."""
    bench = Bench()
    told: list[tuple[Sequence[Ended], Sequence[int]]] = []
    bench.balancer.listeners.ended.add(lambda batch, nano_usd: told.append((batch, nano_usd)))
    bench.calls(2)
    with bench.balancer.request(asked=Asked(prompt_tokens=9)) as request:
        attempt = request.start()
        assert attempt is not None
        attempt.finish(Outcome(prompt_tokens=1000, output_tokens=100))
    assert told == []
    seen = bench.seen()
    ((batch, nano_usd),) = told
    assert [entry[2] for entry in batch] == [ANSWERED] * 3
    assert len(set(nano_usd)) == 1
    assert sum(nano_usd) == sum(entry.nano_usd for entry in seen.served) > 0


def test_the_second_attempt_has_a_beginning_of_its_own() -> None:
    """Its latency counts from the first."""
    bench, told = Bench(), list[Ended]()
    bench.balancer.listeners.ended.add(lambda batch, _: told.extend(batch))
    with bench.balancer.request() as request:
        for outcome in (OVERLOADED, ANSWER):
            attempt = request.start()
            assert attempt is not None
            bench.clock.advance(2.0)
            attempt.finish(outcome)
            request.next_delay_s()
    bench.seen()
    assert [entry[1] - entry[0].since for entry in told] == [2.0, 4.0]
    assert [entry[1] - entry[0].began for entry in told] == [2.0, 2.0]


def test_requests_that_are_over_come_in_batches_with_their_sums() -> None:
    """Mode, dollars, tokens and session, of admitted ones only."""
    bench, told = Bench(), list[Over]()
    bench.balancer.listeners.over.add(told.extend)
    for session in ("a", None):
        with bench.balancer.request(session=session) as request:
            attempt = request.start()
            assert attempt is not None
            attempt.finish(ANSWER)
    assert told == []
    seen = bench.seen()
    assert [(mode, tokens, session) for mode, _, tokens, session in told] == [
        (Mode.NORMAL, 150, "a"),
        (Mode.NORMAL, 150, None),
    ]
    assert sum(nano_usd for _, nano_usd, _, _ in told) == seen.served[0].nano_usd


def test_requests_that_are_over_are_kept_for_nobody() -> None:
    """Where nobody listens, nothing is kept."""
    bench = Bench()
    bench.balancer.request(session="a").close()
    assert bench.balancer._admission.recorder.over == []


def test_requests_that_never_call_are_bounded_between_two_ticks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are handed out before the tick when there are many."""
    monkeypatch.setattr(accounts, "MOST_PENDING", 10)
    bench, told = Bench(), list[Over]()
    bench.balancer.listeners.over.add(told.extend)
    for _ in range(25):
        bench.balancer.request().close()
    assert len(bench.balancer._admission.recorder.over) <= 10
    assert len(told) >= 15


def test_a_listener_that_is_removed_hears_nothing_more() -> None:
    """Whatever it listened to; one that never listened may be removed too."""
    bench, heard = Bench(), list[object]()

    def listen(*told: object) -> None:
        heard.append(told)

    balancer = bench.balancer
    for add in (
        balancer.listeners.ticks.add,
        balancer.listeners.calls.add,
        balancer.listeners.requests.add,
        balancer.listeners.ended.add,
        balancer.listeners.over.add,
        balancer.listeners.scores.add,
    ):
        add(listen)

    def everything() -> None:
        with balancer.request(session="a") as request:
            attempt = request.start()
            assert attempt is not None
            attempt.finish(ANSWER)
        balancer.scored(
            Score(
                mode=Mode.NORMAL,
                model="m",
                priority=Priority.NORMAL,
                key=None,
                index=None,
                quality=1.0,
            )
        )
        bench.seen()

    everything()
    assert len(heard) == 6
    balancer.listeners.remove(listen)
    balancer.listeners.remove(print)
    everything()
    assert len(heard) == 6


def test_a_listener_that_fails_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Neither for the request nor for the other listeners."""
    bench, told = Bench(), list[RequestRecord]()
    batches: list[object] = []

    def fail(*_: object) -> None:
        raise RuntimeError("no")

    for listener in (fail, told.append):
        bench.balancer.listeners.requests.add(listener)
    for batch in (fail, batches.append):
        bench.balancer.listeners.over.add(batch)
        bench.balancer.listeners.calls.add(fail)
    with bench.balancer.request() as request:
        attempt = request.start()
        assert attempt is not None
        attempt.finish(ANSWER)
    assert request.answered
    assert bench.seen().served[0].finished == 1
    assert (len(told), len(batches)) == (1, 1)
    assert "a request listener failed" in caplog.text
    assert "a watcher of calls failed" in caplog.text


def test_status_says_what_was_dropped_on_the_side() -> None:
    """By source, as of now."""
    bench = Bench()
    assert bench.balancer.status().dropped == {}
    dropped = [3]
    bench.balancer.watch_drops("telemetry", lambda: dropped[0])
    assert bench.balancer.status().dropped == {"telemetry": 3}
    dropped[0] = 5
    assert bench.balancer.status().dropped == {"telemetry": 5}


def test_call_records_are_told_where_somebody_listens() -> None:
    """One for each attempt."""
    bench, told = Bench(), list[CallRecord]()
    bench.balancer.listeners.calls.add(told.append)
    with bench.balancer.request() as request:
        attempt = request.start()
        assert attempt is not None
        bench.clock.advance(1.0)
        attempt.first_token()
        attempt.finish(ANSWER)
    assert [(call.latency_s, call.first_token_s) for call in told] == [(1.0, 1.0)]
