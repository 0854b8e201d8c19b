"""The fate of a call, one call at a time, as the mock server makes them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from balancer.core.observations import FAILURES
from scenarios.schema import UpstreamFault
from sim.plant.fault_rows import write_fault
from sim.plant.quota import REFUSERS
from sim.plant.upstream import begin, end
from sim.plant.upstream_records import ANSWER, CALL, LONGEST_HOLD_S, Upstream
from sim.plant.upstream_setup import new_upstream

from .worlds import FLASH, LITE, policy, scenario


class Gemini:
    """An upstream with one fault at most, and a call to make."""

    def __init__(
        self,
        fault: dict[str, Any] | None = None,
        *,
        project: dict[str, Any] | None = None,
        starts_at: str | None = None,
        **flash: Any,
    ) -> None:
        world = scenario(flash=flash, project=project, starts_at=starts_at)
        self.upstream: Upstream = new_upstream(world, policy(), 5, (FLASH, LITE))
        if fault is not None:
            given = UpstreamFault.model_validate({"at": 0, "for": 10, **fault})
            write_fault(self.upstream.faults, (FLASH, LITE), 0, given)

    def call(self, now_s: float = 0.0, **asked: Any) -> Any:
        """Make a call; what is not said is 1000 tokens in and 100 out, without thinking."""
        calls = np.zeros(1, CALL)
        usual = {"prompt": 1000, "output": 100, "cap": 65_536, "concise": 1.0}
        for name, value in {**usual, **asked}.items():
            calls[name] = value
        begin(self.upstream, calls, 0, now_s)
        return calls[0]

    @property
    def in_flight(self) -> int:
        """Calls the model is busy with."""
        return int(self.upstream.models[0]["in_flight"])


def test_a_healthy_call_takes_the_time_of_its_tokens() -> None:
    """Half a second to the first token, 100 tokens a second from there."""
    call = Gemini().call()
    assert call["outcome"] == ANSWER
    assert call["ttft_s"] == pytest.approx(0.5)
    assert call["duration_s"] == pytest.approx(1.5)
    assert call["bill_nano_usd"] == 1000 * 300 + 100 * 2500


def test_thinking_comes_before_the_first_token_and_is_billed_as_output() -> None:
    """200 tokens of thinking are 2 s more."""
    call = Gemini().call(thinking=200, budget=1000)
    assert call["ttft_s"] == pytest.approx(2.5)
    assert call["thought"] == 200
    assert call["bill_nano_usd"] == 1000 * 300 + 300 * 2500


def test_a_budget_bounds_thinking() -> None:
    """Zero turns it off."""
    assert Gemini().call(thinking=900, budget=50)["thought"] == 50
    assert Gemini().call(thinking=900, budget=0)["thought"] == 0


@pytest.mark.parametrize(("budget", "kept"), [(900, 1.0), (450, 0.96), (0, 0.92), (10_000, 1.0)])
def test_quality_is_lost_in_proportion_to_the_thinking_that_is_missing(
    budget: int, kept: float
) -> None:
    """Eight points of it go with all the thinking; more than it would think adds nothing."""
    call = Gemini(quality=0.5).call(thinking=900, budget=budget)
    assert call["quality_ppm"] == round(0.5 * kept * 1e6)


def test_thinking_that_a_fault_adds_is_not_missed() -> None:
    """What a model needs is what it thinks when healthy: a quarter of what it now wants."""
    gemini = Gemini({"kind": "thinking", "factor": 4})
    assert gemini.call(thinking=900, budget=900)["quality_ppm"] == 1_000_000


def test_a_model_that_thinks_less_by_nature_misses_nothing() -> None:
    """Its own thinking is the measure; a rounded token is no loss."""
    call = Gemini(thinking_factor=0.333).call(thinking=100, budget=1000)
    assert (call["thought"], call["quality_ppm"]) == (33, 1_000_000)


def test_a_model_that_cannot_think_misses_no_thinking() -> None:
    """Its quality was declared without any."""
    cards = tuple(replace(card, budget=None, levels=()) for card in policy().catalog.cards)
    silent = replace(policy(), catalog=replace(policy().catalog, cards=cards))
    upstream = new_upstream(scenario(), silent, 5, (FLASH, LITE))
    assert upstream.models["thinking_loss"].tolist() == [0.0, 0.0]


def test_an_answer_that_is_cut_counts_for_the_part_delivered() -> None:
    """Half of what its model is good for."""
    assert Gemini(quality=0.8).call(cap=50)["quality_ppm"] == 400_000


def test_the_cap_covers_thinking_and_answer_together() -> None:
    """What thinking leaves is the answer, and the rest of it is lost."""
    call = Gemini().call(thinking=60, budget=100, cap=100, output=80)
    assert (call["thought"], call["answered"]) == (60, 40)
    assert call["outcome"] == ANSWER
    assert call["delivered_ppm"] == 500_000


def test_an_answer_that_thinking_ate_is_empty_and_billed() -> None:
    """The cap is spent before a word is said."""
    call = Gemini().call(thinking=500, budget=1000, cap=100)
    assert FAILURES[call["outcome"]] == "empty"
    assert call["thought"] == 100
    assert call["bill_nano_usd"] == 1000 * 300 + 100 * 2500


def test_a_concise_instruction_shortens_the_natural_answer() -> None:
    """Nothing of it counts as cut off."""
    call = Gemini().call(concise=0.6)
    assert call["answered"] == 60
    assert call["delivered_ppm"] == 1_000_000


def test_errors_are_quick_and_free() -> None:
    """They hold nothing upstream."""
    gemini = Gemini({"kind": "error", "error": "internal"})
    call = gemini.call()
    assert FAILURES[call["outcome"]] == "internal"
    assert call["duration_s"] == pytest.approx(0.3)
    assert call["bill_nano_usd"] == 0
    assert gemini.in_flight == 0


@pytest.mark.parametrize("error", ["reset", "malformed"])
def test_a_lost_or_broken_answer_is_billed(error: str) -> None:
    """The work was done."""
    call = Gemini({"kind": "error", "error": error}).call()
    assert FAILURES[call["outcome"]] == error
    assert call["bill_nano_usd"] == 1000 * 300 + 100 * 2500
    assert call["holds_s"] == pytest.approx(1.5)


def test_a_hang_never_answers_holds_its_place_and_is_billed() -> None:
    """For ten minutes at most."""
    gemini = Gemini({"kind": "hang"})
    call = gemini.call()
    assert math.isinf(call["duration_s"])
    assert call["holds_s"] == LONGEST_HOLD_S
    assert call["bill_nano_usd"] == 1000 * 300 + 100 * 2500
    assert gemini.in_flight == 1


def test_latency_multiplies_and_adds() -> None:
    """Both phases are stretched; the addition comes before the first token."""
    call = Gemini({"kind": "latency", "factor": 3, "add": 2.0}).call()
    assert call["ttft_s"] == pytest.approx(3.5)
    assert call["duration_s"] == pytest.approx(6.5)


def test_a_thinking_fault_may_pass_the_budget() -> None:
    """With `ignores_budget` only."""
    fault = {"kind": "thinking", "factor": 10}
    asked = {"thinking": 100, "budget": 200}
    assert Gemini(fault).call(**asked)["thought"] == 200
    assert Gemini({**fault, "ignores_budget": True}).call(**asked)["thought"] == 1000


def test_a_price_fault_changes_the_bill_and_not_the_estimate() -> None:
    """Usage and price table stay as they were."""
    call = Gemini({"kind": "price", "factor": 2}).call()
    assert call["bill_nano_usd"] == 2 * call["estimate_nano_usd"] > 0


def test_a_cut_stream_bills_what_was_sent() -> None:
    """Less than the answer."""
    call = Gemini({"kind": "cut"}).call()
    assert FAILURES[call["outcome"]] == "cut"
    assert 0 <= call["answered"] < 100
    assert call["bill_nano_usd"] == 1000 * 300 + call["answered"] * 2500
    assert call["duration_s"] == pytest.approx(0.5 + call["answered"] / 100)


@pytest.mark.parametrize("error", ["overloaded", "internal"])
def test_an_error_inside_a_response_bills_what_was_sent(error: str) -> None:
    """It comes as late as the part that was sent, and holds its place until then."""
    call = Gemini({"kind": "error", "error": error, "where": "inside"}).call()
    assert FAILURES[call["outcome"]] == error
    assert call["inside"]
    assert 0 <= call["answered"] < 100
    assert call["bill_nano_usd"] == 1000 * 300 + call["answered"] * 2500
    assert call["duration_s"] == pytest.approx(0.5 + call["answered"] / 100)
    assert call["holds_s"] == call["duration_s"]


def test_a_connection_lost_inside_a_response_is_lost_while_it_is_sent() -> None:
    """The upstream works on to the end, and bills it."""
    call = Gemini({"kind": "error", "error": "reset", "where": "inside"}).call()
    assert FAILURES[call["outcome"]] == "reset"
    assert call["inside"]
    assert 0.5 < call["duration_s"] < 1.5
    assert call["holds_s"] == pytest.approx(1.5)
    assert call["bill_nano_usd"] == 1000 * 300 + 100 * 2500


@pytest.mark.parametrize(
    "fault", [{"kind": "hang"}, {"kind": "error", "error": "malformed"}], ids=["hang", "malformed"]
)
def test_some_faults_inside_a_response_only_look_otherwise(fault: dict[str, Any]) -> None:
    """The same fate as before it, but for where it strikes."""
    before, inside = Gemini(fault).call(), Gemini({**fault, "where": "inside"}).call()
    assert (before["inside"], inside["inside"]) == (False, True)
    fates = [
        [call[name] for name in CALL.names or () if name != "inside"] for call in (before, inside)
    ]
    assert fates[0] == fates[1]


def test_an_empty_answer_has_no_inside() -> None:
    """Thinking ate the cap, so nothing was sent in which an error could strike."""
    call = Gemini({"kind": "error", "where": "inside"}).call(thinking=500, budget=1000, cap=100)
    assert FAILURES[call["outcome"]] == "empty"
    assert not call["inside"]


def test_a_share_of_the_calls_is_hit() -> None:
    """By a draw keyed by request and attempt."""
    gemini = Gemini({"kind": "error", "share": 0.25})
    hit = [gemini.call(index=index)["outcome"] != ANSWER for index in range(2000)]
    assert np.mean(hit) == pytest.approx(0.25, abs=4 * math.sqrt(0.25 * 0.75 / 2000))
    again = [gemini.call(index=index)["outcome"] != ANSWER for index in range(2000)]
    assert hit == again


def test_calls_beyond_capacity_slow_each_other() -> None:
    """Durations grow with (calls / capacity) ** slowdown."""
    gemini = Gemini(capacity=2, slowdown=1.0)
    durations = [gemini.call()["duration_s"] for _ in range(4)]
    assert durations == pytest.approx([1.5, 1.5, 1.5 * 1.5, 1.5 * 2.0])


def test_the_share_beyond_the_overload_limit_is_refused() -> None:
    """With 503, and it is free."""
    gemini = Gemini(overload_limit=50)
    outcomes = [gemini.call(index=index)["outcome"] for index in range(400)]
    refused = [outcome for outcome in outcomes if outcome != ANSWER]
    assert {FAILURES[outcome] for outcome in refused} == {"overloaded"}
    assert gemini.in_flight == 400 - len(refused)
    assert 50 <= gemini.in_flight < 250


def test_a_healthy_model_fails_now_and_then() -> None:
    """By its error share."""
    gemini = Gemini(error_share=0.1)
    outcomes = [gemini.call(index=index)["outcome"] for index in range(2000)]
    assert np.mean([o != ANSWER for o in outcomes]) == pytest.approx(0.1, abs=0.03)


def test_a_refusal_by_quota_carries_a_delay() -> None:
    """The retry delay of the minute."""
    gemini = Gemini(quota={"rpm": 1})
    gemini.call(0.0)
    call = gemini.call(10.0)
    assert FAILURES[call["outcome"]] == "quota_minute"
    assert call["retry_after_s"] == pytest.approx(50.0)


def test_an_end_gives_back_what_a_call_held() -> None:
    """Once only."""
    gemini = Gemini()
    calls = np.array([gemini.call()])
    end(gemini.upstream, calls, 0)
    end(gemini.upstream, calls, 0)
    assert gemini.in_flight == 0


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_deterministic_fault_strikes_a_request_at_every_attempt(*, deterministic: bool) -> None:
    """A share of the requests and not of the attempts, so a retry never helps."""
    fault = {"kind": "error", "error": "internal", "share": 0.3, "deterministic": deterministic}
    gemini = Gemini(fault)
    fates = [
        [gemini.call(index=index, attempt=attempt)["outcome"] != ANSWER for attempt in range(3)]
        for index in range(500)
    ]
    assert np.mean([fate[0] for fate in fates]) == pytest.approx(0.3, abs=0.07)
    assert all(len(set(fate)) == 1 for fate in fates) == deterministic


def test_two_models_meet_the_same_luck() -> None:
    """The draws do not know the model, so a faster one is faster for every request."""
    gemini = Gemini()
    gemini.upstream.models["ttft_sigma"] = 0.5
    pairs = [
        (gemini.call(index=k, model=0)["ttft_s"], gemini.call(index=k, model=1)["ttft_s"])
        for k in range(20)
    ]
    assert all(one == other for one, other in pairs)
    assert len(set(pairs)) == 20


def test_a_quota_that_models_share_is_used_up_by_either() -> None:
    """Of two calls a minute, one goes to each model, and both refuse the third."""
    gemini = Gemini(project={"quota": {"rpm": 2}})
    assert gemini.call(0.0)["outcome"] == ANSWER
    assert gemini.call(1.0, model=1)["outcome"] == ANSWER
    for model in (0, 1):
        call = gemini.call(10.0, model=model)
        assert FAILURES[call["outcome"]] == "quota_minute"
        assert REFUSERS[call["refuser"]] == "project_requests"
        assert call["retry_after_s"] == pytest.approx(50.0)


def test_a_call_that_one_limit_refuses_is_counted_by_none() -> None:
    """The project's last call is still there for the other model."""
    gemini = Gemini(project={"quota": {"rpm": 2}}, quota={"rpm": 1})
    outcomes = [gemini.call(1.0, model=model)["outcome"] for model in (0, 0, 0, 1)]
    assert [outcome == ANSWER for outcome in outcomes] == [True, False, False, True]


def test_a_spent_limit_refuses_every_model_until_bills_leave_the_window() -> None:
    """Bills are the true ones, and count when the upstream is done with the call."""
    bill_usd = (1000 * 300 + 100 * 2500) / 1e9
    gemini = Gemini(project={"spend_limit": {"usd": 2 * bill_usd, "per": "10m"}})
    assert [gemini.call(0.0)["outcome"] for _ in range(2)] == [ANSWER] * 2
    assert gemini.call(0.9)["outcome"] == ANSWER  # the first two are still in flight
    for model in (0, 1):
        call = gemini.call(5.0, model=model)
        assert FAILURES[call["outcome"]] == "quota_minute"
        assert REFUSERS[call["refuser"]] == "project_spend"
        assert call["retry_after_s"] == pytest.approx(597.0)
    assert gemini.call(602.0)["outcome"] == ANSWER


def test_a_price_fault_spends_the_limit_sooner() -> None:
    """It scales the true bill."""
    limit = {"usd": 10 * (1000 * 300 + 100 * 2500) / 1e9}
    granted = []
    for fault in (None, {"kind": "price", "factor": 5}):
        gemini = Gemini(fault, project={"spend_limit": limit})
        outcomes = [gemini.call(2.0 * index)["outcome"] for index in range(30)]
        granted.append(outcomes.count(ANSWER))
    assert granted == [10, 2]


def test_a_quota_fault_scales_every_limit() -> None:
    """The project's quota and its spend limit as well as the model's."""
    half = {"kind": "quota", "factor": 0.5}
    shared = Gemini(half, project={"quota": {"rpm": 4}})
    assert [shared.call(1.0)["outcome"] == ANSWER for _ in range(3)] == [True, True, False]
    bill_usd = (1000 * 300 + 100 * 2500) / 1e9
    spent = Gemini(half, project={"spend_limit": {"usd": 4 * bill_usd}})
    outcomes = [spent.call(2.0 * index)["outcome"] == ANSWER for index in range(4)]
    assert outcomes == [True, True, False, False]


def test_the_minute_of_a_run_that_starts_within_one_ends_with_the_clock_s() -> None:
    """It is 17 s past the minute when the run begins."""
    gemini = Gemini(quota={"rpm": 1}, starts_at="2026-11-23T08:00:17-08:00")
    gemini.call(0.0)
    assert gemini.call(3.0)["retry_after_s"] == pytest.approx(40.0)
    assert gemini.call(43.0)["outcome"] == ANSWER
