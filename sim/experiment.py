"""An experiment: replications of a scenario, each with and without the controller, judged."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from balancer.core.errors import InputError, ScenarioError
from balancer.core.policy import Policy
from scenarios.schema import ProcessFault, Scenario

from .counterfactual import Comparison, compare
from .engine import simulate
from .expectations import expected
from .fault_process import load
from .fault_windows import check_faults
from .pool import fan_out
from .record import record
from .run import ARMS, Run
from .streams import replication_key
from .verdict import Judgement, Outcome, judge, overall
from .workload import generate

__all__ = ["Result", "journal_name", "run_scenario"]

BATCH_S = 0.1
"""Least work worth a trip to a worker."""
POOL_S = 6.0
"""Less work than this is done sooner here than workers take to start."""
REQUESTS_PER_S = 500_000.0
STEPS_PER_S = 35_000.0
"""Rough speeds of one core, to size batches; results do not depend on them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of an experiment.

    Attributes:
        verdict: pass, fail or inconclusive.
        judgements: one for each expectation.
        comparison: metrics with the controller, without, and their difference.
        runs: all runs by arm, replication 0 first.
        record: the object for `verdict.json`.
    """

    verdict: Outcome
    judgements: tuple[Judgement, ...]
    comparison: Comparison
    runs: Mapping[str, tuple[Run, ...]]
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """Replications for one worker; both arms of each, since they share their requests."""

    scenario: Scenario
    policy: Policy
    replications: range
    out: Path | None
    every_journal: bool


def run_scenario(
    scenario: Scenario,
    policy: Policy,
    *,
    replications: int | None = None,
    seed: int | None = None,
    workers: int | None = None,
    out: Path | None = None,
    every_journal: bool = False,
    command: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Run all replications of a scenario in both arms and judge its expectations.

    The result, journals included, does not depend on the number of workers.

    Args:
        scenario: what to simulate.
        policy: of the controller.
        replications, seed: instead of the scenario's own.
        workers: processes; None: as many as there are cores, if the work is worth it.
        out: an existing directory for journals; None writes none.
        every_journal: write the journals of all replications and not of the first alone.
        command: words that ask for this again, for the record; seed and replications are
            added to them.
        progress: called with runs done and runs in all.

    Raises:
        InputError: something in the scenario cannot be used; found before anything runs
            wherever that is possible.
        WorkerError: a worker process died.
    """
    if seed is not None:
        scenario = scenario.model_copy(update={"seed": seed})
    count = scenario.replications if replications is None else replications
    if count < 1:
        raise InputError(f"replications is {count}; expected 1 or more")
    questions = expected(scenario)
    _check(scenario, out)
    total = count * len(ARMS)
    finished = 0

    def done(pairs: list[tuple[Run, Run]]) -> None:
        nonlocal finished
        finished += len(pairs) * len(ARMS)
        if progress is not None:
            progress(finished, total)

    pair_s = _pair_s(scenario, policy)
    workers = _workers(workers, pair_s * count)
    size = 1 if workers == 1 else max(1, math.ceil(BATCH_S / pair_s))
    batches = [
        _Batch(
            scenario=scenario,
            policy=policy,
            replications=range(first, min(first + size, count)),
            out=out,
            every_journal=every_journal,
        )
        for first in range(0, count, size)
    ]
    pairs = [
        pair for batch in fan_out(_run_batch, batches, workers=workers, done=done) for pair in batch
    ]
    return _result(scenario, policy, questions, pairs, out, command)


def _result(
    scenario: Scenario,
    policy: Policy,
    questions: tuple[Any, ...],
    pairs: list[tuple[Run, Run]],
    out: Path | None,
    command: Sequence[str],
) -> Result:
    with_it = tuple(pair[0] for pair in pairs)
    without = tuple(pair[1] for pair in pairs)
    judgements = tuple(judge(question, with_it, without) for question in questions)
    comparison = compare(with_it, without)
    journals = {} if out is None else {arm: journal_name(scenario, arm, 0) for arm in ARMS}
    return Result(
        verdict=overall(judgements),
        judgements=judgements,
        comparison=comparison,
        runs={"policy": with_it, "none": without},
        record=record(
            scenario,
            policy,
            replications=len(pairs),
            judgements=judgements,
            comparison=comparison,
            transitions=with_it[0].transitions,
            journals=journals,
            command=command,
        ),
    )


def journal_name(scenario: Scenario, arm: str, replication: int) -> str:
    """File name of a journal: "latency_spike.policy.0.jsonl"."""
    return f"{_slug(scenario)}.{arm}.{replication}.jsonl"


def _slug(scenario: Scenario) -> str:
    return re.sub(r"[^\w-]+", "-", scenario.scenario, flags=re.ASCII).strip("-") or "scenario"


def _run_batch(batch: _Batch) -> list[tuple[Run, Run]]:
    return [_run_pair(batch, replication) for replication in batch.replications]


def _run_pair(batch: _Batch, replication: int) -> tuple[Run, Run]:
    scenario = batch.scenario
    requests = generate(scenario, replication_key(scenario.seed, replication))

    def run(arm: str) -> Run:
        journal = None
        if batch.out is not None and (replication == 0 or batch.every_journal):
            journal = batch.out / journal_name(scenario, arm, replication)
        return simulate(
            scenario,
            batch.policy,
            replication=replication,
            arm=arm,
            journal=journal,
            requests=requests,
        )

    return run("policy"), run("none")


def _check(scenario: Scenario, out: Path | None) -> None:
    """Find what cannot work before hours are spent on it."""
    check_faults(scenario)
    for place, fault in enumerate(scenario.faults):
        if isinstance(fault, ProcessFault):
            load(fault, place)
    if out is not None and any(out.glob(f"{_slug(scenario)}.*.jsonl")):
        raise ScenarioError(
            f"another scenario of this run is named {scenario.scenario!r} too, and their journals "
            "would overwrite each other; rename one"
        )


def _pair_s(scenario: Scenario, policy: Policy) -> float:
    """Rough time both arms of a replication take."""
    requests = scenario.workload.arrivals.rate * scenario.duration
    steps = scenario.duration / policy.tick_s
    return len(ARMS) * (requests / REQUESTS_PER_S + steps / STEPS_PER_S)


def _workers(wanted: int | None, work_s: float) -> int:
    if wanted is not None:
        if wanted < 1:
            raise InputError(f"workers is {wanted}; expected 1 or more")
        return wanted
    return 1 if work_s < POOL_S else _cores()


def _cores() -> int:
    # A container or a batch job often may use fewer cores than the machine has.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
