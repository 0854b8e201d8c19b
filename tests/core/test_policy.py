"""Policies: what is refused and how to fix it, what is expected, what is warned of."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from balancer.core.catalog import Catalog, ModelCard
from balancer.core.errors import PolicyError
from balancer.core.laws.remedy import differs
from balancer.core.modes import Mode
from balancer.core.policy import Baseline, BudgetLimit, LadderSettings, Policy, Rule, Strategy
from tests.core.builders import CATALOG, DEFAULT_RULES, STRATEGIES, make_policy

BASELINE = Baseline(
    workload="conversation",
    requests_per_s=5.0,
    prompt_tokens=1000.0,
    output_tokens=200.0,
    thinking_tokens=1000.0,
    latency_p95_s=1.0,
)
LATENCY = Rule(name="slow", signal="latency_p95", level=Mode.SOFT, threshold=2.0)
BURN = Rule(name="burn", signal="burn_rate", level=Mode.SOFT, threshold=14.4, objective=0.999)


def refusal(**changes: Any) -> str:
    """The message a policy is refused with."""
    with pytest.raises(PolicyError) as caught:
        make_policy(**changes)
    return str(caught.value)


def of_rule(rule: Rule, **changes: Any) -> str:
    """The message a policy with this one rule, changed, is refused with."""
    return refusal(rules=(replace(rule, **changes),))


def of_mode(mode: Mode, **changes: Any) -> str:
    """The message the builders' policy is refused with when a mode is changed."""
    strategies = list(STRATEGIES)
    strategies[mode] = replace(strategies[mode], **changes)
    return refusal(strategies=tuple(strategies))


# --- the whole ----------------------------------------------------------------------------


def test_the_builders_policy_is_valid() -> None:
    """Else every refusal below would prove nothing."""
    assert make_policy(baseline=BASELINE).law == "ladder"


def test_an_unknown_law_is_refused_with_the_nearest_one() -> None:
    """Named by what the user wrote."""
    assert refusal(law="lader") == (
        "law: unknown law 'lader' (did you mean 'ladder'?); known: ladder, mildest, threshold, "
        "dimmer, throttle, gradient, breaker, alerts, always_soft, always_hard, none"
    )


@pytest.mark.parametrize("tick_s", [0.0, -1.0, 61.0, math.nan, math.inf])
def test_an_impossible_tick_is_refused(tick_s: float) -> None:
    """From a hundredth of a second to a minute."""
    assert refusal(tick_s=tick_s) == f"tick: tick is {tick_s!r}; expected 0.01 to 60"


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (BudgetLimit(usd=0.0, window_s=3600), "budget: budget is 0.0; expected 1e-09 to 1e+09"),
        (
            BudgetLimit(usd=math.nan, window_s=3600),
            "budget: budget is nan; expected 1e-09 to 1e+09",
        ),
        (BudgetLimit(usd=1.0, window_s=0.5), "budget.windows: windows is 0.5; expected 1 to 86400"),
        (
            BudgetLimit(usd=1.0, window_s=1e6),
            "budget.windows: windows is 1000000.0; expected 1 to 86400",
        ),
    ],
)
def test_an_impossible_budget_is_refused(limit: BudgetLimit, expected: str) -> None:
    """A window is at least a tick, and at most a day."""
    assert refusal(budgets=(limit,)) == expected


def test_a_policy_without_rules_is_valid() -> None:
    """Alerts and overrides alone may move it."""
    assert make_policy(()).rules == ()


# --- the ladder's constants ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "bounds"),
    [
        ("min_samples", 0, "1 to 10000"),
        ("z", -0.1, "0 to 10"),
        ("z", math.nan, "0 to 10"),
        ("exit", 0.0, "0.01 to 1"),
        ("hold_s", 0.5, "1 to 86400"),
        ("settle_s", -1.0, "0 to 86400"),
        ("probe_samples", 4, "5 to 10000"),
        ("probe_share_min", 0.0, "1e-06 to 1"),
        ("probe_share_max", 1.5, "1e-06 to 1"),
        ("multiplier_max", 0, "1 to 1024"),
        ("probation_s", 1e6, "0 to 86400"),
    ],
)
def test_a_constant_out_of_bounds_is_refused(name: str, value: float, bounds: str) -> None:
    """Each by its name, with its bounds."""
    settings = replace(LadderSettings(), **{name: value})  # type: ignore[arg-type]
    key = name.removesuffix("_s")
    assert refusal(ladder=settings) == f"ladder.{key}: {key} is {value!r}; expected {bounds}"


def test_an_exit_above_entry_is_refused_with_the_reason() -> None:
    """It would leave a mode while what led there still holds."""
    found = refusal(ladder=LadderSettings(exit=1.2))
    assert found == (
        "ladder.exit: exit is 1.2 of entry, above it: a mode would be left while its own entry "
        "condition holds; expected a ratio of at most 1, 0.8 by default"
    )


def test_a_least_probe_share_above_the_most_is_refused() -> None:
    """The two would clamp against each other."""
    settings = LadderSettings(probe_share_min=0.2, probe_share_max=0.1)
    assert refusal(ladder=settings) == "ladder: ladder.probe_share_min is above probe_share_max"


def test_a_hold_of_too_many_ticks_is_refused() -> None:
    """All of its ticks are kept in memory: a day eight times over, in hundredths of a second."""
    found = refusal(ladder=LadderSettings(hold_s=86_400.0), tick_s=0.01, rules=())
    assert found == (
        "ladder.hold: a hold of 86400 s, 8 times over, is 69,120,000 ticks, all of which are "
        "kept; expected at most 1,000,000: shorten hold, lower multiplier_max or lengthen the tick"
    )


# --- rules --------------------------------------------------------------------------------


def test_an_unknown_signal_is_refused_with_the_nearest_one() -> None:
    """And with all there are."""
    found = of_rule(LATENCY, signal="eror_rate")
    assert found.startswith("rule 'slow': unknown signal 'eror_rate' (did you mean 'error_rate'?)")
    assert "; known: latency_p50, latency_p95, latency_p99, ttft_p95, error_rate, " in found


def test_a_rule_that_enters_normal_is_refused() -> None:
    """Normal is where rules lead away from."""
    expected = "rule 'slow': a rule enters soft, hard or emergency, never normal"
    assert of_rule(LATENCY, level=Mode.NORMAL) == expected


@pytest.mark.parametrize(
    ("signal", "threshold", "bounds"),
    [
        ("latency_p95", 0.0, "(seconds) is outside 0.001 to 16000"),
        ("latency_p95", math.nan, "(seconds) is outside 0.001 to 16000"),
        ("ttft_p95", 1e5, "(seconds) is outside 0.001 to 16000"),
        ("error_rate", 5.0, "(share) is outside 1e-06 to 0.999999"),
        ("memory", 1.0, "(share) is outside 1e-06 to 0.999999"),
        ("token_cost_per_hour", -1.0, "(usd_per_hour) is outside 1e-09 to 1e+09"),
        ("tokens_per_minute", 0.0, "(tokens_per_minute) is outside 1 to 1e+12"),
        ("queue_depth", -1.0, "(requests) is outside 0 to 1e+09"),
    ],
)
def test_a_threshold_outside_its_units_range_is_refused(
    signal: str, threshold: float, bounds: str
) -> None:
    """Rates lie in (0, 1); nothing is negative or no number."""
    found = of_rule(LATENCY, signal=signal, threshold=threshold)
    assert found == f"rule 'slow': threshold {threshold!r} {bounds}"


@pytest.mark.parametrize("window_s", [0.5, 21_601.0, math.nan])
def test_a_window_shorter_than_a_tick_or_longer_than_six_hours_is_refused(
    window_s: float,
) -> None:
    """Nothing could be counted in the one, and the other is no matter for a brownout."""
    assert of_rule(LATENCY, window_s=window_s) == (
        f"rule 'slow': window {window_s!r} s is outside one tick (1 s) to 21600 s; lengthen it or "
        "shorten the tick"
    )


def test_a_negative_sustained_time_is_refused() -> None:
    """So is one longer than the longest window."""
    expected = "rule 'slow': sustained for -1 s; expected 0 to 21600 s"
    assert of_rule(LATENCY, sustained_s=-1) == expected


@pytest.mark.parametrize("objective", [None, 0.0, 1.0])
def test_a_burn_rate_needs_an_objective(objective: float | None) -> None:
    """Without one there is no error budget to burn."""
    assert of_rule(BURN, objective=objective) == (
        "rule 'burn': burn_rate needs an objective between 0 and 1, such as 99.9%; "
        f"found {objective!r}"
    )


def test_a_burn_rate_that_no_traffic_can_reach_is_refused() -> None:
    """14.4 times a budget of 10 % would be 144 % of the calls."""
    assert of_rule(BURN, objective=0.9) == (
        "rule 'burn': a burn of 14.4 times the error budget of 90.0000% would need more errors "
        "than calls; lower the threshold"
    )


def test_a_short_window_outside_the_bounds_is_refused() -> None:
    """It is a window like the other."""
    found = of_rule(BURN, short_window_s=0.1)
    assert found.startswith("rule 'burn': short window 0.1 s is outside one tick (1 s)")


def test_a_short_window_longer_than_the_window_is_refused() -> None:
    """It is the one that ends the alarm."""
    expected = "rule 'burn': the short window is longer than the window"
    assert of_rule(BURN, window_s=60.0, short_window_s=61.0) == expected


@pytest.mark.parametrize("extra", [{"objective": 0.99}, {"short_window_s": 5.0}])
def test_what_belongs_to_a_burn_rate_is_refused_elsewhere(extra: dict[str, float]) -> None:
    """It would do nothing there, and its author thinks it does."""
    expected = "rule 'slow': objective and short window belong to burn_rate only"
    assert of_rule(LATENCY, **extra) == expected


def test_a_worse_mode_entered_at_a_lower_threshold_is_refused() -> None:
    """Hard at 1 s below soft at 2 s: hard would come first."""
    worse = replace(LATENCY, name="slower", level=Mode.HARD, threshold=1.0)
    assert refusal(rules=(LATENCY, worse)) == (
        "rule 'slower': hard is entered at 1 s, not above the soft threshold 2 s of latency_p95; "
        "raise it"
    )


def test_a_worse_mode_may_be_entered_lower_under_other_conditions() -> None:
    """Five minutes above 1 s may be worse than a moment above 2 s."""
    worse = replace(LATENCY, name="long", level=Mode.HARD, threshold=1.0, sustained_s=300.0)
    assert len(make_policy((LATENCY, worse)).rules) == 2


def test_a_latency_threshold_is_judged_at_the_nearest_edge() -> None:
    """5 s at 5.02 s; other signals as written."""
    assert replace(LATENCY, threshold=5.0).effective_threshold == pytest.approx(5.0215, abs=1e-4)
    assert DEFAULT_RULES[3].effective_threshold == 0.05


# --- strategies ---------------------------------------------------------------------------


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_a_share_shed_outside_nought_to_one_is_refused(share: float) -> None:
    """It's a share of the requests of a priority."""
    found = of_mode(Mode.HARD, shed=(share, 0.0, 0.0))
    assert found == f"modes.hard: shed {share!r} is not a share from 0 to 1"


def test_shedding_a_higher_priority_more_is_refused() -> None:
    """Priorities would mean their opposite."""
    expected = "modes.hard: a higher priority is shed more than a lower one"
    assert of_mode(Mode.HARD, shed=(0.1, 0.2, 0.0)) == expected


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("output_cap_tokens", 0, "output_cap is 0; expected 1 to 1e+06"),
        ("history_turns", -1, "history_turns is -1; expected 0 to 100000"),
        ("temperature", 2.5, "temperature is 2.5; expected 0 to 2"),
        ("temperature", math.nan, "temperature is nan; expected 0 to 2"),
        ("retries", 21, "retries is 21; expected 0 to 20"),
        ("max_in_flight", 0, "max_in_flight is 0; expected 1 to 1e+07"),
        ("max_starts_per_s", 0.0, "max_starts_per_s is 0.0; expected 1e-06 to 1e+09"),
        ("timeout_s", 0.0, "timeout is 0.0; expected 0.001 to 86400"),
    ],
)
def test_a_setting_out_of_bounds_is_refused(field: str, value: float, message: str) -> None:
    """By the name users write."""
    assert of_mode(Mode.HARD, **{field: value}) == f"modes.hard: {message}"


def test_a_thinking_budget_below_minus_one_is_refused() -> None:
    """-1 is the model's choice; less means nothing."""
    assert of_mode(Mode.HARD, thinking=-2) == (
        "modes.hard: thinking is -2; expected -1, 0 or a budget in tokens"
    )


def test_an_unknown_model_is_refused_where_it_stands() -> None:
    """With the mode that names it."""
    found = of_mode(Mode.HARD, model="smalll")
    assert found.startswith("modes.hard: unknown model 'smalll' (did you mean 'small'?)")


def test_an_unknown_fallback_model_is_refused() -> None:
    """It would fail only when it is needed."""
    found = of_mode(Mode.HARD, fallback_models=("bigg",))
    assert found.startswith("modes.hard: unknown model 'bigg' (did you mean 'big'?)")


def test_a_thinking_setting_the_model_does_not_take_is_refused() -> None:
    """The API would answer 400 to every call."""
    assert of_mode(Mode.SOFT, thinking=100) == (
        "modes.soft: small takes no thinking budget 100; use 0, or 512 to 24576"
    )


def test_a_thinking_setting_a_fallback_model_does_not_take_is_refused() -> None:
    """The fallback gets the same settings."""
    picky = ModelCard(name="picky", price=CATALOG.cards[0].price, budget=None, off=False)
    policy = make_policy()
    with pytest.raises(PolicyError, match="picky takes no thinking budget 1024"):
        replace(
            policy,
            catalog=CATALOG.with_prices((picky,)),
            strategies=(
                STRATEGIES[0],
                replace(STRATEGIES[1], fallback_models=("picky",)),
                *STRATEGIES[2:],
            ),
        )


@pytest.mark.parametrize(
    ("changes", "most", "fix"),
    [
        ({"thinking": 4096}, 4096, "raise output_cap above 4096, or lower thinking"),
        ({"thinking": -1}, 24_576, "set thinking below 4096 tokens"),
        ({"thinking": None}, 24_576, "set thinking below 4096 tokens"),
    ],
)
def test_a_cap_not_above_the_thinking_budget_is_refused(
    changes: dict[str, int | None], most: int, fix: str
) -> None:
    """Thinking would eat the cap: empty answers, and billed."""
    assert of_mode(Mode.SOFT, **changes) == (
        f"modes.soft: output_cap 4096 is not above the {most} tokens the model may spend on "
        "thinking, and the cap covers both: answers would be empty, and billed; " + fix
    )


def test_the_cap_is_checked_without_a_model_too() -> None:
    """The caller's model is unknown, its thinking budget is not."""
    found = of_mode(Mode.SOFT, model=None, thinking=2048, output_cap_tokens=2048)
    assert "output_cap 2048 is not above the 2048 tokens" in found


def test_a_cap_on_a_model_and_thinking_of_the_callers_is_refused() -> None:
    """Nobody could say whether thinking leaves anything of the cap."""
    found = of_mode(Mode.SOFT, model=None, thinking=None, output_cap_tokens=512)
    assert found.startswith("modes.soft: output_cap 512 leaves the model to the caller")
    assert "say how much it may think" in found


def test_a_level_without_a_model_is_left_to_the_caller() -> None:
    """Nothing is known of what the model would spend."""
    strategies = (Strategy(), Strategy(thinking="LOW", output_cap_tokens=64), *STRATEGIES[2:])
    assert make_policy(strategies=strategies).strategies[1].thinking == "LOW"


def test_a_timeout_longer_than_half_the_hold_is_refused() -> None:
    """Stragglers of an earlier episode would be counted in a probe."""
    assert of_mode(Mode.NORMAL, timeout_s=61.0) == (
        "modes.normal.timeout: timeout 61 s is longer than half the hold (60 s), so calls of an "
        "earlier episode would be counted in a probe; shorten it or lengthen ladder.hold"
    )


def test_a_law_that_does_not_probe_takes_any_timeout() -> None:
    """The bound is the ladder's."""
    strategies = (replace(STRATEGIES[0], timeout_s=600.0), *STRATEGIES[1:])
    assert make_policy(strategies=strategies, law="threshold").law == "threshold"


# --- costs --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["requests_per_s", "prompt_tokens", "latency_p95_s"])
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_an_impossible_baseline_is_refused(name: str, value: float) -> None:
    """Expectations would be computed from it."""
    baseline = replace(BASELINE, **{name: value})  # type: ignore[arg-type]
    key = "latency_p95" if name == "latency_p95_s" else name
    expected = f"baseline.{key}: {key} is {value!r}; expected 0 to 1e+09"
    assert refusal(baseline=baseline) == expected


def test_modes_whose_expected_cost_does_not_fall_are_refused() -> None:
    """A brownout that costs more than what it replaces saves nothing."""
    strategies = (STRATEGIES[0], Strategy(model="big", thinking=-1), *STRATEGIES[2:])
    found = refusal(strategies=strategies, baseline=BASELINE)
    assert found == (
        "modes.soft: a request is expected to cost $0.003300 in soft, not less than $0.003300 in "
        "normal; choose a cheaper model, less thinking, a lower output_cap or more shedding there"
    )


def test_costs_are_not_compared_without_a_baseline() -> None:
    """Nothing is known to compare."""
    strategies = (STRATEGIES[0], Strategy(model="big"), *STRATEGIES[2:])
    assert make_policy(strategies=strategies).expected_cost_usd(Mode.SOFT) is None


def test_a_mode_whose_model_the_caller_chooses_is_left_out_of_the_comparison() -> None:
    """Its price is unknown; those around it are still compared."""
    strategies = (STRATEGIES[0], Strategy(), *STRATEGIES[2:])
    policy = make_policy(strategies=strategies, baseline=BASELINE)
    assert policy.expected_cost_usd(Mode.SOFT) is None


def test_the_expected_cost_of_free_thinking_is_the_baselines() -> None:
    """1,000 in, 1,000 of thought, 200 of answer: $0.0003 + $0.003."""
    policy = make_policy(baseline=BASELINE)
    assert policy.expected_cost_usd(Mode.NORMAL) == pytest.approx(0.0033, rel=1e-6)


def test_the_expected_cost_under_a_cap_is_that_of_an_exponential_cut_off() -> None:
    """Hard: no thinking, at most 1,024 of answer: E[min(X, c)] = m (1 - exp(-c / m))."""
    policy = make_policy(baseline=BASELINE)
    output = 200.0 * (1 - math.exp(-1024 / 200))
    expected = 1000 * 0.1e-6 + output * 0.4e-6
    assert policy.expected_cost_usd(Mode.HARD) == pytest.approx(expected, rel=1e-4)


def test_what_is_shed_costs_nothing() -> None:
    """Emergency serves half of three equal priorities."""
    policy = make_policy(baseline=BASELINE)
    output = 200.0 * (1 - math.exp(-256 / 200))
    expected = (1000 * 0.1e-6 + output * 0.4e-6) / 2
    assert policy.expected_cost_usd(Mode.EMERGENCY) == pytest.approx(expected, rel=1e-4)


def test_a_concise_instruction_is_expected_to_shorten_answers() -> None:
    """To three fifths."""
    plain = make_policy(baseline=BASELINE)
    strategies = (*STRATEGIES[:2], replace(STRATEGIES[2], instruction="Be brief."), STRATEGIES[3])
    brief = make_policy(baseline=BASELINE, strategies=strategies)
    saved = plain.expected_cost_usd(Mode.HARD), brief.expected_cost_usd(Mode.HARD)
    assert saved[0] is not None
    assert saved[1] is not None
    assert saved[0] - saved[1] == pytest.approx(0.4 * 200 * 0.4e-6, rel=0.02)


def test_a_baseline_without_thinking_costs_none() -> None:
    """A mean of nought is cut off at nought."""
    policy = make_policy(baseline=replace(BASELINE, thinking_tokens=0.0))
    assert policy.expected_cost_usd(Mode.NORMAL) == pytest.approx(0.0008, rel=1e-6)


FAMILY = Catalog(
    dated=CATALOG.dated,
    cards=tuple(
        replace(card, family="f", rank=rank)
        for card, rank in zip(CATALOG.cards, (2, 1), strict=True)
    ),
)
WORDS = (
    Strategy(fallback_models=("one cheaper",)),
    Strategy(model="one cheaper", thinking=1024, output_cap_tokens=4096),
    Strategy(model="two cheaper", thinking=0, output_cap_tokens=1024),
    Strategy(model="two cheaper", thinking=0, output_cap_tokens=256),
)


def worded(model: str | None) -> Policy:
    """A policy of words for callers who ask for a model."""
    return replace(
        make_policy(strategies=STRATEGIES),
        strategies=WORDS,
        catalog=FAMILY,
        baseline=replace(BASELINE, model=model),
    )


def test_words_cost_what_they_make_of_the_usual_model() -> None:
    """So that modes are compared, and spending at rest is known."""
    named, words = make_policy(baseline=BASELINE), worded("big")
    for mode in (Mode.NORMAL, Mode.SOFT, Mode.HARD):
        assert words.expected_cost_usd(mode) == named.expected_cost_usd(mode) is not None
    assert words.usual_model == "big"


def test_words_cost_nobody_knows_what_where_the_usual_model_is_unknown() -> None:
    """Nothing is compared then."""
    assert worded(None).usual_model == ""
    assert [worded(None).expected_cost_usd(mode) for mode in Mode] == [None] * 4


def test_a_usual_model_that_is_none_is_refused() -> None:
    """With the nearest name."""
    found = refusal(baseline=replace(BASELINE, model="bigg"))
    assert found.startswith("baseline.model: unknown model 'bigg' (did you mean 'big'?)")


def test_modes_of_words_differ_where_they_lead_to_other_models() -> None:
    """For callers of the usual model; where that is unknown, steps of any length are alike."""
    for model in ("big", None):
        assert not differs(worded(model), Mode.NORMAL, Mode.SOFT)
        assert not differs(worded(model), Mode.SOFT, Mode.HARD)
        assert differs(worded(model), Mode.SOFT, Mode.NORMAL)


FOLLOWING = (
    Rule(name="soft", signal="token_cost_per_hour", level=Mode.SOFT, threshold=2.0, at_rest=2.0),
    Rule(name="late", signal="latency_p95", level=Mode.SOFT, threshold=30.0),
)


def test_a_threshold_that_follows_is_a_multiple_of_the_cost_at_rest() -> None:
    """Of the baseline's traffic; the other rules stay."""
    policy = make_policy(FOLLOWING, baseline=BASELINE)
    usd = policy.expected_cost_usd(Mode.NORMAL)
    assert usd is not None
    following, late = policy.rules
    assert following.threshold == pytest.approx(2 * usd * BASELINE.requests_per_s * 3600, rel=0.005)
    assert late == FOLLOWING[1]
    double = replace(policy, baseline=replace(BASELINE, requests_per_s=2 * BASELINE.requests_per_s))
    assert double.rules[0].threshold == pytest.approx(2 * following.threshold, rel=0.01)


def test_dollars_and_multiples_are_held_against_each_other_in_dollars() -> None:
    """A multiple is a small number, and yet no small threshold."""
    soft = FOLLOWING[0]
    usd = make_policy(FOLLOWING, baseline=BASELINE).rules[0].threshold
    less, more = (
        replace(soft, threshold=part * usd, at_rest=None, name=f"{part}") for part in (0.9, 1.1)
    )
    for rules in ((less, replace(soft, level=Mode.HARD)), (soft, replace(more, level=Mode.HARD))):
        first, second = make_policy(rules, baseline=BASELINE).rules
        assert first.threshold < second.threshold
    with pytest.raises(PolicyError, match=r"rule '0\.9': hard is entered at"):
        make_policy((soft, replace(less, level=Mode.HARD)), baseline=BASELINE)


def test_a_threshold_that_follows_nothing_stays_in_dollars_or_is_refused() -> None:
    """By whether it was ever worked out."""
    policy = make_policy(FOLLOWING, baseline=BASELINE)
    bare = replace(policy, baseline=None)
    assert bare.rules[0] == replace(policy.rules[0], at_rest=None)
    with pytest.raises(PolicyError, match="found x2, a multiple of what the baseline costs"):
        make_policy(FOLLOWING)
