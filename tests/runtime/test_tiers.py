"""Service tiers of a live balancer: what is sent, what is felt of it, what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from balancer.core.catalog import Catalog
from balancer.core.modes import Mode, Priority
from balancer.core.observations import FAILURES, ModeRequests, Observations
from balancer.core.policy import BudgetLimit, Policy
from balancer.core.strategy import NO_TIERS, TiersByPriority
from balancer.core.tiers import FLEX_WAIT_S, PROVISIONED
from balancer.policy_file import default_policy
from balancer.runtime.bills import bill, in_tier
from balancer.runtime.calls import Asked, CallRecord, CallSettings, Outcome
from balancer.runtime.recorder import LONGEST_CALL_S
from balancer.runtime.requests import Request

from .bench import ANSWER, Bench
from .test_requests import OVERLOADED, fail, policy_with, started

MODEL, WEAKER = "gemini-3.6-flash", "gemini-3.5-flash-lite"
CATALOG = replace(default_policy().catalog, as_of="2026-11-28")
CARD = CATALOG.card(MODEL)
FLEX: TiersByPriority = ("flex", None, "priority")
LOW, NORMAL, HIGH = Priority.LOW, Priority.NORMAL, Priority.HIGH


def tiered(tiers: TiersByPriority = FLEX, *, catalog: Catalog = CATALOG, **changes: Any) -> Policy:
    """A policy whose normal has service tiers, a weaker model to fall back to, and no budget."""
    changes = {"model": MODEL, "fallback_models": (WEAKER,), "retries": 1, **changes}
    policy = policy_with(service_tier=tiers, **changes)
    return replace(policy, catalog=catalog)


def ask(bench: Bench, priority: Priority = LOW, **asked: object) -> Request:
    """A request of the model."""
    return bench.balancer.request(priority, asked=Asked(model=MODEL, **asked))  # type: ignore[arg-type]


def failed(seen: Observations) -> dict[str, int]:
    """Attempts that failed, by kind."""
    found = dict.fromkeys(FAILURES, 0)
    for entry in seen.served:
        for kind, count in zip(FAILURES, entry.failures, strict=True):
            found[kind] += count
    return {kind: count for kind, count in found.items() if count}


# --- which tier ---------------------------------------------------------------------------


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


# --- flex ---------------------------------------------------------------------------------


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


# --- who served ---------------------------------------------------------------------------


def usual(**more: object) -> Outcome:
    """An answer, and what it says of who served it."""
    return replace(ANSWER, **more)  # type: ignore[arg-type]


def observed(
    outcome: Outcome, priority: Priority = NORMAL, tier: str | None = None
) -> tuple[int, int, int]:
    """Cost in nano-dollars, and what was served by something else, of one call."""
    bench = Bench(tiered())
    started(ask(bench, priority, service_tier=tier)).finish(outcome)
    (entry,) = bench.seen().served
    assert (entry.model, entry.finished, entry.failed) == (MODEL, 1, 0)
    return entry.nano_usd, entry.rerouted, entry.downgraded


def cost(model: str = MODEL, tier: str = "standard") -> int:
    """Of the answer, 100 tokens in and 50 out."""
    row = CATALOG.card(model).price_of(tier)
    return (100 * row[1] + 50 * row[2]) // 1_000_000


def test_a_call_is_billed_in_the_tier_that_served() -> None:
    """Where the answer says nothing, in the one it was sent in."""
    assert cost(tier="flex") * 2 == cost()
    assert observed(usual()) == (cost(), 0, 0)
    assert observed(usual(), LOW) == (cost(tier="flex"), 0, 0)
    assert observed(usual(served_tier="flex"), LOW) == (cost(tier="flex"), 0, 0)
    assert observed(usual(), HIGH) == (cost(tier="priority"), 0, 0)
    assert observed(usual(served_tier="standard"), HIGH) == (cost(), 0, 1)
    assert observed(usual(served_tier="standard"), LOW) == (cost(), 0, 1)


def test_provisioned_throughput_is_paid_already_and_its_spill_over_is_not() -> None:
    """It is no other tier than was sent: it goes first wherever there is some."""
    assert observed(usual(served_tier=PROVISIONED)) == (0, 0, 0)
    assert observed(usual(served_tier=PROVISIONED), tier="priority") == (0, 0, 0)
    assert observed(usual(served_tier="standard")) == (cost(), 0, 0)
    spilt = observed(usual(served_tier="priority"), tier="priority")
    assert spilt == (cost(tier="priority"), 0, 0)


def test_a_call_is_billed_as_the_model_that_served() -> None:
    """And counted, where that is another one."""
    assert observed(usual(served_model=WEAKER)) == (cost(WEAKER), 1, 0)
    assert observed(usual(served_model=f"{MODEL}-001")) == (cost(), 0, 0)
    assert observed(usual(served_model=WEAKER, served_tier="flex")) == (
        cost(WEAKER, "flex"),
        1,
        1,
    )


def test_a_model_that_nobody_knows_is_billed_as_the_one_that_was_called() -> None:
    """A longer name of the same model is taken for a version of it."""
    assert observed(usual(served_model="gemini-9-flash")) == (cost(), 1, 0)
    assert observed(usual(served_model=f"{MODEL}-exotic")) == (cost(), 0, 0)


def test_a_model_that_has_ended_is_seen_to_be_served_by_another() -> None:
    """It is sent as it was written, and charged to who answers for it."""
    ended = CATALOG.on("2027-12-31")
    old = next(card for card in ended.cards if card.ended("2027-12-31") and card.served_by)
    heir = ended.card(old.name)
    assert heir.name != old.name
    found = bill(ended, heir.name, old.name, "standard", heir.name, "")
    assert (found.rerouted, found.card) == (True, heir)
    assert not bill(ended, heir.name, heir.name, "standard", heir.name, "").rerouted


def test_of_an_unknown_model_nobody_can_say_that_another_one_answered() -> None:
    """A tuned model answers under a name of its own."""
    found = bill(CATALOG, "tunedModels/mine", "tunedModels/mine", "flex", "mine-7", "")
    assert found == (None, False, False)
    known = bill(CATALOG, "tunedModels/mine", "tunedModels/mine", "flex", MODEL, "")
    assert known.card == in_tier(CARD, "flex")
    declared = replace(CATALOG, unknown=replace(CARD, name="unknown", price=(1, 2, 3, 4, 5, 6, 7)))
    found = bill(declared, "mine", "mine", "standard", MODEL, "")
    assert found.card is not None
    assert found.card.price == (1, 2, 3, 4, 5, 6, 7)


def test_an_alias_is_the_model_it_stands_for() -> None:
    """So is a dated name."""
    alias = replace(CARD, aliases=("gemini-flash-latest",))
    catalog = replace(CATALOG, cards=(alias,))
    found = bill(catalog, MODEL, "gemini-flash-latest", "standard", MODEL, "standard")
    assert not found.rerouted
    assert found.card == alias


def test_media_cost_what_they_do_in_the_tier_and_searches_the_same() -> None:
    """Provisioned throughput pays for tokens of any kind, and for no search."""
    card = next(c for c in CATALOG.cards if c.surcharges.media and c.surcharges.search)
    assert in_tier(card, "flex").surcharges == card.surcharges_of("flex")
    bought = in_tier(card, PROVISIONED)
    assert bought.surcharges.media == ()
    assert bought.surcharges.search == card.surcharges.search
    assert in_tier(card, "standard") is card


def test_a_call_record_says_the_tier_it_was_sent_in() -> None:
    """And its outcome the one that served."""
    bench = Bench(tiered())
    records: list[CallRecord] = []
    bench.balancer.listeners.calls.add(records.append)
    request = ask(bench)
    fail(request)
    started(request).finish(usual(served_tier="standard"))
    assert [record.tier for record in records] == ["flex", "standard"]
    kinds = [record.outcome.kind for record in records if record.outcome is not None]
    assert kinds == ["flex_full", None]


def test_a_full_queue_costs_nothing_and_a_timeout_what_cannot_be_seen() -> None:
    """As in standard."""
    for kind, prompt in (("overloaded", 0), ("timeout", 900)):
        bench = Bench(tiered())
        fail(ask(bench, prompt_tokens=900), Outcome(kind=kind))
        (entry,) = bench.seen().served
        assert entry.prompt_tokens == prompt
    bench = Bench(tiered())
    fail(ask(bench), Outcome(kind="overloaded", billed=True, prompt_tokens=7, output_tokens=3))
    (entry,) = bench.seen().served
    assert (entry.prompt_tokens, entry.output_tokens) == (7, 3)


# --- budgets ------------------------------------------------------------------------------


def held(priority: Priority, tier: str | None = None) -> int:
    """What a hard budget holds for a call."""
    policy = replace(tiered(), budgets=(BudgetLimit(usd=1000.0, window_s=3600.0),))
    bench = Bench(policy)
    started(ask(bench, priority, output_cap_tokens=1000, prompt_tokens=1000, service_tier=tier))
    return bench.balancer.ledger.reserved_nano_usd


def test_a_budget_holds_the_dearer_of_the_tier_and_standard() -> None:
    """A flex call may have to go to standard; a priority call costs more."""
    standard = held(NORMAL)
    assert held(LOW) == standard
    assert held(HIGH) == held(NORMAL, "priority") == pytest.approx(1.8 * standard)


def test_what_flex_gave_back_is_there_for_its_fallback() -> None:
    """A budget with room for one call has room for a call that is put off."""
    policy = replace(tiered(), budgets=(BudgetLimit(usd=0.02, window_s=3600.0),))
    bench = Bench(policy)
    request = ask(bench, output_cap_tokens=1000, prompt_tokens=100)
    assert fail(request) == 0.0
    started(request).finish(ANSWER)
    assert request.answered


def priority_budget(usd: float, **more: Any) -> Policy:
    """A budget of priority, and none that refuses calls."""
    limit = BudgetLimit(usd=usd, window_s=3600.0)
    return replace(tiered(), priority_budgets=(limit,), **more)


def test_beyond_their_budget_calls_of_priority_go_as_standard() -> None:
    """None is refused, whatever the model costs; nothing else is bounded."""
    bench = Bench(priority_budget(0.02))
    tiers = []
    for _ in range(6):
        attempt = started(ask(bench, HIGH, output_cap_tokens=1000, prompt_tokens=100))
        tiers.append(attempt.tier)
        attempt.finish(Outcome(prompt_tokens=100, output_tokens=500, served_tier=attempt.tier))
    assert tiers[0] == "priority"
    assert tiers[-1] == "standard"
    assert tiers == sorted(tiers)
    call = bench.balancer.begin()  # no budget that would forbid plain calls
    bench.balancer.finish(call, prompt_tokens=1)
    assert started(ask(bench, NORMAL)).tier == "standard"


def test_a_priority_budget_is_never_exceeded_by_calls_in_flight() -> None:
    """Money is held before a call starts."""
    bench = Bench(priority_budget(0.05))
    attempts = [
        started(ask(bench, HIGH, output_cap_tokens=1000, prompt_tokens=100)) for _ in range(30)
    ]
    paid = [attempt for attempt in attempts if attempt.tier == "priority"]
    assert 0 < len(paid) < 30
    row = CARD.price_of("priority")
    worst = (150 * row[1] + 1000 * row[2]) // 1_000_000
    assert len(paid) * worst <= 50_000_000 < (len(paid) + 1) * worst


def test_what_was_served_as_standard_is_not_charged_to_priority() -> None:
    """In a rush, priority's share is over and its calls are downgraded in silence."""
    bench = Bench(priority_budget(0.02))
    for _ in range(20):
        attempt = started(ask(bench, HIGH, output_cap_tokens=1000, prompt_tokens=100))
        assert attempt.tier == "priority"
        attempt.finish(Outcome(prompt_tokens=100, output_tokens=500, served_tier="standard"))


def test_a_callers_own_priority_is_bounded_too_but_not_where_the_plan_has_no_say() -> None:
    """A call in headers of its own, or as it was written, keeps its tier."""
    bench = Bench(priority_budget(1e-9))
    assert started(ask(bench, NORMAL, service_tier="priority")).tier == "standard"
    vertex = ask(bench, NORMAL, service_tier="priority", takes_tiers=False)
    assert started(vertex).tier == "priority"


def test_a_budget_that_refuses_priority_still_makes_the_call_as_standard() -> None:
    """Before it refuses any."""
    worst = (150 * CARD.price[1] + 1000 * CARD.price[2]) // 1_000_000
    asked = {"output_cap_tokens": 1000, "min_output_tokens": 1000, "prompt_tokens": 100}
    for usd, tier in ((2.0 * worst, "priority"), (1.5 * worst, "standard"), (0.9 * worst, None)):
        limit = BudgetLimit(usd=usd / 1e9, window_s=3600.0)
        bench = Bench(replace(tiered(), budgets=(limit,)))
        attempt = ask(bench, HIGH, **asked).start()
        assert (None if attempt is None else attempt.tier) == tier


def test_a_priority_budget_outlives_a_restart_and_another_policy() -> None:
    """What was spent still counts, and what is in flight counts as spent."""
    bench = Bench(priority_budget(0.02))
    ledger = bench.balancer.ledger
    started(ask(bench, HIGH, output_cap_tokens=1000, prompt_tokens=100))
    state = ledger.state()
    other = Bench(priority_budget(0.02))
    other.balancer.ledger.restore(state)
    assert started(ask(other, HIGH, output_cap_tokens=1000, prompt_tokens=900)).tier == (
        started(ask(bench, HIGH, output_cap_tokens=1000, prompt_tokens=900)).tier
    )
    older = {name: value for name, value in state.items() if name != "priority"}
    other.balancer.ledger.restore(older)
    bench.balancer.use(priority_budget(1e-9))
    assert started(ask(bench, HIGH, output_cap_tokens=10, prompt_tokens=1)).tier == "standard"
    bench.balancer.use(tiered())
    assert started(ask(bench, HIGH)).tier == "priority"


# --- edits that are refused ---------------------------------------------------------------


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
