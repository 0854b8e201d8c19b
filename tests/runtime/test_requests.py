"""The request loop does what the simulator's clients do."""

from __future__ import annotations

import gc
from dataclasses import replace

import pytest

from balancer.core.errors import MisuseError
from balancer.core.modes import Mode, Priority
from balancer.core.observations import FAILURES
from balancer.core.policy import BudgetLimit, Policy, Strategy
from balancer.policy_file import default_policy
from balancer.runtime.attempts import Attempt
from balancer.runtime.calls import Asked, CallRecord, CallSettings, Outcome
from balancer.runtime.requests import Request

from .bench import ANSWER, Bench

FAST, SMALL = "gemini-2.5-flash", "gemini-2.5-flash-lite"
OVERLOADED = Outcome(kind="overloaded")


def policy_with(*, mode: Mode = Mode.NORMAL, **changes: object) -> Policy:
    """The default policy with one strategy changed, free of expectations."""
    policy = default_policy()
    strategies = list(policy.strategies)
    strategies[mode] = replace(strategies[mode], **changes)  # type: ignore[arg-type]
    one, two, three, four = strategies
    return replace(policy, strategies=(one, two, three, four), baseline=None)


def budgeted(usd: float, window_s: float = 3600.0, key: str | None = None) -> Policy:
    """The default policy under a hard budget."""
    limit = BudgetLimit(usd=usd, window_s=window_s, key=key)
    return replace(default_policy(), budgets=(limit,))


def started(request: Request) -> Attempt:
    """Its next attempt, which there must be."""
    attempt = request.start()
    assert attempt is not None
    return attempt


def fail(request: Request, outcome: Outcome = OVERLOADED) -> float | None:
    """One failed attempt; the delay that follows."""
    started(request).finish(outcome)
    return request.next_delay_s()


def test_the_models_of_the_plan_come_at_once_then_over_again_after_the_backoff() -> None:
    """Two models and two retries: four attempts; google-genai's delays, jitter a half."""
    request = Bench().balancer.request()
    assert started(request).model == FAST
    with pytest.raises(MisuseError, match="has not ended"):
        request.start()
    bench = Bench()
    request = bench.balancer.request()
    models, delays = [], []
    while True:
        attempt = started(request)
        models.append(attempt.model)
        attempt.finish(OVERLOADED)
        delays.append(request.next_delay_s())
        if delays[-1] is None:
            break
    assert models == [FAST, SMALL, FAST, SMALL]
    assert delays == [0.0, 1.5, 0.0, None]
    assert request.over
    assert request.start() is None


def test_an_answer_ends_the_request() -> None:
    """Nothing more is tried."""
    request = Bench().balancer.request()
    started(request).finish(ANSWER)
    assert request.answered
    assert request.next_delay_s() is None
    assert request.start() is None


def test_a_model_out_for_the_day_is_passed_over_and_the_last_one_is_the_end() -> None:
    """quota_day is terminal when no model is left."""
    request = Bench().balancer.request()
    quota = Outcome(kind="quota_day")
    assert fail(request, quota) == 0.0
    assert fail(request) == 1.5
    attempt = started(request)
    assert attempt.model == SMALL
    attempt.finish(quota)
    assert request.next_delay_s() is None


@pytest.mark.parametrize(("honours", "delay_s"), [(True, 30.0), (False, 1.5)])
def test_retry_info_is_honoured_unless_the_application_does_not(
    honours: bool, delay_s: float
) -> None:
    """Only of a 429 that passes within minutes."""
    settings = CallSettings(honours_retry_delay=honours)
    request = Bench(settings=settings).balancer.request()
    fail(request)
    assert fail(request, Outcome(kind="quota_minute", retry_after_s=30.0)) == delay_s


def test_retries_left_are_the_smaller_of_the_plans_and_the_modes_in_force() -> None:
    """The plan binds, but a mode in force that allows none stops what is under way."""
    policy = policy_with(mode=Mode.EMERGENCY, retries=0)
    bench = Bench(policy)
    request = bench.balancer.request()
    fail(request)
    bench.balancer.override(Mode.EMERGENCY, "test", for_s=100.0)
    bench.clock.advance(1.0)
    bench.balancer.tick()
    assert request.plan.mode is Mode.NORMAL
    assert fail(request) is None


def test_a_retry_budget_bounds_what_starts_over() -> None:
    """Ten retries are saved up; a request without one ends."""
    policy = policy_with(fallback_models=())
    bench = Bench(policy, settings=CallSettings(retry_budget=0.0))
    delays = [fail(bench.balancer.request()) for _ in range(12)]
    assert delays == [1.5] * 10 + [None, None]


def test_an_attempt_beyond_the_first_on_each_model_takes_from_the_retry_budget() -> None:
    """Whichever model it goes to; the fallback itself costs none."""
    bench = Bench(settings=CallSettings(retry_budget=0.0))
    made = []
    for _ in range(7):
        request = bench.balancer.request()
        while fail(request) is not None:
            pass
        made.append(request.attempts)
    assert made == [4] * 5 + [2, 2]


def test_an_answer_earns_a_share_of_a_retry() -> None:
    """A request that fails earns nothing."""
    policy = policy_with(fallback_models=())
    bench = Bench(policy, settings=CallSettings(retry_budget=0.25))
    for _ in range(10):
        fail(bench.balancer.request())
    for _ in range(4):
        assert fail(bench.balancer.request()) is None
        started(bench.balancer.request()).finish(Outcome())
    assert fail(bench.balancer.request()) == 1.5
    assert fail(bench.balancer.request()) is None


def test_the_user_gives_up() -> None:
    """A timeout is cut to what is left, and a delay beyond it ends the request."""
    bench = Bench(settings=CallSettings(patience_s=10.0))
    request = bench.balancer.request()
    attempt = started(request)
    assert attempt.timeout_s == 10.0
    bench.clock.advance(9.0)
    attempt.finish(OVERLOADED)
    assert request.next_delay_s() == 0.0
    attempt = started(request)
    assert attempt.timeout_s == pytest.approx(1.0)
    attempt.finish(OVERLOADED)
    assert request.next_delay_s() is None


def test_latency_runs_from_the_requests_first_attempt() -> None:
    """And quick failures have none."""
    bench = Bench()
    request = bench.balancer.request()
    bench.clock.advance(0.25)
    fail(request)
    attempt = started(request)
    bench.clock.advance(0.125)
    attempt.first_token()
    bench.clock.advance(0.125)
    attempt.first_token()
    attempt.finish(ANSWER)
    first, second = bench.seen().served
    assert (first.started, first.finished, first.latency.total) == (1, 1, 0)
    assert first.failures[FAILURES.index("overloaded")] == 1
    assert second.latency.above((-129, -128)) == (1, 0)  # 0.25 s
    assert second.ttft.above((-193, -192)) == (1, 0)  # 0.125 s
    assert (second.prompt_tokens, second.output_tokens) == (100, 50)
    assert second.nano_usd > 0


@pytest.mark.parametrize("kind", ["timeout", "reset"])
def test_what_the_client_does_not_see_is_charged_its_prompt(kind: str) -> None:
    """And nothing is known of the answer."""
    bench = Bench()
    request = bench.balancer.request(asked=Asked(prompt_tokens=1000))
    started(request).finish(Outcome(kind=kind))
    (entry,) = bench.seen().served
    assert (entry.prompt_tokens, entry.output_tokens) == (1000, 0)
    assert entry.nano_usd == 300_000
    assert entry.latency.total == (kind == "timeout")


def test_errors_of_the_upstream_cost_nothing() -> None:
    """4xx and 5xx are not billed."""
    bench = Bench()
    started(bench.balancer.request(asked=Asked(prompt_tokens=1000))).finish(OVERLOADED)
    (entry,) = bench.seen().served
    assert (entry.prompt_tokens, entry.nano_usd) == (0, 0)


def test_a_request_is_shed_by_the_mode_and_its_static_answer_counted() -> None:
    """Low priority in emergency; the plan gives the text."""
    bench = Bench()
    bench.balancer.override(Mode.EMERGENCY, "test", for_s=100.0)
    bench.seen()
    request = bench.balancer.request(Priority.LOW)
    assert request.shed
    assert request.refusal == "shed"
    assert request.static_fallback is not None
    assert request.start() is None
    seen = bench.seen()
    assert (seen.offered, seen.admitted, seen.shed, seen.fallback) == (
        (1, 0, 0),
        (0, 0, 0),
        (1, 0, 0),
        (1, 0, 0),
    )


def test_a_failed_request_gets_the_static_answer_once() -> None:
    """Counted apart from answers and from shed ones."""
    bench = Bench(policy_with(static_fallback="Later.", fallback_models=(), retries=0))
    request = bench.balancer.request()
    assert fail(request) is None
    assert request.next_delay_s() is None
    seen = bench.seen()
    assert (seen.admitted, seen.shed, seen.fallback) == ((0, 1, 0), (0, 0, 0), (0, 1, 0))


def test_limits_refuse_what_the_mix_let_in() -> None:
    """Most in flight, and most starts in a tick."""
    bench = Bench(policy_with(max_in_flight=1))
    bench.seen()
    first = bench.balancer.request()
    attempt = started(first)
    assert bench.balancer.request().refusal == "limits"
    attempt.finish(ANSWER)
    assert not bench.balancer.request().shed
    bench = Bench(policy_with(max_starts_per_s=2.0))
    bench.seen()
    assert [bench.balancer.request().shed for _ in range(3)] == [False, False, True]
    bench.seen()
    assert not bench.balancer.request().shed


def test_a_plan_never_raises_the_callers_cap_nor_goes_below_its_least() -> None:
    """The smaller of both caps, and at least the declared minimum."""
    bench = Bench(policy_with(output_cap_tokens=1024, thinking=0))

    def cap(asked: Asked) -> int | None:
        return started(bench.balancer.request(asked=asked)).output_cap_tokens

    assert cap(Asked()) == 1024
    assert cap(Asked(output_cap_tokens=100)) == 100
    assert cap(Asked(output_cap_tokens=9000)) == 1024
    assert cap(Asked(min_output_tokens=2000)) == 2000
    assert started(Bench().balancer.request()).output_cap_tokens is None


def test_a_plan_without_a_model_leaves_the_callers() -> None:
    """And charges the call to it."""
    bench = Bench(policy_with(model=None, fallback_models=(), thinking=None))
    assert started(bench.balancer.request(asked=Asked(model="gemini-2.5-pro"))).model == (
        "gemini-2.5-pro"
    )
    assert started(bench.balancer.request()).model == FAST


def test_a_budget_shortens_then_refuses() -> None:
    """Thinking is cut to half of the cap; what is refused is shed and holds nothing."""
    bench = Bench(budgeted(0.01))
    asked = Asked(prompt_tokens=1000)
    first = bench.balancer.request(asked=asked)
    attempt = started(first)
    assert attempt.output_cap_tokens == 2048
    assert attempt.thinking == attempt.thinking_tokens == 1024
    others = [bench.balancer.request(asked=asked) for _ in range(3)]
    assert [request.refusal for request in others] == ["", "budget", "budget"]
    held = bench.balancer.ledger.reserved_nano_usd
    attempt.finish(Outcome(kind="overloaded"))
    assert bench.balancer.ledger.reserved_nano_usd < held
    for request in (first, *others):
        request.close()
    assert bench.balancer.ledger.reserved_nano_usd == 0
    seen = bench.seen()
    assert (seen.offered[1], seen.admitted[1], seen.shed[1]) == (4, 2, 2)


def test_what_could_not_be_seen_is_booked_as_it_was_reserved() -> None:
    """A timed-out call may have cost all of it."""
    bench = Bench(budgeted(1.0))
    ledger = bench.balancer.ledger
    request = bench.balancer.request(asked=Asked(prompt_tokens=1000))
    attempt = started(request)
    held = ledger.reserved_nano_usd
    attempt.finish(Outcome(kind="timeout"))
    request.close()
    assert ledger.reserved_nano_usd == 0
    assert ledger.headroom_nano_usd() == 1_000_000_000 - held


def test_a_minimum_is_kept_by_the_budget_or_the_call_refused() -> None:
    """Never cut below what makes it useful."""
    bench = Bench(budgeted(0.01))
    asked = Asked(prompt_tokens=1000, min_output_tokens=3000)
    request = bench.balancer.request(asked=asked)
    assert started(request).output_cap_tokens == 3000
    assert bench.balancer.request(asked=asked).refusal == "budget"


def test_a_dropped_request_gives_back_what_it_held() -> None:
    """And is accounted: no failure, but a latency of at least its age."""
    bench = Bench(budgeted(1.0))
    with bench.balancer.request() as request:
        started(request)
        bench.clock.advance(0.5)
    assert bench.balancer.status().in_flight == 0
    request = bench.balancer.request()
    del request
    gc.collect()
    assert bench.balancer.ledger.reserved_nano_usd == 0
    (entry,) = bench.seen().served
    assert (entry.started, entry.finished, entry.failed, entry.latency.total) == (1, 1, 0, 1)


@pytest.mark.parametrize("begun", [False, True])
def test_an_attempt_of_which_nothing_was_sent_counts_as_nothing(begun: bool) -> None:
    """Its money is free again, and its request unjudged."""
    bench = Bench(budgeted(1.0))
    request = bench.balancer.request()
    attempt = started(request) if begun else request.reserve()
    assert attempt is not None
    assert bench.balancer.budgets()[0].reserved > 0
    request.withdraw()
    request.withdraw()
    attempt.withdraw()
    assert (request.over, request.unjudged, request.start()) == (True, True, None)
    (budget,) = bench.balancer.budgets()
    assert (budget.used, budget.reserved) == (0, 0)
    seen = bench.seen()
    assert [(e.started, e.finished, e.ages.total) for e in seen.served] == [(0, 0, 0)] * begun
    assert sum(seen.unjudged) == begun


def test_an_attempt_that_is_withdrawn_a_tick_later_takes_no_other_from_its_count() -> None:
    """It was counted where it started."""
    bench = Bench()
    request = bench.balancer.request()
    started(request)
    assert bench.seen().served[0].started == 1
    request.withdraw()
    (entry,) = bench.seen().served
    assert (entry.started, entry.finished) == (0, 0)


def test_nothing_of_a_forgotten_attempt_is_taken_back() -> None:
    """The recorder has given it up, as the child of a fork does."""
    bench = Bench()
    request = bench.balancer.request()
    started(request)
    request.account.admission.recorder.clear()
    request.withdraw()
    assert bench.seen().served == ()


def test_an_attempt_ends_once() -> None:
    """Finishing it again is misuse; abandoning it again is not."""
    request = Bench().balancer.request()
    attempt = started(request)
    attempt.begin()
    attempt.finish(ANSWER)
    attempt.abandon()
    with pytest.raises(MisuseError, match="once"):
        attempt.finish(ANSWER)
    with pytest.raises(ValueError, match="expected one of"):
        Outcome(kind="late")


def test_a_reserved_attempt_waits_for_its_place() -> None:
    """Its clock starts when it begins; meanwhile it counts as waiting."""
    bench = Bench()
    request = bench.balancer.request()
    with bench.balancer.waiting():
        attempt = request.reserve()
        assert attempt is not None
        assert request.reserve() is attempt
        bench.clock.advance(0.5)
        assert bench.balancer.status().waiting == 1
        assert bench.seen().waiting == 1
    attempt.begin()
    attempt.finish(ANSWER)
    seen = bench.seen()
    assert seen.waiting == 0
    assert seen.served[0].latency.highest < -128


def test_call_listeners_get_every_attempt() -> None:
    """With what a span needs; one that fails is logged and changes nothing."""
    bench = Bench()
    records: list[CallRecord] = []

    def broken(record: CallRecord) -> None:
        raise RuntimeError(record.model)

    bench.balancer.listeners.calls.add(broken)
    bench.balancer.listeners.calls.add(records.append)
    request = bench.balancer.request(key="acme", index=7)
    fail(request)
    attempt = started(request)
    bench.clock.advance(2.0)
    attempt.finish(ANSWER)
    first, second = records
    assert (first.model, first.attempt, second.model, second.attempt) == (FAST, 0, SMALL, 1)
    assert (second.key, second.index, second.started_s, second.ended_s) == ("acme", 7, 0.0, 2.0)
    assert second.latency_s == 2.0
    assert second.nano_usd > 0


def test_an_untouched_strategy_leaves_everything_to_the_caller() -> None:
    """Passing through: the caller's model, no cap, the application's retries."""
    bench = Bench(settings=CallSettings(retries=1))
    bench.balancer.bypass(True, "test")
    request = bench.balancer.request(asked=Asked(model="gemini-2.5-pro"))
    assert request.plan.strategy == Strategy()
    assert fail(request) == 1.5
    assert fail(request) is None
    bench.balancer.bypass(False)
    assert bench.balancer.request().plan.strategy != Strategy()
