"""Tokens of sessions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.adapters.telemetry.live import Telemetry
from balancer.runtime.calls import Asked, Outcome
from balancer.runtime.sessions import LONGEST_NAME, Sessions
from tests.adapters.telemetry.kept import Kept
from tests.runtime.bench import ANSWER, Bench

TOKENS = "open_balancer.session.tokens"


def ask(bench: Bench, session: str | None, *outcomes: Outcome) -> None:
    """One request, attempt by attempt."""
    with bench.balancer.request(asked=Asked(prompt_tokens=9), session=session) as request:
        for outcome in outcomes or (ANSWER,):
            attempt = request.start()
            assert attempt is not None
            attempt.finish(outcome)
            request.next_delay_s()


def test_a_session_ends_when_nothing_came_for_a_while() -> None:
    """Counted from its last request, not from its first."""
    sessions = Sessions(idle_s=60)
    sessions.add("a", 10, now_s=0)
    sessions.add("b", 1, now_s=10)
    sessions.add("a", 5, now_s=50)
    assert sessions.silent(69) == []
    assert sessions.silent(70) == [1]
    assert sessions.silent(110) == [15]
    assert len(sessions) == 0


def test_the_one_that_was_silent_longest_goes_when_there_are_too_many() -> None:
    """So that names from callers cannot fill the memory."""
    sessions = Sessions(most=2)
    assert sessions.add("a", 1, now_s=0) is None
    assert sessions.add("b", 2, now_s=1) is None
    assert sessions.add("a", 10, now_s=2) is None
    assert sessions.add("c", 3, now_s=3) == 2
    assert sessions.close() == [11, 3]


def test_long_names_are_told_apart_and_cost_no_more_than_short_ones() -> None:
    """A digest is kept."""
    sessions = Sessions()
    name = "x" * 100_000
    sessions.add(name + "1", 1, now_s=0)
    sessions.add(name + "2", 2, now_s=0)
    sessions.add("\ud800" * 1000, 3, now_s=0)
    assert max(map(len, sessions._open)) <= LONGEST_NAME
    assert sessions.end(name + "1") == 1
    assert sessions.end(name + "1") is None


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 99), st.floats(0, 40))),
    st.integers(1, 5),
)
def test_no_token_is_lost_or_counted_twice(
    requests: list[tuple[str, int, float]], most: int
) -> None:
    """Whatever ends a session."""
    sessions, now_s, found = Sessions(idle_s=60, most=most), 0.0, 0
    for name, tokens, pause_s in requests:
        now_s += pause_s
        found += sum(sessions.silent(now_s))
        found += sessions.add(name, tokens, now_s) or 0
        assert len(sessions) <= most
    assert found + sum(sessions.close()) == sum(tokens for _, tokens, _ in requests)


def test_tokens_of_all_requests_and_attempts_are_one_sample() -> None:
    """Prompt, answer and thinking; a failed attempt that was billed too; requests without a
    session belong to none.
    """
    bench, kept = Bench(), Kept()
    with Telemetry(bench.balancer, kept.destination, interval_s=60, session_idle_s=30):
        cut = Outcome(kind="cut", prompt_tokens=100, output_tokens=20, thinking_tokens=5)
        ask(bench, "a", cut, ANSWER)
        ask(bench, None)
        bench.seen()
        ask(bench, "a")
        bench.seen()
        bench.clock.advance(30)
        bench.seen()
    (point,) = kept.points(TOKENS).values()
    assert (point.count, point.sum) == (1, 125 + 150 + 150)
    assert point.attributes == {}


def test_what_ends_a_session_early(caplog: pytest.LogCaptureFixture) -> None:
    """Its application, or the end of telemetry. Its name is nowhere."""
    bench, kept = Bench(), Kept()
    with Telemetry(bench.balancer, kept.destination, interval_s=60) as telemetry:
        ask(bench, "secret-name-1")
        telemetry.end_session("secret-name-1")
        telemetry.end_session("never seen")
        bench.seen()
        assert telemetry.sender.send_metrics()
        (point,) = kept.points(TOKENS).values()
        assert (point.count, point.sum) == (1, 150)
        ask(bench, "secret-name-2")
        bench.seen()
    (point,) = kept.points(TOKENS).values()
    assert (point.count, point.sum) == (2, 300)
    sent = f"{kept.metrics.taken} {kept.logs.taken} {[s.to_json() for s in kept.ended_spans()]}"
    assert "secret-name" not in sent + caplog.text
