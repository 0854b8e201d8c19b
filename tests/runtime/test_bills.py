"""What is booked is what the provider bills, and a hard budget holds for all of it."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from balancer.core.modes import Mode
from balancer.core.policy import Policy
from balancer.policy_file import default_policy
from balancer.runtime.calls import Asked, CallRecord, Outcome
from balancer.wire import read_asked, read_usage

from .bench import Bench
from .test_requests import budgeted, policy_with, started

FLASH, FLASH_3 = "gemini-2.5-flash", "gemini-3-flash-preview"
USD = 1_000_000_000
AN_HOUR = {
    "promptTokenCount": 115_208,
    "candidatesTokenCount": 500,
    "promptTokensDetails": [
        {"modality": "TEXT", "tokenCount": 8},
        {"modality": "AUDIO", "tokenCount": 115_200},
    ],
}
AN_HOURS_BILL = 116_452_400


def answered(usage: dict[str, object], model: str = FLASH) -> Outcome:
    """An answer with this usage."""
    found = read_usage({"usageMetadata": usage})
    assert found is not None
    return Outcome(
        prompt_tokens=found.prompt_tokens,
        output_tokens=found.output_tokens,
        surcharge_nano_usd=found.surcharge_nano_usd(default_policy().catalog.priced(model)),
    )


def on(model: str, usd: float) -> Policy:
    """A hard budget, and one model without thinking."""
    policy = policy_with(model=model, fallback_models=(), thinking=None)
    return replace(policy, budgets=budgeted(usd).budgets)


def spend(bench: Bench, asked: Asked, outcome: Outcome, *, calls: int, at_once: int = 1) -> int:
    """Ask so often, in bursts; how many calls the budget let through."""
    made = 0
    for _ in range(calls // at_once):
        requests = [bench.balancer.request(asked=asked) for _ in range(at_once)]
        attempts = [attempt for request in requests if (attempt := request.start()) is not None]
        for attempt in attempts:
            attempt.finish(outcome)
        made += len(attempts)
    return made


def test_an_hour_of_audio_is_booked_at_its_price() -> None:
    """In what was observed, and so in cost and spend figures."""
    bench = Bench()
    started(bench.balancer.request()).finish(answered(AN_HOUR))
    (entry,) = bench.seen().served
    assert (entry.prompt_tokens, entry.nano_usd) == (115_208, AN_HOURS_BILL)


@pytest.mark.parametrize("at_once", [1, 4, 28])
def test_calls_with_audio_never_exceed_a_budget(at_once: int) -> None:
    """28 of them would cost $3.26; 8 fit in $1, one after the other."""
    bench = Bench(on(FLASH, 1.0))
    asked = Asked(prompt_tokens=115_208, media=(("audio", 115_208),), output_cap_tokens=500)
    made = spend(bench, asked, answered(AN_HOUR), calls=28, at_once=at_once)
    assert made * AN_HOURS_BILL <= USD
    left = bench.balancer.ledger.headroom_nano_usd()
    assert left == USD - made * AN_HOURS_BILL
    assert made >= (7 if at_once == 1 else 4)


def test_a_file_that_is_only_named_holds_all_that_the_model_reads() -> None:
    """So that no talk of nine hours slips through: $1.05 of 2.5-flash, for its audio."""
    body = {"contents": [{"parts": [{"fileData": {"mimeType": "audio/mp3", "fileUri": "u"}}]}]}
    found = read_asked(body)
    asked = Asked(prompt_tokens=found.prompt_tokens, media=found.media, output_cap_tokens=500)
    assert Bench(on(FLASH, 1.0)).balancer.request(asked=asked).refusal == "budget"
    bench = Bench(on(FLASH, 2.0))
    started(bench.balancer.request(asked=asked))
    assert bench.balancer.ledger.reserved_nano_usd == 1_048_576 * 1000 + 500 * 2500


def test_calls_that_are_dearer_than_anybody_could_know_do_not_exceed_it_again() -> None:
    """The first one teaches the ledger what to hold."""
    bench = Bench(on(FLASH, 1.0))
    asked = Asked(prompt_tokens=10, output_cap_tokens=500)
    made = spend(bench, asked, answered(AN_HOUR), calls=28)
    assert made == 8
    assert made * AN_HOURS_BILL <= USD


def test_what_the_ledger_learned_fades() -> None:
    """When calls keep to their worst case again."""
    bench = Bench(on(FLASH, 1.0))
    ledger = bench.balancer.ledger
    asked = Asked(prompt_tokens=10, output_cap_tokens=500)

    def held() -> int:
        with bench.balancer.request(asked=asked):
            return ledger.reserved_nano_usd

    before = held()
    started(bench.balancer.request(asked=asked)).finish(answered(AN_HOUR))
    learned = held()
    assert learned > before + 100_000_000
    spend(bench, asked, Outcome(prompt_tokens=10, output_tokens=5), calls=64)
    assert before < held() < before + (learned - before) // 2
    spend(bench, asked, Outcome(prompt_tokens=10, output_tokens=5), calls=1500)
    assert held() == before


@pytest.mark.parametrize(
    ("model", "bill", "fits"), [(FLASH, 35_000_000, 27), (FLASH_3, 28_000_000, 31)]
)
def test_grounded_calls_never_exceed_a_budget(model: str, bill: int, fits: int) -> None:
    """A fee by prompt, or by query: as many queries are held as a call is taken to make."""
    bench = Bench(on(model, 1.0))
    asked = Asked(prompt_tokens=20, fees=frozenset({"search"}), output_cap_tokens=300)
    outcome = Outcome(prompt_tokens=20, output_tokens=300, surcharge_nano_usd=bill)
    made = spend(bench, asked, outcome, calls=100, at_once=5)
    left = bench.balancer.ledger.headroom_nano_usd()
    assert left is not None
    assert left >= 0
    assert made >= fits
    assert spend(bench, replace(asked, fees=frozenset()), Outcome(prompt_tokens=20), calls=1) == 1


def test_a_dated_version_is_booked_and_reserved_at_its_familys_price() -> None:
    """Budget or not."""
    dated = Asked(model="gemini-2.5-flash-001", prompt_tokens=1000, pinned=True)
    for policy in (default_policy(), budgeted(1.0)):
        bench = Bench(policy)
        request = bench.balancer.request(asked=dated)
        assert request.refusal == ""
        started(request).finish(Outcome(prompt_tokens=1000, output_tokens=1000))
        (entry,) = bench.seen().served
        assert entry.nano_usd == 2_800_000


NEW = Asked(model="new-model", prompt_tokens=1000, pinned=True)


def test_a_hard_budget_refuses_a_model_without_a_price_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And no static answer covers it up."""
    policy = replace(budgeted(1.0), strategies=policy_with(static_fallback="Later.").strategies)
    bench = Bench(policy)
    with caplog.at_level(logging.WARNING, "balancer"):
        requests = [bench.balancer.request(asked=NEW) for _ in range(2)]
    assert [request.refusal for request in requests] == ["no_price", "no_price"]
    assert requests[0].static_fallback is None
    assert requests[0].model == "new-model"
    assert [record.getMessage() for record in caplog.records] == [
        "the policy has a hard budget and no price for model 'new-model', so that no call of it "
        "can keep to the budget; declare one in the policy, in dollars per million tokens: "
        'prices: {models: {"new-model": {input: ..., output: ...}}}, or for all models without '
        "one prices: {unknown: {input: ..., output: ...}}"
    ]
    assert bench.seen().shed == (0, 2, 0)


def test_without_a_budget_it_is_served_and_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """As ever."""
    bench = Bench()
    with caplog.at_level(logging.WARNING, "balancer"):
        started(bench.balancer.request(asked=NEW)).finish(Outcome(prompt_tokens=1000))
    assert "its calls count as free" in caplog.text


def test_a_declared_price_of_the_unknown_is_held_and_booked() -> None:
    """As that of any other model."""
    policy = budgeted(1.0)
    flash = policy.catalog.card(FLASH)
    bench = Bench(replace(policy, catalog=replace(policy.catalog, unknown=flash)))
    request = bench.balancer.request(asked=NEW)
    started(request).finish(Outcome(prompt_tokens=1000, output_tokens=1000))
    (entry,) = bench.seen().served
    assert (entry.model, entry.nano_usd) == ("new-model", 2_800_000)


SO_FAR = Outcome(kind="cut", prompt_tokens=1000, output_tokens=200, surcharge_nano_usd=5_000)


def test_a_stream_that_is_left_is_charged_what_it_had_reported() -> None:
    """In figures and in the budget alike; it is no failure."""
    bench = Bench(budgeted(1.0))
    records: list[CallRecord] = []
    bench.balancer.listeners.calls.add(records.append)
    with bench.balancer.request(asked=Asked(prompt_tokens=7)) as request:
        started(request).abandon(SO_FAR)
    (entry,) = bench.seen().served
    assert (entry.prompt_tokens, entry.output_tokens, entry.failed) == (1000, 200, 0)
    assert entry.nano_usd == 300_000 + 500_000 + 5_000
    assert bench.balancer.ledger.headroom_nano_usd() == USD - entry.nano_usd
    assert [(record.outcome, record.nano_usd) for record in records] == [(None, entry.nano_usd)]


@pytest.mark.parametrize("so_far", [None, Outcome(kind="cut")])
def test_where_nothing_was_reported_the_prompt_is_charged_and_the_budget_books_all_held(
    so_far: Outcome | None,
) -> None:
    """The upstream may go on, and bill that much."""
    bench = Bench(budgeted(1.0))
    ledger = bench.balancer.ledger
    request = bench.balancer.request(asked=Asked(prompt_tokens=1000))
    attempt = started(request)
    held = ledger.reserved_nano_usd
    attempt.abandon(so_far)
    (entry,) = bench.seen().served
    assert (entry.prompt_tokens, entry.nano_usd) == (1000, 300_000)
    assert ledger.headroom_nano_usd() == USD - held


@pytest.mark.parametrize("kind", ["timeout", "reset"])
def test_a_stream_that_broke_off_is_charged_what_it_had_sent(kind: str) -> None:
    """Unlike a call that never said anything, which may run on."""
    bench = Bench(budgeted(1.0))
    request = bench.balancer.request(asked=Asked(prompt_tokens=1000))
    started(request).finish(replace(SO_FAR, kind=kind, billed=True))
    request.close()
    (entry,) = bench.seen().served
    assert (entry.mode, entry.output_tokens) == (Mode.NORMAL, 200)
    assert bench.balancer.ledger.headroom_nano_usd() == USD - entry.nano_usd


@pytest.mark.parametrize("kind", ["closed", "edited", "rejected"])
def test_refusals_are_not_billed(kind: str) -> None:
    """Whoever's fault they are."""
    bench = Bench(budgeted(1.0))
    request = bench.balancer.request(asked=Asked(prompt_tokens=1000))
    started(request).finish(Outcome(kind=kind))
    request.close()
    assert bench.seen().served[0].nano_usd == 0
    assert bench.balancer.ledger.headroom_nano_usd() == USD
