"""A deadline of the caller's own: its caller's doing before an answer is due, and then evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from balancer.core.modes import Mode
from balancer.core.observations import FAILURES, Observations, merge_ticks
from balancer.core.policy import Baseline, BudgetLimit, Rule
from balancer.policy_file import default_policy
from balancer.runtime.attempts import Attempt
from balancer.runtime.calls import Asked, CallSettings, Outcome
from balancer.runtime.deadlines import due_s
from balancer.runtime.requests import Request
from tests.core.builders import make_policy, table

from .bench import ANSWER, MODEL, Bench

AT_REST_S = 9.2
"""P95 of the default policy's baseline."""


def begun(bench: Bench, own_s: float | None) -> tuple[Request, Attempt]:
    """A request whose caller has a deadline, and its first attempt."""
    request = bench.balancer.request(asked=Asked(prompt_tokens=100, timeout_s=own_s))
    attempt = request.start()
    assert attempt is not None
    return request, attempt


def expired(bench: Bench, own_s: float | None, after_s: float) -> tuple[Request, str]:
    """The same once the deadline of the attempt is over, and its kind."""
    request, attempt = begun(bench, own_s)
    bench.clock.advance(after_s)
    kind = attempt.expired()
    attempt.finish(Outcome(kind=kind, billed=True))
    return request, kind


def kinds(seen: Observations) -> dict[str, int]:
    """Failures by kind."""
    rows = [entry.failures for entry in seen.served]
    counts = {kind: sum(row[place] for row in rows) for place, kind in enumerate(FAILURES)}
    return {kind: count for kind, count in counts.items() if count}


def test_a_deadline_that_is_over_before_an_answer_is_due_is_its_callers_doing() -> None:
    """No retry, no latency, no failure of anybody's; the upstream goes on and bills."""
    bench = Bench()
    request, _ = expired(bench, 0.001, 0.001)
    assert request.next_delay_s() is None
    assert (request.attempts, request.unjudged, request.answered) == (1, True, False)
    assert bench.balancer.status().mistakes == {"unnamed": 1}
    seen = bench.seen()
    (entry,) = seen.served
    assert kinds(seen) == {"rejected": 1}
    assert (entry.ill, entry.latency.total, entry.prompt_tokens) == (0, 0, 100)
    assert [each.failed.total for each in seen.requests] == [0]
    assert sum(seen.unjudged) == 1


@pytest.mark.parametrize(
    ("own_s", "after_s", "kind"),
    [
        (AT_REST_S - 0.1, AT_REST_S - 0.1, "rejected"),
        (AT_REST_S, AT_REST_S, "timeout"),
        (AT_REST_S, AT_REST_S - 0.01, "timeout"),  # a timer that was early
        (30.0, 30.0, "timeout"),
        (60.0, 60.0, "timeout"),
        (80.0, 60.0, "timeout"),
        (None, 60.0, "timeout"),
    ],
)
def test_an_answer_is_due_when_healthy_ones_are_here(
    own_s: float | None, after_s: float, kind: str
) -> None:
    """The P95 at rest; the plan's own deadline is no caller's."""
    assert expired(Bench(), own_s, after_s)[1] == kind


def test_a_short_deadline_of_the_plans_or_of_the_users_patience_is_no_callers() -> None:
    """They are meant for all calls, and are evidence however short they are."""
    policy = default_policy()
    normal, soft, hard, emergency = policy.strategies
    normal = replace(normal, timeout_s=2.0)
    policy = replace(policy, strategies=(normal, soft, hard, emergency))
    assert [expired(Bench(policy), own_s, 2.0)[1] for own_s in (2.0, 3.0)] == ["timeout"] * 2
    settings = CallSettings(model=MODEL, patience_s=1.0)
    assert expired(Bench(settings=settings), 3.0, 1.0)[1] == "timeout"


def test_what_is_late_already_counts_however_short_the_deadline_of_its_last_attempt() -> None:
    """A request was seen to be late, and is not taken back."""
    bench = Bench()
    request, attempt = begun(bench, 2.0)
    bench.clock.advance(14.0)
    attempt.finish(Outcome(kind="overloaded"))
    again = request.start()
    assert again is not None
    bench.clock.advance(2.0)
    assert again.expired() == "timeout"


def test_a_hard_budget_books_what_it_held_for_it() -> None:
    """Nobody knows what it came to."""
    limit = BudgetLimit(usd=100.0, window_s=3600.0)
    bench = Bench(replace(default_policy(), budgets=(limit,)))
    _, attempt = begun(bench, 0.001)
    held = bench.balancer.status().budgets[0].reserved
    attempt.finish(Outcome(kind=attempt.expired(), billed=True))
    assert held > 0
    assert bench.balancer.status().budgets[0].used == held


def test_callers_with_a_millisecond_change_nothing() -> None:
    """Nine of ten calls, for ten minutes, beside others that are answered."""
    bench = Bench()
    for _ in range(600):
        for _ in range(9):
            expired(bench, 0.001, 0.001)
        _, attempt = begun(bench, None)
        attempt.finish(ANSWER)
        bench.seen()
    assert {decision.mode for _, decision in bench.ticks} == {Mode.NORMAL}
    seen = merge_ticks([seen for seen, _ in bench.ticks])
    assert kinds(seen) == {"rejected": 5400}
    assert sum(entry.started for entry in seen.served) == 6000


def hang(own_s: float | None) -> int:
    """Ticks until normal is left where nothing is answered any more."""
    bench = Bench()
    flying: list[tuple[float, Request, Attempt]] = []
    while bench.mode is Mode.NORMAL:
        flying += [(bench.clock.now_s(), *begun(bench, own_s)) for _ in range(5)]
        bench.seen()
        for start_s, request, attempt in flying:
            age_s = bench.clock.now_s() - start_s
            if attempt.timeout_s is not None and age_s >= attempt.timeout_s and attempt.under_way:
                attempt.finish(Outcome(kind=attempt.expired(), billed=True))
                request.close()
    return len(bench.ticks)


def test_a_hang_behind_callers_with_deadlines_is_found_as_fast_as_without() -> None:
    """With half a minute as with the plan's minute, and with ten seconds sooner than by age."""
    alone = hang(None)
    assert hang(30.0) == alone
    assert hang(10.0) < alone < 20


def at_rest(latency_p95_s: float | None) -> Baseline:
    """A baseline, as far as its latency goes."""
    return Baseline(
        workload="chat",
        requests_per_s=1.0,
        prompt_tokens=100.0,
        output_tokens=100.0,
        thinking_tokens=0.0,
        latency_p95_s=latency_p95_s,
    )


@pytest.mark.parametrize(
    ("rules", "baseline", "due"),
    [
        (table("latency_p95", 20.0, 30.0), None, 16.0),
        (table("latency_p95", 20.0, 30.0), at_rest(None), 16.0),
        (table("latency_p95", 20.0, 30.0), at_rest(9.2), 9.2),
        (table("latency_p95", 5.0, 30.0), at_rest(9.2), 4.0),
        (table("error_rate", 0.1), at_rest(9.2), 9.2),
        (table("ttft_p95", 1.0), None, 10.0),
        ((), None, 10.0),
    ],
)
def test_an_answer_is_due_before_it_is_late_for_any_rule(
    rules: tuple[Rule, ...], baseline: Baseline | None, due: float
) -> None:
    """At the P95 at rest, at the lowest bound of a latency, or at what Gemini takes at least."""
    assert due_s(make_policy(rules, baseline=baseline)) == pytest.approx(due, rel=0.006)
