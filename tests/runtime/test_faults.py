"""What a request does when its attempt fails by another's fault than the upstream's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from balancer.core.histogram import EMPTY
from balancer.core.modes import Mode, Priority
from balancer.core.observations import ModeRequests
from balancer.runtime.calls import Asked, Outcome
from balancer.runtime.closed import MOST as MOST_CLOSED
from balancer.runtime.closed import PROBE_S, Closed, Refusal
from balancer.runtime.mistakes import MOST_CALLERS, OTHERS, UNNAMED, Mistakes
from balancer.runtime.withdrawn import MOST as MOST_WITHDRAWN
from balancer.runtime.withdrawn import WITHDRAWN_S, Edit, Withdrawn

from .bench import ANSWER, Bench
from .test_requests import FAST, SMALL, fail, policy_with, started

REJECTED = Outcome(kind="rejected", status=400)
EDITED = Outcome(kind="edited", status=400)
REFUSAL = Refusal(remedy="pay the bill", message="billing", reply=b"403")
CLOSED = Outcome(kind="closed", status=403, refusal=REFUSAL)
NORMAL = Mode.NORMAL
TO_SMALL = policy_with(model=SMALL, fallback_models=(FAST,), retries=3, static_fallback="Sorry.")
MINE = Asked(model=FAST, prompt_tokens=10, output_cap_tokens=5000)


def test_a_callers_mistake_ends_the_request_with_one_attempt() -> None:
    """No retry, no other model and no static answer; it is unjudged, and counted by caller."""
    bench = Bench(TO_SMALL)
    request = bench.balancer.request(Priority.HIGH, key="shop")
    assert fail(request, REJECTED) is None
    assert (request.over, request.answered, request.unjudged) == (True, False, True)
    assert request.static_fallback is None
    assert request.start() is None
    request.close()
    seen = bench.seen()
    assert seen.requests == (ModeRequests(NORMAL, 1, unjudged=(0, 0, 1)),)
    assert (seen.fallback, seen.demand) == ((0, 0, 0), (0, 0, 0))
    assert (seen.served[0].started, seen.served[0].judged, seen.served[0].nano_usd) == (1, 0, 0)
    assert bench.balancer.status().mistakes == {"shop": 1}


def test_a_callers_mistake_that_is_billed_costs() -> None:
    """An answer that the caller's own limit cut to nothing."""
    bench = Bench()
    outcome = Outcome(kind="rejected", billed=True, prompt_tokens=100, thinking_tokens=50)
    assert fail(bench.balancer.request(), outcome) is None
    (entry,) = bench.seen().served
    assert (entry.thinking_tokens, entry.judged) == (50, 0)
    assert entry.nano_usd > 0


def test_a_plain_call_is_unjudged_too() -> None:
    """By its priority."""
    bench = Bench()
    bench.calls(3, kind="rejected")
    assert bench.seen().requests == (ModeRequests(NORMAL, 3, unjudged=(1, 1, 1)),)


def test_what_a_plan_changed_is_sent_once_more_as_written() -> None:
    """At once, to the caller's own model, with the caller's own cap and thinking."""
    request = Bench(TO_SMALL).balancer.request(asked=MINE)
    assert started(request).model == SMALL
    request = Bench(TO_SMALL).balancer.request(asked=MINE)
    assert fail(request, EDITED) == 0.0
    attempt = started(request)
    assert (attempt.model, attempt.as_written) == (FAST, True)
    assert (attempt.output_cap_tokens, attempt.thinking) == (5000, None)
    attempt.finish(ANSWER)
    assert request.answered


def test_an_edit_that_was_refused_is_not_made_again() -> None:
    """To requests alike, for an hour; those of another shape are edited as before."""
    bench = Bench(TO_SMALL)
    thoughts = replace(MINE, shape=lambda: "includeThoughts")
    request = bench.balancer.request(asked=thoughts)
    fail(request, EDITED)
    started(request).finish(ANSWER)
    alike = started(bench.balancer.request(asked=thoughts))
    assert (alike.model, alike.as_written) == (FAST, True)
    other = started(bench.balancer.request(asked=replace(MINE, shape=lambda: "contents")))
    assert (other.model, other.as_written) == (SMALL, False)
    (text,) = bench.balancer.status().withdrawn
    assert "normal: edits of requests to gemini-2.5-flash-lite" in text
    assert "includeThoughts" in text
    bench.clock.advance(WITHDRAWN_S)
    assert started(bench.balancer.request(asked=thoughts)).model == SMALL
    assert bench.balancer.status().withdrawn == ()


@pytest.mark.parametrize(("status", "others"), [(400, FAST), (403, SMALL), (404, SMALL)])
def test_what_one_project_may_not_use_is_withdrawn_for_it_alone(status: int, others: str) -> None:
    """A body that is refused is refused of anybody."""
    bench = Bench(TO_SMALL)
    mine, theirs = (replace(MINE, project=name) for name in ("key a", "key b"))
    request = bench.balancer.request(asked=mine)
    fail(request, replace(EDITED, status=status))
    started(request).finish(ANSWER)
    assert started(bench.balancer.request(asked=mine)).model == FAST
    assert started(bench.balancer.request(asked=theirs)).model == others
    (text,) = bench.balancer.status().withdrawn
    assert ("of key a" in text) == (others == SMALL)


def test_another_policy_may_edit_again() -> None:
    """It may make other edits, and what was withdrawn were the old ones."""
    bench = Bench(TO_SMALL)
    request = bench.balancer.request(asked=MINE)
    fail(request, EDITED)
    started(request).finish(ANSWER)
    bench.balancer.use(replace(TO_SMALL, name="another"))
    assert started(bench.balancer.request(asked=MINE)).model == SMALL


def test_what_does_not_pass_as_written_either_was_the_callers_mistake() -> None:
    """Two attempts, nothing is withdrawn, and nothing counts as a failure."""
    bench = Bench(TO_SMALL)
    request = bench.balancer.request(asked=MINE, key="shop")
    assert fail(request, EDITED) == 0.0
    assert fail(request, REJECTED) is None
    assert bench.balancer.status().withdrawn == ()
    assert bench.balancer.status().mistakes == {"shop": 1}
    (felt,) = bench.seen().requests
    assert (felt.begun, felt.failed, felt.unjudged) == (1, EMPTY, (0, 1, 0))


def test_what_fails_as_written_is_tried_again_as_written() -> None:
    """The plan's retries hold; who finds the upstream ill in the end has failed."""
    bench = Bench(policy_with(model=SMALL, fallback_models=(), retries=1))
    request = bench.balancer.request(asked=MINE)
    fail(request, EDITED)
    assert fail(request) == 1.5
    attempt = started(request)
    assert (attempt.model, attempt.as_written) == (FAST, True)
    attempt.finish(Outcome(kind="overloaded"))
    assert request.next_delay_s() is None
    assert not request.unjudged


def test_who_leaves_after_a_refused_edit_is_no_failure() -> None:
    """Nor is one whose patience is over by then."""
    bench = Bench(TO_SMALL)
    request = bench.balancer.request(asked=MINE)
    started(request).finish(EDITED)
    request.close()
    assert bench.seen().requests == (ModeRequests(NORMAL, 1, unjudged=(0, 1, 0)),)


def test_a_project_that_is_closed_holds_its_calls_back() -> None:
    """One call upstream, then the provider's refusal at once, then a probe a minute."""
    bench = Bench(TO_SMALL)
    ours, theirs = replace(MINE, project="ours"), replace(MINE, project="theirs")
    assert fail(bench.balancer.request(asked=ours), CLOSED) is None
    held = bench.balancer.request(asked=ours)
    assert (held.refusal, held.shed, held.over, held.unjudged) == ("closed", False, True, True)
    assert held.closed is REFUSAL
    assert held.start() is None
    assert held.static_fallback is None
    assert bench.balancer.request(asked=theirs).closed is None
    seen = bench.seen()
    assert (seen.shed, seen.served[0].started) == ((0, 0, 0), 1)
    assert sum(seen.requests[0].unjudged) == 2
    (text,) = bench.balancer.status().closed
    assert "pay the bill" in text
    assert bench.balancer.status().mistakes == {}
    bench.clock.advance(PROBE_S)
    probe = bench.balancer.request(asked=ours)
    assert (probe.closed, bench.balancer.request(asked=ours).closed) == (None, REFUSAL)
    assert fail(probe, CLOSED) is None
    bench.clock.advance(PROBE_S)
    started(bench.balancer.request(asked=ours)).finish(ANSWER)
    assert bench.balancer.request(asked=ours).closed is None
    assert bench.balancer.status().closed == ()


def test_in_shadow_nothing_is_held_back() -> None:
    """It changes no call."""
    bench = Bench(TO_SMALL, shadow=True)
    fail(bench.balancer.request(asked=MINE), CLOSED)
    assert bench.balancer.request(asked=MINE).closed is None


@pytest.mark.parametrize("kind", ["rejected", "edited", "closed"])
def test_a_hundred_mistakes_beside_good_calls_leave_normal_alone(kind: str) -> None:
    """Four good calls a second and one that is not the upstream's fault, for ten minutes."""
    bench = Bench()
    for _ in range(600):
        bench.calls(4, latency_s=0.1)
        bench.calls(1, kind=kind)
        bench.seen()
    assert {decision.mode for _, decision in bench.ticks} == {NORMAL}


def test_edits_and_projects_and_callers_are_remembered_within_bounds() -> None:
    """The oldest edit and project are forgotten; later callers share a count."""
    withdrawn, closed, mistakes = Withdrawn(), Closed(), Mistakes()
    for number in range(2 * MOST_WITHDRAWN):
        withdrawn.add(Edit(NORMAL, f"m{number}", "own", ""), 0.0)
        closed.trip(str(number), REFUSAL, 0.0)
        mistakes.count(f"caller {number}")
    mistakes.count(None)
    assert (len(withdrawn.texts(0.0)), withdrawn.total) == (MOST_WITHDRAWN, 2 * MOST_WITHDRAWN)
    assert not withdrawn.holds(Edit(NORMAL, "m0", "own", ""), 0.0)
    assert len(closed) == len(closed.texts()) == MOST_CLOSED
    counts = mistakes.by_caller()
    assert next(iter(counts)) == OTHERS
    assert (len(counts), sum(counts.values())) == (MOST_CALLERS + 1, 2 * MOST_WITHDRAWN + 1)
    first = Mistakes()
    first.count(None)
    assert first.by_caller() == {UNNAMED: 1}
