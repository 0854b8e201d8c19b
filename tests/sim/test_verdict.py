"""Verdicts from the spread of replications."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from balancer.core.modes import Mode
from balancer.records.verdict import Judgement
from sim.run.timeline import Transition
from sim.study.expectations import MetricBound, NeverAbove, NeverOverBudget, NoHarm, TimeBound
from sim.study.intervals import chance_bound
from sim.study.verdict import RUNS_TO_PASS, judge, overall
from tests.sim.samples import run, runs


def bounded(
    values: Sequence[float], bound: float, *, at_least: bool = True, metric: str = "availability"
) -> Judgement:
    """The judgement of a bound on a metric that had these values."""
    saved = metric == "cost_saved"
    expected = MetricBound(
        name="bound", metric=metric, bound=bound, at_least=at_least,
        against="none" if saved else None,
    )  # fmt: skip
    policy = runs("cost_usd" if saved else metric, values)
    none = [run(k, arm="none", cost_usd=2.0) for k in range(len(values))]
    return judge(expected, policy, {"none": none})


@pytest.mark.parametrize(
    ("bound", "verdict"), [(0.9, "pass"), (0.995, "fail"), (0.985, "inconclusive")]
)
def test_a_floor_is_judged_by_the_whole_interval(bound: float, verdict: str) -> None:
    """Mean 0.985, Student's interval 0.983 to 0.987."""
    assert bounded([0.98, 0.985, 0.985, 0.99] * 6, bound).verdict == verdict


@pytest.mark.parametrize(
    ("bound", "verdict"), [(5.0, "pass"), (0.4, "fail"), (2.5, "inconclusive")]
)
def test_a_ceiling_is_judged_by_the_whole_interval(bound: float, verdict: str) -> None:
    """Mean 2.5, Student's interval 2.0 to 3.0."""
    values = [1.0, 2.0, 3.0, 4.0] * 6
    assert bounded(values, bound, at_least=False, metric="transitions").verdict == verdict


def test_room_is_left_for_what_was_not_seen() -> None:
    """All runs save 30 %; one of seven may save a fifth less, which 28 % allow and 27 % do."""
    spent = [1.4] * 24
    assert bounded(spent, 0.28, metric="cost_saved").verdict == "inconclusive"
    assert bounded(spent, 0.27, metric="cost_saved").verdict == "pass"


def test_rare_moves_do_not_pass_by_luck() -> None:
    """No move in 24 runs, where one run of eight moves eight times: a mean of 0.9 is possible."""
    found = bounded([0.0] * 24, 0.9, at_least=False, metric="transitions_per_hour")
    assert found.verdict == "inconclusive"
    assert found.value.high == pytest.approx(8 * (1 - 0.025 ** (1 / 24)), rel=0.02)
    assert found.replications_needed == 31


def test_fewer_runs_than_show_what_one_of_eight_has_pass_nothing() -> None:
    """However far they are within the bound; the note says what they may miss."""
    few = bounded([0.99, 0.98] * 11, 0.5)
    assert (few.verdict, few.replications_needed) == ("inconclusive", RUNS_TO_PASS)
    assert few.note == "22 runs may miss what happens in 13% of all"
    assert chance_bound(RUNS_TO_PASS) <= 1 / 8 < chance_bound(RUNS_TO_PASS - 1)
    assert bounded([0.98, *[0.99, 0.98] * 11], 0.5).verdict == "pass"


def test_a_bound_that_every_run_meets_exactly_leaves_room() -> None:
    """It is met as far as was seen, and that is not all there may be."""
    found = bounded([0.1] * 24, 0.1)
    assert found.verdict == "inconclusive"
    assert found.value.low < 0.1 < found.value.high


def test_an_open_question_says_how_many_runs_would_close_it() -> None:
    """From the spread seen so far; a closed one says nothing."""
    values = [0.0, 1.0, 2.0, 3.0, 4.0] * 5
    open_one = bounded(values, 1.5, metric="transitions")
    assert open_one.verdict == "inconclusive"
    assert open_one.replications_needed is not None
    assert open_one.replications_needed > 25
    assert bounded(values, 0.5, metric="transitions").replications_needed is None


def test_the_runs_that_are_proposed_decide() -> None:
    """If mean and spread stay as they are."""
    values = [0.0, 1.0, 2.0, 3.0, 4.0] * 5
    needed = bounded(values, 1.5, metric="transitions").replications_needed
    assert needed is not None
    more = values * (needed // len(values) + 1)
    assert bounded(more, 1.5, metric="transitions").verdict == "pass"


def test_two_runs_that_agree_to_miss_a_bound_fail() -> None:
    """A false alarm is looked at; what is let through is not."""
    assert bounded([0.1] * 2, 0.2).verdict == "fail"


def test_a_percentile_on_the_bound_to_a_bucket_does_not_fail() -> None:
    """It is rounded by up to half a bucket, 0.54 %."""
    assert bounded([5.02] * 24, 5.0, at_least=False, metric="latency_p95_s").verdict != "fail"
    assert bounded([5.04] * 24, 5.0, at_least=False, metric="latency_p95_s").verdict == "fail"


def test_one_run_decides_no_bound() -> None:
    """It has no spread, and none is invented."""
    found = bounded([0.999], 0.5)
    assert (found.verdict, found.replications_needed) == ("inconclusive", RUNS_TO_PASS)
    assert found.note == "1 run may miss what happens in 95% of all"
    assert found.value.estimate == 0.999
    assert math.isnan(found.value.low)


@pytest.mark.parametrize(
    ("metric", "bound", "kept", "broken"),
    [
        ("transitions", 0.0, 0.0, 1.0),
        ("shed_share", 0.0, 0.0, 1e-6),
        ("availability", 1.0, 1.0, 0.9),
    ],
)
def test_a_bound_at_the_end_of_the_range_is_a_never(
    metric: str, bound: float, kept: float, broken: float
) -> None:
    """One run beyond it moves the mean beyond it; else it passes, with the chance left open."""
    at_least = bound == 1.0
    found = bounded([kept] * 6, bound, at_least=at_least, metric=metric)
    assert found.verdict == "pass"
    assert found.note == "no violation in 6 runs: its chance is at most 0.39 a run (95 %)"
    assert found.value.estimate == kept and found.value.low < found.value.high
    found = bounded([kept] * 99 + [broken], bound, at_least=at_least, metric=metric)
    assert (found.verdict, found.note) == ("fail", "1 of 100 runs went beyond it")


def test_a_never_that_is_undefined_in_some_runs_is_inconclusive() -> None:
    """And fails where it is undefined in all."""
    assert bounded([1.0, math.nan], 1.0).verdict == "inconclusive"
    assert bounded([math.nan] * 2, 1.0).verdict == "fail"


def test_nothing_saved_is_no_end_of_a_range() -> None:
    """A policy may cost more than none."""
    assert bounded([2.0] * 24, 0.0, at_least=False, metric="cost_saved").verdict == "inconclusive"


def test_a_metric_no_run_defines_fails_its_bound() -> None:
    """A P95 of no answers meets nothing."""
    assert bounded([math.nan, math.nan], 5.0, at_least=False).verdict == "fail"


def test_a_metric_some_runs_do_not_define_is_inconclusive() -> None:
    """And the note says how many."""
    found = bounded([1.0, math.nan, 1.0], 5.0, at_least=False)
    assert (found.verdict, found.note) == ("inconclusive", "undefined in 1 of 3 runs")


def test_cost_saved_is_judged_against_the_other_arm() -> None:
    """1.0 to 1.1 dollars of 2.0 are close to one half."""
    assert bounded([1.0, 1.1, 1.0] * 8, 0.3, metric="cost_saved").verdict == "pass"
    found = bounded([1.0, 1.1, 1.0] * 8, 0.8, metric="cost_saved")
    assert (found.verdict, found.against) == ("fail", "none")


def harmed(values: Sequence[float], tolerance: float = 0.001, static: float = 0.99) -> Judgement:
    """The judgement of harm where the policy had these availabilities and static this one."""
    expected = NoHarm(name="no harm", tolerance=tolerance)
    policy = runs("availability", values)
    return judge(expected, policy, {"static": runs("availability", [static] * len(values))})


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([0.995, 0.996, 0.997] * 8, "pass"),
        ([0.9898, 0.9899, 0.99] * 8, "pass"),
        ([0.97, 0.975, 0.98], "fail"),
        ([0.98, 0.99, 1.0] * 8, "inconclusive"),
        ([0.99], "inconclusive"),
    ],
)
def test_harm_is_judged_by_the_whole_interval_of_the_difference(
    values: list[float], verdict: str
) -> None:
    """Not more than the tolerance below static, in every value the interval holds."""
    assert harmed(values).verdict == verdict


def test_more_harm_may_be_tolerated() -> None:
    """Two points, and half a point is lost."""
    values = [0.985, 0.984, 0.986] * 8
    assert harmed(values).verdict == "fail"
    assert harmed(values, tolerance=0.02).verdict == "pass"


def test_harm_is_told_in_points_against_static() -> None:
    """The difference, the bound below zero, and the arm."""
    found = harmed([0.97, 0.975, 0.98], tolerance=0.005)
    assert found.value.estimate == pytest.approx(-0.015)
    assert (found.bound, found.better, found.unit) == (-0.005, "higher", "points")
    assert found.against == "static"


def test_a_few_runs_without_a_difference_show_no_harmlessness() -> None:
    """They may lack what happens in some."""
    assert harmed([0.99] * 22).verdict == "inconclusive"
    assert harmed([0.99] * 23).verdict == "pass"


def timed(times: Sequence[float], *, within_s: float = 30.0) -> Judgement:
    """The judgement of runs that reached soft after these times from 100 s on."""
    expected = TimeBound(
        name="reaches", mode=Mode.SOFT, from_s=100.0, until_s=1000.0, within_s=within_s
    )
    return judge(
        expected,
        [
            run(k, transitions=() if math.isinf(time) else [to_soft(100.0 + time)])
            for k, time in enumerate(times)
        ],
        {},
    )


def to_soft(at_s: float) -> Transition:
    """A step from normal to soft."""
    return Transition(at_s=at_s, before=Mode.NORMAL, after=Mode.SOFT, reason="")


def test_ten_runs_in_time_pass() -> None:
    """With the median and its interval in seconds."""
    found = timed([float(k) for k in range(1, 11)])
    assert found.verdict == "pass"
    assert (found.value.estimate, found.value.low, found.value.high) == (5.5, 2.0, 9.0)
    assert found.note == "10 of 10 runs in time"


def test_one_late_run_in_ten_passes_and_is_told() -> None:
    """The median run is in time, and the slowest is named."""
    found = timed([5.0] * 9 + [50.0])
    assert (found.verdict, found.note) == ("pass", "9 of 10 runs in time, the slowest after 50 s")


def test_two_late_runs_in_ten_are_inconclusive() -> None:
    """They leave open whether most runs make it."""
    found = timed([5.0] * 8 + [50.0] * 2)
    assert found.verdict == "inconclusive"
    assert found.replications_needed is not None
    assert found.replications_needed > 10


def test_a_mode_that_is_never_reached_fails() -> None:
    """An infinite time is beyond every bound."""
    found = timed([math.inf] * 10)
    assert (found.verdict, found.note) == ("fail", "0 of 10 runs in time, 10 not at all")


def test_fewer_than_six_runs_time_nothing() -> None:
    """All in time, yet six are needed."""
    found = timed([5.0] * 5)
    assert (found.verdict, found.replications_needed) == ("inconclusive", 6)


def test_recovery_is_timed_like_any_other() -> None:
    """By the return to normal that lasted."""
    back = Transition(at_s=220.0, before=Mode.SOFT, after=Mode.NORMAL, reason="")
    expected = TimeBound(
        name="recovers", mode=Mode.NORMAL, from_s=200.0, until_s=1000.0, within_s=60.0
    )
    found = judge(expected, [run(k, transitions=[to_soft(110.0), back]) for k in range(6)], {})
    assert (found.verdict, found.value.estimate) == ("pass", 20.0)


def recovery(*left: bool, if_left: bool = False) -> Judgement:
    """The judgement of a recovery after 200 s, of runs that left normal and came back or stayed."""
    back = Transition(at_s=220.0, before=Mode.SOFT, after=Mode.NORMAL, reason="")
    expected = TimeBound(
        name="recovers", mode=Mode.NORMAL, from_s=200.0, until_s=1000.0, within_s=60.0,
        left_from_s=100.0, if_left=if_left,
    )  # fmt: skip
    moved = [[to_soft(110.0), back] if each else [] for each in left]
    return judge(expected, [run(k, transitions=each) for k, each in enumerate(moved)], {})


def test_who_never_left_normal_has_not_recovered() -> None:
    """It decides nothing, and no number of replications would."""
    found = recovery(*[False] * 24)
    assert (found.verdict, found.replications_needed) == ("inconclusive", None)
    assert math.isnan(found.value.estimate)
    assert found.note == "never left normal in 24 runs: there was nothing to recover from"


def test_a_recovery_is_judged_by_the_runs_that_left_normal() -> None:
    """The others are told; where fewer than six left, more runs are asked for."""
    found = recovery(*[True] * 6, *[False] * 2)
    assert (found.verdict, found.value.estimate) == ("pass", 20.0)
    assert found.note == "6 of 6 runs in time; 2 never left normal"
    few = recovery(*[True] * 2, *[False] * 8)
    assert (few.verdict, few.replications_needed) == ("inconclusive", 30)


def test_an_author_may_mean_if_it_leaves() -> None:
    """Then staying is as good as coming back, and is told."""
    found = recovery(*[False] * 24, if_left=True)
    assert (found.verdict, found.note) == ("pass", "24 of 24 runs in time; 24 never left normal")


def test_an_earlier_excursion_is_none_to_recover_from() -> None:
    """Back before the trouble began, and never away since."""
    early = [
        to_soft(50.0),
        Transition(at_s=80.0, before=Mode.SOFT, after=Mode.NORMAL, reason=""),
    ]
    expected = TimeBound(
        name="recovers", mode=Mode.NORMAL, from_s=200.0, until_s=1000.0, within_s=60.0,
        left_from_s=100.0,
    )  # fmt: skip
    found = judge(expected, [run(k, transitions=early) for k in range(6)], {})
    assert found.verdict == "inconclusive"


def test_a_budget_that_there_is_not_cannot_be_kept() -> None:
    """What was never limited was never exceeded, and that says nothing."""
    found = judge(NeverOverBudget(name="budget"), [run(0)] * 24, {}, budgeted=False)
    assert (found.verdict, found.note) == ("inconclusive", "the policy has no hard budget")


def never(*violations: bool) -> Judgement:
    """The judgement of runs of which some went above normal."""
    return judge(
        NeverAbove(name="never above normal", mode=Mode.NORMAL),
        [run(k, transitions=[to_soft(1.0)] if each else []) for k, each in enumerate(violations)],
        {},
    )


def test_a_never_passes_with_the_chance_it_leaves_open() -> None:
    """Ten clean runs leave a chance of 26 % a run at 95 %."""
    found = never(*[False] * 10)
    assert found.verdict == "pass"
    assert found.value.low == 0.0
    assert found.value.high == pytest.approx(0.2589, abs=1e-4)


def test_one_violation_fails_a_never() -> None:
    """Whatever the other runs did."""
    found = never(*[False] * 99, True)
    assert (found.verdict, found.note) == ("fail", "1 of 100 runs was worse")
    assert never(True, True, False).note == "2 of 3 runs were worse"


@pytest.mark.parametrize(("overshoot", "verdict"), [(0.0, "pass"), (1e-9, "fail")])
def test_a_budget_is_a_never(overshoot: float, verdict: str) -> None:
    """One nano-dollar in one run is a violation."""
    found = judge(
        NeverOverBudget(name="budget"),
        [run(0), run(1, budget_overshoot_usd=overshoot)],
        {},
    )
    assert found.verdict == verdict


@pytest.mark.parametrize(
    ("verdicts", "whole"),
    [
        ([], "pass"),
        (["pass", "pass"], "pass"),
        (["pass", "inconclusive"], "inconclusive"),
        (["inconclusive", "fail", "pass"], "fail"),
    ],
)
def test_the_worst_verdict_is_the_scenarios(verdicts: list[Any], whole: str) -> None:
    """A failure outweighs a doubt, a doubt outweighs a pass."""
    one = never(False)
    judgements = [
        Judgement(
            name="x",
            verdict=verdict,
            value=one.value,
            bound=0.0,
            better="lower",
            unit="share",
        )
        for verdict in verdicts
    ]
    assert overall(judgements) == whole
