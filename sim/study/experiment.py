"""An experiment: replications of a scenario, with the controller and in other arms, judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from balancer.core.policy import Policy
from balancer.records.verdict import Judgement, Outcome
from scenarios.schema import Scenario

from ..days import of_its_day
from ..run.result import ARMS, POLICY, Run
from ..workers.pool import Workers
from .counterfactual import Comparison, compare
from .expectations import Expected, expected
from .record import record
from .replications import Plan, Runs, journal_name, replicate
from .verdict import judge, overall

__all__ = ["Result", "run_scenario"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of an experiment.

    Attributes:
        verdict: pass, fail or inconclusive.
        judgements: one for each expectation.
        comparison: metrics of every arm, and what the controller changed of each.
        runs: all runs by arm, replication 0 first.
        record: the object for `verdict.json`.
    """

    verdict: Outcome
    judgements: tuple[Judgement, ...]
    comparison: Comparison
    runs: Mapping[str, tuple[Run, ...]]
    record: Mapping[str, Any]


def run_scenario(
    scenario: Scenario,
    policy: Policy,
    *,
    replications: int | None = None,
    seed: int | None = None,
    workers: int | Workers | None = None,
    out: Path | None = None,
    every_journal: bool = False,
    command: Sequence[str] = (),
    progress: Callable[[float, int], None] | None = None,
) -> Result:
    """Run all replications of a scenario in all arms and judge its expectations.

    The result, journals included, does not depend on who the workers are.

    Args:
        scenario: what to simulate.
        policy: of the controller.
        replications, seed: instead of the scenario's own.
        workers: as of `sim.study.replications.replicate`.
        out: an existing directory for journals; None writes none.
        every_journal: write the journals of all replications and not of the first alone.
        command: words that ask for this again, for the record; seed and replications are
            added to them.
        progress: called with runs done, parts included, and runs in all.

    Raises:
        InputError: something in the scenario cannot be used; found before anything runs
            wherever that is possible.
        WorkerError: workers died, again and again.
    """
    _, policy = of_its_day(scenario, policy)
    if seed is not None:
        scenario = scenario.model_copy(update={"seed": seed})
    count = scenario.replications if replications is None else replications
    questions = expected(scenario)
    (runs,) = replicate(
        [
            Plan(
                scenario=scenario,
                arms=dict.fromkeys(ARMS, policy),
                replications=range(count),
            )
        ],
        workers=workers,
        out=out,
        every_journal=every_journal,
        progress=progress,
    )
    return _result(scenario, policy, questions, runs, out, command)


def _result(
    scenario: Scenario,
    policy: Policy,
    questions: tuple[Expected, ...],
    runs: Runs,
    out: Path | None,
    command: Sequence[str],
) -> Result:
    with_it = runs[POLICY]
    budgeted = bool(policy.budgets or policy.priority_budgets)
    judgements = tuple(judge(question, with_it, runs, budgeted=budgeted) for question in questions)
    comparison = compare(runs)
    journals = {} if out is None else {arm: journal_name(scenario, arm, 0) for arm in ARMS}
    return Result(
        verdict=overall(judgements),
        judgements=judgements,
        comparison=comparison,
        runs=runs,
        record=record(
            scenario,
            policy,
            replications=len(with_it),
            judgements=judgements,
            comparison=comparison,
            transitions=with_it[0].transitions,
            servings=with_it[0].servings,
            misfits=with_it[0].misfits,
            journals=journals,
            command=command,
        ),
    )
