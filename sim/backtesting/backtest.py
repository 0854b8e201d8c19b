"""A backtest: does the fit reproduce what happened, and what would candidates have made of it?

`docs/reference/backtest.md` documents the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

from balancer.core.errors import InputError
from balancer.core.modes import MODES
from balancer.core.policy import Policy
from balancer.records.backtest import (
    BACKTEST,
    Assumed,
    Backtest,
    BacktestArm,
    Bounds,
    FittedJournal,
    FittedScenario,
    MeasuredAnswers,
)
from balancer.records.codec import to_json
from balancer.version import VERSION
from scenarios.profiles import profiles
from scenarios.schema import Scenario

from ..days import of_its_day
from ..fitting.account import account
from ..fitting.columns import Cell
from ..fitting.fit import Fit, reachable
from ..run.header import fault_rows, versions
from ..run.result import CHEAPEST, NONE, STATIC
from ..study.estimates import difference_interval, metric_interval
from ..study.intervals import CONFIDENCE
from ..study.replications import Arms, Plan, replicate
from ..workers.pool import Workers
from .fidelity import fidelity, trustworthy
from .runs import Measured, measure
from .unseen import SWEPT, Unseen, swept, unseen

__all__ = ["LIVE", "METRICS", "backtest", "check_candidates"]

LIVE = "live"
"""The arm of the policy that was live."""
METRICS = (
    "availability",
    "latency_p50_s",
    "latency_p95_s",
    "latency_p99_s",
    "error_rate",
    "cost_usd",
    "cost_per_answer_usd",
    "quality",
    "utility_usd",
    "degraded_share",
    "shed_share",
    "transitions",
)
"""What policies are compared by."""
Progress = Callable[[str], Callable[[float, int], None] | None]

HOUR_S = 0.5
"""Rough time that a simulated hour takes, to tell whether workers are worth their start."""


def check_candidates(fit: Fit, candidates: Sequence[Policy]) -> None:
    """Refuse what could not be compared, before anything runs.

    Raises:
        InputError: two candidates have one name, ticks differ, or several policies were live.
    """
    if len(fit.columns.policies) > 1:
        raise InputError(
            f"{len(fit.columns.policies)} policies were live one after the other, and a backtest "
            "is held against one; name the files of one of them",
            where=fit.columns.where,
        )
    names = [candidate.name for candidate in candidates]
    for name in names:
        if names.count(name) > 1 or name in (LIVE, STATIC, CHEAPEST, NONE):
            raise InputError(
                f"two policies are named {name!r}"
                if names.count(name) > 1
                else f"a policy cannot be named {name!r} here; rename it",
                where="--policy",
            )
    for candidate in candidates:
        if candidate.tick_s != fit.policy.tick_s:
            raise InputError(
                f"policy {candidate.name} has ticks of {candidate.tick_s:g} s and the journal of "
                f"{fit.policy.tick_s:g} s; expected the same",
                where="--policy",
            )


def backtest(
    fit: Fit,
    scenario: Scenario,
    candidates: Sequence[Policy],
    *,
    replications: int,
    workers: Workers,
    command: Sequence[str] = (),
    progress: Progress = lambda _name: None,
) -> dict[str, Any]:
    """Run the policy that was live, static, and candidates on a fitted scenario.

    Args:
        fit: of the journal.
        scenario: made of it.
        candidates: policies.
        replications: independent runs of each.
        workers: who simulates; the object does not depend on it.
        command: words that ask for this again.
        progress: gives, of a round's name, what is called with runs done and runs in all.

    Returns:
        The object for `backtest.json`.

    Raises:
        InputError: what `check_candidates` refuses, or a scenario that a policy cannot be run on.
        WorkerError: workers died.
    """
    check_candidates(fit, candidates)
    for policy in (fit.policy, *candidates):
        of_its_day(scenario, policy)
        _check_known(fit, scenario, policy)
    arms = {LIVE: fit.policy, STATIC: fit.policy, **{each.name: each for each in candidates}}
    hours = len(arms) * replications * scenario.duration / 3600.0
    there = workers if workers.worth(hours * HOUR_S) else 1
    runs = measure(scenario, arms, replications, workers=there, progress=progress("runs"))
    tick_s = fit.policy.tick_s
    seen = account(
        fit.columns,
        from_tick=round(scenario.warm_up / tick_s),
        until_tick=round(scenario.duration / tick_s),
    )
    figures = fidelity(seen.figures, [each.account.figures for each in runs[LIVE]])
    strange = {arm: unseen(fit, policy, _answers(runs[arm])) for arm, policy in arms.items()}
    bounds = _bounds(scenario, arms, strange, replications, there, progress)
    record = Backtest(
        version=BACKTEST.version,
        scenario=scenario.scenario,
        trustworthy=trustworthy(figures),
        journal=_journal(fit),
        fit=_fit(fit, scenario),
        seed=scenario.seed,
        replications=replications,
        confidence=CONFIDENCE,
        duration_s=scenario.duration,
        warm_up_s=scenario.warm_up,
        swept=SWEPT,
        fidelity=figures,
        arms=tuple(
            _arm(arm, policy, runs, strange[arm], bounds.get(arm)) for arm, policy in arms.items()
        ),
        assumptions=fit.assumptions,
        command=tuple(command),
        versions={"open-balancer": VERSION, **versions()},
    )
    plain: dict[str, Any] = to_json(record)
    return plain


def _check_known(fit: Fit, scenario: Scenario, policy: Policy) -> None:
    """Refuse a policy that calls a model of which neither journal nor profiles tell anything."""
    known = profiles(scenario)
    for model in reachable(policy, fit.asked):
        if model not in known:
            raise InputError(
                f"policy {policy.name} calls {model}, of which the journal tells too little and no "
                "calibrated profile anything; nobody can say how it would have answered",
                where="--policy",
            )


def _answers(runs: Sequence[Measured]) -> dict[Cell, int]:
    found: dict[Cell, int] = {}
    for each in runs:
        for cell, count in each.account.answers.items():
            found[cell] = found.get(cell, 0) + count
    return found


def _bounds(
    scenario: Scenario,
    arms: Arms,
    strange: Mapping[str, Unseen],
    replications: int,
    workers: int | Workers,
    progress: Progress,
) -> dict[str, dict[str, Bounds]]:
    """By arm and metric, what it comes to where what was never seen is worse, and better."""
    plans = [
        Plan(
            scenario=swept(scenario, found.models, ways=bool(found.ways), worse=worse),
            arms={arm: arms[arm]},
            replications=range(replications),
        )
        for arm, found in strange.items()
        if found.share
        for worse in (True, False)
    ]
    if not plans:
        return {}
    results = replicate(plans, workers=workers, progress=progress("runs of bounds"))
    bounds = {}
    for worst, best in zip(results[::2], results[1::2], strict=True):
        (arm,) = worst
        poor, rich = worst[arm], best[arm]
        bounds[arm] = {
            metric: Bounds(
                worse=metric_interval(metric, poor).estimate,
                better=metric_interval(metric, rich).estimate,
            )
            for metric in METRICS
        }
    return bounds


def _arm(
    arm: str,
    policy: Policy,
    runs: Mapping[str, Sequence[Measured]],
    strange: Unseen,
    bounds: Mapping[str, Bounds] | None,
) -> BacktestArm:
    ours, theirs = ([each.run for each in runs[name]] for name in (arm, LIVE))
    return BacktestArm(
        arm=arm,
        policy=policy.name,
        law="none" if arm == STATIC else policy.law,
        metrics={name: metric_interval(name, ours) for name in METRICS},
        difference={name: difference_interval(name, ours, theirs) for name in METRICS},
        time_in={
            mode.label: fmean(each.account.figures[f"time_in_{mode.label}"] for each in runs[arm])
            for mode in MODES
        },
        assumed=Assumed(
            share=strange.share, models=strange.models, modes=strange.ways, bounds=bounds
        ),
    )


def _journal(fit: Fit) -> FittedJournal:
    columns = fit.columns
    return FittedJournal(
        files=columns.where,
        policy=fit.policy.name,
        law=fit.policy.law,
        requests=int(columns.offered.sum()),
        answers=int(columns.answers.sum()),
        torn=columns.torn,
    )


def _fit(fit: Fit, scenario: Scenario) -> FittedScenario:
    return FittedScenario(
        asked=fit.asked,
        slice_s=fit.traffic.slice_s,
        cv=fit.traffic.shared.cv,
        faults=fault_rows(scenario),
        measured=tuple(
            MeasuredAnswers(mode=mode.label, model=model, answers=count)
            for (mode, model), count in fit.answers.items()
        ),
        misfit=fit.calls.misfit,
    )
