"""Service tiers of a live balancer: what is sent, and what is felt of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from balancer.core.modes import Mode, Priority
from balancer.core.observations import FAILURES, ModeRequests, Observations
from balancer.core.strategy import NO_TIERS
from balancer.core.tiers import FLEX_WAIT_S
from balancer.runtime.calls import Asked, CallSettings, Outcome
from balancer.runtime.recorder import LONGEST_CALL_S
from balancer.runtime.requests import Request

from .bench import ANSWER, Bench
from .test_requests import OVERLOADED, fail, started
from .tiered import CARD, CATALOG, HIGH, LOW, MODEL, NORMAL, WEAKER, ask, tiered


def failed(seen: Observations) -> dict[str, int]:
    """Attempts that failed, by kind."""
    found = dict.fromkeys(FAILURES, 0)
    for entry in seen.served:
        for kind, count in zip(FAILURES, entry.failures, strict=True):
            found[kind] += count
    return {kind: count for kind, count in found.items() if count}


@pytest.mark.parametrize(
    ("priority", "own", "sent"),
    [
        (LOW, None, "flex"),
        (NORMAL, None, "standard"),
        (HIGH, None, "priority"),
        (NORMAL, "priority", "priority"),
        (HIGH, "flex", "flex"),
    ],
)
def test_a_call_is_sent_in_the_tier_of_its_priority(
    priority: Priority, own: str | None, sent: str
) -> None:
    """Who is not named keeps what was written, and who asks for flex gets it."""
    assert started(ask(Bench(tiered()), priority, service_tier=own)).tier == sent


def test_nothing_is_said_where_the_plan_may_not() -> None:
    """In shadow mode, and where the tier stands in headers of the caller's."""
    shadow = Bench(tiered(), shadow=True)
    assert started(ask(shadow, HIGH)).tier == "standard"
    assert started(ask(shadow, HIGH, service_tier="flex")).tier == "flex"
    vertex = ask(Bench(tiered()), LOW, takes_tiers=False, service_tier="priority")
    assert started(vertex).tier == "priority"


def test_a_model_without_the_tier_is_sent_none() -> None:
    """Nor one of which only a price is known."""
    plain = tuple(replace(card, tier_prices=(), price_list=()) for card in CATALOG.cards)
    bench = Bench(tiered(catalog=replace(CATALOG, cards=plain)))
    assert started(ask(bench)).tier == "standard"
    unknown = replace(CATALOG, unknown=replace(CARD, name="unknown"))
    bench = Bench(tiered(catalog=unknown))
    request = bench.balancer.request(HIGH, asked=Asked(model="house-1", service_tier="flex"))
    assert started(request).tier == "flex"


def test_another_model_is_not_sent_a_tier_that_it_lacks() -> None:
    """What the caller wrote was for the model it named."""
    cards = tuple(
        replace(card, tier_prices=(), price_list=()) if card.name == WEAKER else card
        for card in CATALOG.cards
    )
    bench = Bench(tiered(NO_TIERS, catalog=replace(CATALOG, cards=cards)))
    request = ask(bench, service_tier="priority")
    assert fail(request) == 0.0
    weaker = started(request)
    assert (weaker.model, weaker.tier) == (WEAKER, "standard")


def test_full_flex_goes_to_standard_on_the_same_model_at_once() -> None:
    """It takes no try away: the weaker model and the retries are still there."""
    request = ask(Bench(tiered()))
    made = []
    while (attempt := request.start()) is not None:
        made.append((attempt.model, attempt.tier))
        attempt.finish(OVERLOADED)
        request.next_delay_s()
    assert made == [
        (MODEL, "flex"),
        (MODEL, "standard"),
        (WEAKER, "standard"),
        (MODEL, "standard"),
    ]


def test_an_answer_of_standard_ends_it_well() -> None:
    """The caller sees no failure."""
    request = ask(Bench(tiered()))
    assert fail(request) == 0.0
    started(request).finish(ANSWER)
    assert request.answered
    assert not request.unjudged


def test_who_asks_for_flex_stays_there() -> None:
    """The plan's other models and retries are tried in flex; the end is nobody's illness."""
    bench = Bench(tiered())
    request = ask(bench, NORMAL, service_tier="flex")
    made = []
    while (attempt := request.start()) is not None:
        made.append((attempt.model, attempt.tier))
        attempt.finish(OVERLOADED)
        request.next_delay_s()
    assert made == [(MODEL, "flex"), (WEAKER, "flex"), (MODEL, "flex")]
    assert request.unjudged
    seen = bench.seen()
    assert failed(seen) == {"flex_full": 3}
    assert seen.requests == ()
    assert bench.balancer.status().mistakes == {}


def test_a_user_whose_patience_is_over_gets_no_second_try() -> None:
    """However the first one was put off."""
    bench = Bench(tiered(), settings=CallSettings(patience_s=60.0))
    request = ask(bench)
    attempt = started(request)
    assert attempt.timeout_s == 60.0
    bench.clock.advance(60.0)
    attempt.finish(Outcome(kind="timeout"))
    assert request.next_delay_s() is None
    assert request.over


def test_other_failures_of_flex_are_the_upstreams() -> None:
    """It shares the quota, and a broken answer is one in any tier."""
    for kind in ("quota_minute", "internal", "reset", "malformed"):
        bench = Bench(tiered())
        request = ask(bench)
        fail(request, Outcome(kind=kind))
        assert started(request).tier == "flex"
        assert failed(bench.seen()) == {kind: 1}


def test_only_a_call_in_flex_can_find_it_full() -> None:
    """An application that says so of another call has not been put off: it is over."""
    bench = Bench(tiered())
    request = ask(bench, NORMAL)
    assert fail(request, Outcome(kind="flex_full")) is None
    assert request.unjudged
    assert bench.balancer.status().mistakes == {}


def test_flex_has_a_quarter_of_an_hour_and_its_fallback_the_plans_deadline() -> None:
    """A shorter one of the caller's own holds."""
    request = ask(Bench(tiered(timeout_s=45.0)))
    assert started(request).timeout_s == FLEX_WAIT_S
    request.close()
    request = ask(Bench(tiered(timeout_s=45.0)))
    fail(request)
    assert started(request).timeout_s == 45.0
    own = ask(Bench(tiered(timeout_s=45.0)), timeout_s=120.0)
    assert started(own).timeout_s == 120.0


def test_a_queueing_flex_call_is_not_felt() -> None:
    """Neither while it waits nor when it is answered; what it used and cost is counted."""
    bench = Bench(tiered())
    attempt = started(ask(bench))
    bench.clock.advance(700.0)
    waiting = bench.seen()
    (entry,) = waiting.served
    assert (entry.started, entry.finished, entry.ages.total) == (1, 0, 0)
    assert waiting.requests == ()
    assert bench.balancer.status().in_flight == 1
    attempt.first_token()
    attempt.finish(ANSWER)
    (entry,) = bench.seen().served
    assert (entry.finished, entry.latency.total, entry.ttft.total) == (1, 0, 0)
    assert (entry.prompt_tokens, entry.output_tokens) == (100, 50)
    assert bench.balancer.status().in_flight == 0


def test_a_request_is_felt_from_its_first_attempt_outside_flex() -> None:
    """Ten minutes in the queue are no latency of standard."""
    bench = Bench(tiered())
    request = ask(bench)
    attempt = started(request)
    bench.clock.advance(600.0)
    attempt.finish(Outcome(kind="timeout"))
    standard = started(request)
    bench.clock.advance(0.5)
    standard.finish(ANSWER)
    seen = bench.seen()
    (entry,) = seen.served
    (felt,) = seen.requests
    assert (entry.latency.total, felt.begun, felt.answered.total) == (1, 1, 1)
    assert entry.latency.quantile(1.0) == pytest.approx(0.5, rel=0.02)
    assert felt.answered == entry.latency
    assert failed(seen) == {"flex_full": 1}


def test_flex_takes_no_place_of_those_in_flight() -> None:
    """Calls that queue for a quarter of an hour would keep everybody else out."""
    bench = Bench(tiered(max_in_flight=1))
    bench.seen()
    queueing = [ask(bench) for _ in range(5)]
    for request in queueing:
        assert started(request).tier == "flex"
    interactive = ask(bench, NORMAL)
    started(interactive)
    assert not interactive.shed
    assert ask(bench, NORMAL).refusal == "limits"


def test_a_flood_of_queueing_flex_browns_out_nobody() -> None:
    """The default law, ten minutes of flex that answers late, is full, or times out."""
    bench = Bench(replace(tiered(), tick_s=1.0))
    waiting: list[Callable[[], None]] = []

    def later(request: Request, outcome: Outcome) -> Callable[[], None]:
        attempt = started(request)
        return lambda: attempt.finish(outcome)

    for second in range(600):
        waiting += [later(ask(bench, service_tier="flex"), ANSWER) for _ in range(4)]
        fail(ask(bench, service_tier="flex"))
        standard = started(ask(bench, NORMAL))
        standard.finish(ANSWER)
        if second > 300:
            for end in waiting[:8]:
                end()
            del waiting[:8]
        bench.seen()
    assert bench.mode is Mode.NORMAL


def test_the_same_flood_in_standard_browns_out() -> None:
    """So that the test before could fail."""
    bench = Bench(replace(tiered(NO_TIERS), tick_s=1.0))
    waiting: list[Request] = []  # one that nobody holds any more is over
    for _ in range(120):
        waiting += [ask(bench) for _ in range(4)]
        for request in waiting[-4:]:
            started(request)
        bench.seen()
    # And back again, as no mode helps.
    assert any(decision.mode > Mode.NORMAL for _, decision in bench.ticks)


def test_a_forgotten_flex_call_is_given_up_in_the_end() -> None:
    """As any other: nothing grows for ever."""
    bench = Bench(tiered())
    forgotten = started(ask(bench))
    bench.clock.advance(LONGEST_CALL_S + 1.0)
    bench.seen()
    assert bench.balancer.status().in_flight == 0
    (entry,) = bench.seen().served
    assert (entry.finished, entry.latency.total) == (1, 0)
    forgotten.finish(ANSWER)
    assert bench.seen().served == ()


def test_a_cancelled_flex_call_has_no_latency() -> None:
    """Its age says nothing either."""
    bench = Bench(tiered())
    request = ask(bench)
    started(request)
    bench.clock.advance(30.0)
    request.close()
    seen = bench.seen()
    (entry,) = seen.served
    assert (entry.finished, entry.failed, entry.latency.total) == (1, 0, 0)
    assert seen.requests == ()


def test_a_tier_that_is_refused_is_withdrawn_for_the_calls_it_was_written_into() -> None:
    """Others of the mode, which have no tier written, keep their edits."""
    bench = Bench(tiered())
    request = ask(bench, HIGH)
    attempt = started(request)
    attempt.finish(Outcome(kind="edited", status=400))
    as_written = started(request)
    assert (as_written.tier, as_written.as_written) == ("standard", True)
    as_written.finish(ANSWER)
    assert started(ask(bench, HIGH)).as_written
    assert not started(ask(bench, NORMAL)).as_written
    assert started(ask(bench, LOW)).tier == "flex"
    (text,) = bench.balancer.status().withdrawn
    assert "in the priority tier" in text


def test_felt_requests_and_flex_do_not_mix() -> None:
    """A request of standard is felt as before, beside any flex."""
    bench = Bench(tiered())
    started(ask(bench))
    started(ask(bench, NORMAL)).finish(ANSWER)
    (felt,) = bench.seen().requests
    assert felt == ModeRequests(Mode.NORMAL, 1, felt.answered)
