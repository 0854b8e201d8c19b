"""An attempt whose outcome is told later: it has no age, no latency, and its money is held."""

from __future__ import annotations

from dataclasses import replace

import pytest

from balancer.core.policy import BudgetLimit
from balancer.policy_file import default_policy
from balancer.runtime.attempts import Attempt
from balancer.runtime.calls import Asked, Outcome
from balancer.runtime.requests import Request

from .bench import ANSWER, Bench

ASKED = Asked(model="gemini-3.6-flash", prompt_tokens=100, output_cap_tokens=1000)


def detached(bench: Bench) -> tuple[Request, Attempt]:
    """A request whose attempt the upstream has taken on."""
    request = bench.balancer.request(asked=ASKED)
    attempt = request.start()
    assert attempt is not None
    attempt.detach()
    attempt.detach()
    return request, attempt


@pytest.mark.parametrize(("kind", "failed"), [(None, 0), ("internal", 1), ("timeout", 1)])
def test_it_counts_when_it_ends_and_its_latency_is_nobodys(kind: str | None, failed: int) -> None:
    """Ten minutes in the background are no ten minutes that somebody waited."""
    bench = Bench()
    request, attempt = detached(bench)
    (entry,) = bench.seen().served
    assert (entry.started, entry.finished, entry.ages.total) == (1, 0, 0)
    assert bench.balancer.status().in_flight == 0
    bench.clock.advance(600.0)
    assert not bench.seen().requests
    attempt.finish(replace(ANSWER, kind=kind))
    request.close()
    seen = bench.seen()
    (entry,) = seen.served
    assert (entry.finished, entry.failed) == (1, failed)
    assert entry.latency.total == (1 if kind == "timeout" else 0)
    assert entry.ttft.total == 0
    assert sum(each.answered.total + each.failed.total for each in seen.requests) == 0


def test_its_money_is_held_until_then() -> None:
    """And where nobody ever hears of it, all of it is booked."""
    limit = BudgetLimit(usd=100.0, window_s=3600.0)
    for hears in (True, False):
        bench = Bench(replace(default_policy(), budgets=(limit,)))
        request, attempt = detached(bench)
        held = bench.seen().reserved_nano_usd
        assert held > 0
        if hears:
            attempt.finish(Outcome(prompt_tokens=100, output_tokens=1))
        request.close()
        seen = bench.seen()
        assert seen.reserved_nano_usd == 0
        (entry,) = seen.served
        assert entry.finished == 1
        assert (entry.latency.total, entry.failed) == (0, 0)


def test_one_that_was_sent_as_flex_is_counted_once() -> None:
    """However late it says how it ended."""
    bench = Bench()
    request = bench.balancer.request(asked=replace(ASKED, service_tier="flex"))
    attempt = request.start()
    assert attempt is not None
    attempt.detach()
    bench.clock.advance(7200.0)
    (entry,) = bench.seen().served
    assert (entry.started, entry.finished) == (1, 0)
    attempt.finish(ANSWER)
    request.close()
    (entry,) = bench.seen().served
    assert (entry.finished, entry.latency.total) == (1, 0)
