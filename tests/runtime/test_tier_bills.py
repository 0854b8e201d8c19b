"""Service tiers of a live balancer: what a call costs, by the tier and the model that served."""

from __future__ import annotations

from dataclasses import replace

from balancer.core.modes import Priority
from balancer.core.tiers import PROVISIONED
from balancer.runtime.bills import bill, in_tier
from balancer.runtime.calls import CallRecord, Outcome

from .bench import ANSWER, Bench
from .test_requests import fail, started
from .tiered import CARD, CATALOG, HIGH, LOW, MODEL, NORMAL, WEAKER, ask, tiered


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
