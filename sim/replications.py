"""Replications of scenarios in several arms, on worker processes.

An arm is a name and the policy it runs under. All arms of a replication see the same
requests (common random numbers), which are drawn once for all of them.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from balancer.core.errors import InputError, ScenarioError
from balancer.core.policy import Policy
from scenarios.schema import ProcessFault, Scenario

from .engine import simulate
from .fault_process import load
from .fault_windows import check_faults
from .pool import fan_out
from .run import Run
from .streams import replication_key
from .workload import generate

__all__ = ["Arms", "Plan", "Runs", "journal_name", "replicate"]

BATCH_S = 0.1
"""Least work worth a trip to a worker."""
POOL_S = 6.0
"""Less work than this is done sooner here than workers take to start."""
REQUESTS_PER_S = 1_500_000.0
STEPS_PER_S = 40_000.0
"""Rough speeds of one core, to size batches; results do not depend on them."""

Arms = Mapping[str, Policy]
"""Policy of each arm; what `sim.engine.arm_policy` makes of it, by the arm's name."""

Runs = Mapping[str, tuple[Run, ...]]
"""Runs of each arm, in order of their replications."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A scenario to replicate.

    Attributes:
        scenario: what to simulate, seed included.
        arms: in which the same requests are run.
        replications: indices; more of them later add runs and change none.
    """

    scenario: Scenario
    arms: Arms
    replications: range


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """Some replications of a plan, in all its arms, for one worker."""

    place: int
    plan: Plan
    out: Path | None
    every_journal: bool


_Found = tuple[int, list[dict[str, Run]]]
"""Place of the plan, and for each replication of the batch the runs of all arms."""


def replicate(
    plans: Sequence[Plan],
    *,
    workers: int | None = None,
    out: Path | None = None,
    every_journal: bool = False,
    progress: Callable[[int, int], None] | None = None,
    finished: Callable[[int, Runs], None] | None = None,
) -> tuple[Runs, ...]:
    """Runs of every plan; they, and their journals, do not depend on the number of workers.

    Args:
        plans: what to run; all of them share the workers.
        workers: processes; None: as many as there are cores, if the work is worth it.
        out: an existing directory for the journals of replication 0; None writes none.
        every_journal: write the journals of all replications.
        progress: called with runs done and runs in all.
        finished: called with the place of a plan and its runs as soon as they are all there.

    Raises:
        InputError: something in a scenario cannot be used; found before anything runs
            wherever that is possible.
        WorkerError: a worker process died.
    """
    for plan in plans:
        _check(plan, out)
    costs_s = [_replication_s(plan) for plan in plans]
    work_s = sum(cost * len(p.replications) for cost, p in zip(costs_s, plans, strict=True))
    workers = _workers(workers, work_s)
    batches = [
        _Batch(place=place, plan=part, out=out, every_journal=every_journal)
        for place, (plan, cost_s) in enumerate(zip(plans, costs_s, strict=True))
        for part in _parts(plan, 1 if workers == 1 else max(1, math.ceil(BATCH_S / cost_s)))
    ]
    total = sum(len(plan.arms) * len(plan.replications) for plan in plans)
    rows: list[dict[int, dict[str, Run]]] = [{} for _ in plans]
    count = 0

    def done(found: _Found) -> None:
        nonlocal count
        place, runs = found
        for arms in runs:
            rows[place][next(iter(arms.values())).replication] = arms
            count += len(arms)
        if finished is not None and len(rows[place]) == len(plans[place].replications):
            finished(place, _by_arm(plans[place], rows[place]))
        if progress is not None:
            progress(count, total)

    fan_out(_run_batch, batches, workers=workers, done=done)
    return tuple(_by_arm(plan, row) for plan, row in zip(plans, rows, strict=True))


def journal_name(scenario: Scenario, arm: str, replication: int) -> str:
    """File name of a journal: "latency_spike.policy.0.jsonl"."""
    return f"{_slug(scenario)}.{arm}.{replication}.jsonl"


def _slug(scenario: Scenario) -> str:
    return re.sub(r"[^\w-]+", "-", scenario.scenario, flags=re.ASCII).strip("-") or "scenario"


def _parts(plan: Plan, size: int) -> list[Plan]:
    every = plan.replications
    return [
        Plan(scenario=plan.scenario, arms=plan.arms, replications=every[first : first + size])
        for first in range(0, len(every), size)
    ]


def _by_arm(plan: Plan, rows: Mapping[int, Mapping[str, Run]]) -> Runs:
    return {arm: tuple(rows[k][arm] for k in plan.replications) for arm in plan.arms}


def _run_batch(batch: _Batch) -> _Found:
    return batch.place, [_run_arms(batch, k) for k in batch.plan.replications]


def _run_arms(batch: _Batch, replication: int) -> dict[str, Run]:
    scenario = batch.plan.scenario
    requests = generate(scenario, replication_key(scenario.seed, replication))
    found = {}
    for arm, policy in batch.plan.arms.items():
        journal = None
        if batch.out is not None and (replication == 0 or batch.every_journal):
            journal = batch.out / journal_name(scenario, arm, replication)
        try:
            found[arm] = simulate(
                scenario,
                policy,
                replication=replication,
                arm=arm,
                journal=journal,
                requests=requests,
            )
        except Exception as error:
            error.add_note(
                f"in replication {replication} of {scenario.scenario}, arm {arm}, "
                f"law {policy.law}, seed {scenario.seed}"
            )
            raise
    return found


def _check(plan: Plan, out: Path | None) -> None:
    """Find what cannot work before hours are spent on it."""
    scenario = plan.scenario
    if len(plan.replications) < 1:
        raise InputError(f"replications is {len(plan.replications)}; expected 1 or more")
    check_faults(scenario)
    for place, fault in enumerate(scenario.faults):
        if isinstance(fault, ProcessFault):
            load(fault, place)
    if out is not None and any(out.glob(f"{_slug(scenario)}.*.jsonl")):
        raise ScenarioError(
            f"another scenario of this run is named {scenario.scenario!r} too, and their journals "
            "would overwrite each other; rename one"
        )


def _replication_s(plan: Plan) -> float:
    """Rough time all arms of a replication take."""
    scenario = plan.scenario
    requests = scenario.workload.arrivals.rate * scenario.duration
    return sum(
        requests / REQUESTS_PER_S
        + scenario.replicas * scenario.duration / policy.tick_s / STEPS_PER_S
        for policy in plan.arms.values()
    )


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
