"""Tokens of the sessions that callers name."""

from __future__ import annotations

from balancer.runtime.calls import Asked
from balancer.service.history.conversations import Conversations
from tests.runtime.bench import ANSWER, Bench

TOKENS = ANSWER.prompt_tokens + ANSWER.output_tokens + ANSWER.thinking_tokens


def ask(bench: Bench, session: str | None) -> None:
    """One request with one answer, and the tick in which it ends."""
    with bench.balancer.request(asked=Asked(prompt_tokens=9), session=session) as request:
        attempt = request.start()
        assert attempt is not None
        attempt.finish(ANSWER)
    bench.clock.advance(1.0)
    bench.balancer.tick()


def test_a_window_has_the_sessions_that_were_heard_in_it_with_all_they_used() -> None:
    """What they used before it too: it is tokens of a session, and not of a window."""
    bench = Bench()
    found = Conversations(bench.balancer)
    assert found.mean_tokens(60.0) is None
    for session in ("ada", "ada", "bob", None):
        ask(bench, session)
    bench.clock.advance(100.0)
    ask(bench, "ada")
    assert found.mean_tokens(60.0) == 3 * TOKENS
    assert found.mean_tokens(3600.0) == (3 + 1) * TOKENS / 2


def test_a_session_of_yesterday_is_over() -> None:
    """It begins anew when its name comes again."""
    bench = Bench()
    found = Conversations(bench.balancer)
    ask(bench, "ada")
    bench.clock.advance(90_000.0)
    ask(bench, "bob")
    ask(bench, "ada")
    assert found.mean_tokens(200_000.0) == TOKENS
