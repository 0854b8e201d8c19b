"""Does the policy hold? A verdict for every expectation, from the spread of the replications.

Three kinds of question, each decided without assuming more than replications give:

- A bound on a metric is about its mean over replications; harm, about the mean of the paired
  differences in availability to the arm "static". It passes when the whole 95 % interval lies
  on the right side, with the room that it leaves for runs of a kind not seen
  (`sim.study.estimates`), and there are `RUNS_TO_PASS`: what breaks it in one run of eight would
  have been seen. It fails when Student's interval, of what was seen alone, lies on the wrong side:
  a false alarm is looked at, what is let through is not. In between it is inconclusive. A metric
  that is undefined in every run (a P95 of no answers) fails; undefined in some, it is inconclusive.
- A time (reaches, recovers) is about the median run, because a run in which it never
  happens has no finite time and would spoil any mean. The interval lies between two order
  statistics (exact binomial), which is the same as judging the share of runs that made it
  against one half; ten runs pass with at most one late, and fewer than six decide nothing.
  A run that never left normal has nothing to recover from and is left out, so that where none
  did nothing is decided; unless the expectation says `if_left`.
- A never is failed by one violation. Otherwise it passes, with the chance of a violation
  that the runs still leave open. A bound at the end of a metric's range (no transition at all,
  an availability of 100 %) is a never, because one run beyond it moves the mean beyond it.

One replication has no spread: bounds on metrics are then inconclusive rather than judged
by an invented interval.

Modes are judged by what was served (`sim.run.serving`), whatever a law calls it: a never by the
worst mode that any request was given, a recovery by nine of ten requests served in normal.
`reaches` names a mechanism, and takes the law at its word.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from balancer.core.modes import Mode
from balancer.records.interval import UNDEFINED
from balancer.records.verdict import Judgement, Outcome

from ..run.metrics import METRICS
from ..run.result import STATIC, Run
from ..run.serving import back_after_s, left_normal, worst_served
from ..run.timeline import reached_after_s
from .counterfactual import HARMED, cost_saved, differences
from .estimates import difference_room, metric_room
from .expectations import (
    Expected,
    MetricBound,
    NeverAbove,
    NeverOverBudget,
    NoHarm,
    TimeBound,
    held_against,
)
from .intervals import (
    Interval,
    chance_bound,
    mean_interval,
    median_interval,
    replications_for_median,
    share_interval,
)
from .metric_kinds import KINDS
from .unseen import Room, honest_interval, replications_to_tell

__all__ = ["RUNS_TO_PASS", "is_never", "judge", "overall", "worst"]

RUNS_TO_PASS = 23
"""Least runs with which a bound passes: what one of eight has is in one of them, in 95 %."""


def judge(
    expected: Expected,
    policy: Sequence[Run],
    arms: Mapping[str, Sequence[Run]],
    *,
    budgeted: bool = True,
) -> Judgement:
    """Judge one expectation over the replications.

    Args:
        expected: the expectation.
        policy: runs under the policy that is judged.
        arms: runs of other arms, by name; at least of the one that the expectation is
            `held_against`, if any. Run k of each saw the requests of the policy's run k.
        budgeted: whether the policy has a hard budget, which could be exceeded.
    """
    if isinstance(expected, MetricBound | NoHarm):
        return _judge_mean(expected, policy, arms)
    if isinstance(expected, TimeBound):
        return _judge_time(expected, policy)
    if isinstance(expected, NeverAbove):
        above = [worst_served(run.servings) > expected.mode for run in policy]
        return _judge_never(expected, above, "was worse" if sum(above) == 1 else "were worse")
    if not budgeted:
        return _nothing_to_judge(expected, "the policy has no hard budget")
    over = [run.metrics["budget_overshoot_usd"] > 0.0 for run in policy]
    return _judge_never(expected, over, "spent more")


def overall(judgements: Sequence[Judgement]) -> Outcome:
    """Verdict of a scenario, from those of its expectations."""
    return worst(judgement.verdict for judgement in judgements)


def worst(verdicts: Iterable[Outcome]) -> Outcome:
    """Fail if any fails, else inconclusive if any is, else pass."""
    found = set(verdicts)
    if "fail" in found:
        return "fail"
    return "inconclusive" if "inconclusive" in found else "pass"


def _judge_mean(
    expected: MetricBound | NoHarm, policy: Sequence[Run], arms: Mapping[str, Sequence[Run]]
) -> Judgement:
    against = held_against(expected)
    if isinstance(expected, NoHarm):
        values = differences(HARMED, policy, arms[STATIC])
        room = difference_room(HARMED, policy, arms[STATIC])
        bound, at_least, unit = -expected.tolerance, True, "points"
    else:
        values = (
            [run.metrics[expected.metric] for run in policy]
            if against is None
            else cost_saved(policy, arms[against])
        )
        if is_never(expected):
            return _judge_end(expected, values, policy)
        room = metric_room(expected.metric, values, policy)
        bound, at_least, unit = expected.bound, expected.at_least, METRICS[expected.metric]
    n, undefined = len(values), sum(map(math.isnan, values))
    value, seen = honest_interval(values, room), _seen(values, room)
    verdict, note, needed = _side(value, bound, at_least=at_least), "", None
    if undefined:
        verdict = "fail" if undefined == n else "inconclusive"
        note = f"undefined in {undefined} of {n} runs"
    elif _side(seen, bound, at_least=at_least) == "fail":
        verdict = "fail"
    elif n < RUNS_TO_PASS:
        verdict = "inconclusive"
        note = f"{_runs(n)} may miss what happens in {chance_bound(n):.0%} of all"
    elif verdict != "pass":
        verdict = "inconclusive"
    if verdict == "inconclusive" and not undefined:
        needed = _needed(values, bound, room)
        if needed is None and not note:
            note = "too close to the bound to tell"
    return Judgement(
        name=expected.name,
        verdict=verdict,
        value=value,
        bound=bound,
        better="higher" if at_least else "lower",
        unit=unit,
        against=against,
        note=note,
        replications_needed=needed,
    )


def _seen(values: Sequence[float], room: Room) -> Interval:
    """Student's interval, of what was seen alone."""
    mean = mean_interval(values)
    return Interval(
        estimate=mean.estimate, low=mean.low - room.rounding, high=mean.high + room.rounding
    )


def _needed(values: Sequence[float], bound: float, room: Room) -> int | None:
    if len(values) == 1:
        return RUNS_TO_PASS
    told = replications_to_tell(values, bound, room)
    return None if told is None else max(told, RUNS_TO_PASS)


def is_never(expected: MetricBound) -> bool:
    """Whether the bound is an end of the metric's range."""
    kind = KINDS[expected.metric]
    return expected.bound >= kind.most if expected.at_least else expected.bound <= kind.least


def _judge_end(expected: MetricBound, values: Sequence[float], policy: Sequence[Run]) -> Judgement:
    n, undefined = len(values), sum(map(math.isnan, values))
    beyond = sum(
        value < expected.bound if expected.at_least else value > expected.bound for value in values
    )
    verdict: Outcome = "fail" if beyond else "pass"
    if beyond:
        note = f"{beyond} of {_runs(n)} went beyond it"
    elif undefined:
        verdict = "fail" if undefined == n else "inconclusive"
        note = f"undefined in {undefined} of {n} runs"
    else:
        note = _unviolated(n)
    return Judgement(
        name=expected.name,
        verdict=verdict,
        value=honest_interval(values, metric_room(expected.metric, values, policy)),
        bound=expected.bound,
        better="higher" if expected.at_least else "lower",
        unit=METRICS[expected.metric],
        against=expected.against,
        note=note,
    )


def _unviolated(n: int) -> str:
    return f"no violation in {_runs(n)}: its chance is at most {chance_bound(n):.2g} a run (95 %)"


def _runs(n: int) -> str:
    return f"{n} run" if n == 1 else f"{n} runs"


def _judge_time(expected: TimeBound, policy: Sequence[Run]) -> Judgement:
    runs, stayed = policy, 0
    if expected.mode == Mode.NORMAL:
        left = [
            r for r in policy if left_normal(r.servings, expected.left_from_s, expected.until_s)
        ]
        stayed = len(policy) - len(left)
        runs = policy if expected.if_left else left
        times = [back_after_s(run.servings, expected.from_s, expected.until_s) for run in runs]
    else:
        times = [
            reached_after_s(run.transitions, expected.mode, expected.from_s, expected.until_s)
            for run in policy
        ]
    value = median_interval(times)
    verdict = _side(value, expected.within_s, at_least=False)
    needed = replications_for_median(times, expected.within_s)
    if needed is not None:
        # Only so many of them will have left normal.
        needed = math.ceil(needed * len(policy) / len(runs))
    return Judgement(
        name=expected.name,
        verdict=verdict,
        value=value,
        bound=expected.within_s,
        better="lower",
        unit="seconds",
        note=_timely(times, expected.within_s, stayed),
        replications_needed=needed if verdict == "inconclusive" else None,
    )


def _timely(times: Sequence[float], within_s: float, stayed: int) -> str:
    """How the runs fared, of which so many never left normal."""
    if not times:
        return f"never left normal in {_runs(stayed)}: there was nothing to recover from"
    within = sum(time <= within_s for time in times)
    never = sum(map(math.isinf, times))
    note = f"{within} of {_runs(len(times))} in time"
    if never:
        note += f", {never} not at all"
    elif within < len(times):
        note += f", the slowest after {max(times):.4g} s"
    return f"{note}; {stayed} never left normal" if stayed else note


def _judge_never(
    expected: NeverAbove | NeverOverBudget, violated: Sequence[bool], what: str
) -> Judgement:
    n, count = len(violated), sum(violated)
    if count:
        value = share_interval(count, n)
        note = f"{count} of {n} runs {what}"
    else:
        value = Interval(estimate=0.0, low=0.0, high=chance_bound(n))
        note = _unviolated(n)
    return Judgement(
        name=expected.name,
        verdict="fail" if count else "pass",
        value=value,
        bound=0.0,
        better="lower",
        unit="share",
        note=note,
    )


def _nothing_to_judge(expected: NeverOverBudget, why: str) -> Judgement:
    return Judgement(
        name=expected.name,
        verdict="inconclusive",
        value=UNDEFINED,
        bound=0.0,
        better="lower",
        unit="share",
        note=why,
    )


def _side(value: Interval, bound: float, *, at_least: bool) -> Outcome:
    """Which side of the bound the interval lies on; comparisons with NaN decide nothing."""
    if at_least:
        good, bad = value.low >= bound, value.high < bound
    else:
        good, bad = value.high <= bound, value.low > bound
    return "pass" if good else "fail" if bad else "inconclusive"
