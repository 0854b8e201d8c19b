"""Replications of scenarios in several arms, on workers.

An arm is a name and the policy it runs under. All arms of a replication see the same
requests (common random numbers), which are drawn once for all of them unless they are many.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from balancer.core.errors import InputError, ScenarioError
from balancer.core.policy import Policy
from scenarios.schema import ProcessFault, Scenario

from ..run.engine import simulate
from ..run.fault_process import load
from ..run.fault_windows import check_faults
from ..run.result import Run
from ..run.trajectories import Trajectories
from ..run.watching import watched, watching
from ..streams import replication_key
from ..traffic.workload import Traffic
from ..workers.named_files import check_files, files_of, from_anywhere
from ..workers.pool import Workers, fan_out, local_workers

__all__ = ["Arms", "Plan", "Runs", "journal_name", "replicate", "replication_s"]

BATCH_S = 0.1
"""Least work worth a trip to a worker."""
LONG_S = 1.0
"""More arms than this of work can be done by several workers."""
ARMS_LEAST = 8
"""Each batch of arms draws the requests again, which costs less than one arm of so many."""
REQUESTS_PER_S = 1_500_000.0
STEPS_PER_S = 40_000.0
"""Rough speeds of one core, to size batches; results do not depend on them."""

Arms = Mapping[str, Policy]
"""Policy of each arm; what `sim.run.engine.arm_policy` makes of it, by the arm's name."""

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
    """Some replications of a plan, or some arms of one, for one worker.

    Attributes:
        place: of the plan.
        plan: with these replications and arms alone.
        out: where journals go; None: none are written.
        every_journal: of all replications.
        files: hash of each file that a worker needs which shares none with us, by path; None:
            it shares them.
    """

    place: int
    plan: Plan
    out: Path | None
    every_journal: bool
    files: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What came of a batch.

    Attributes:
        place: of the plan.
        runs: of the batch's arms, for each of its replications.
        journals: written where we cannot read them, by file name.
    """

    place: int
    runs: list[dict[str, Run]]
    journals: Mapping[str, bytes] = field(default_factory=dict)


def replicate(
    plans: Sequence[Plan],
    *,
    workers: int | Workers | None = None,
    out: Path | None = None,
    every_journal: bool = False,
    progress: Callable[[float, int], None] | None = None,
    finished: Callable[[int, Runs], None] | None = None,
) -> tuple[Runs, ...]:
    """Runs of every plan; they, and their journals, do not depend on who the workers are.

    Args:
        plans: what to run; all of them share the workers.
        workers: those that are there, or how many processes; None: as many as there are cores,
            if the work is worth it.
        out: an existing directory for the journals of replication 0; None writes none.
        every_journal: write the journals of all replications.
        progress: called with runs done and runs in all; with a part of a long run too, if it is
            run in this process.
        finished: called with the place of a plan and its runs as soon as they are all there.

    Raises:
        InputError: something in a scenario cannot be used; found before anything runs
            wherever that is possible.
        WorkerError: workers died, again and again.
    """
    if not isinstance(workers, Workers):
        with local_workers(workers) as own:
            return replicate(
                plans,
                workers=own,
                out=out,
                every_journal=every_journal,
                progress=progress,
                finished=finished,
            )
    for plan in plans:
        _check(plan, out)
    costs_s = [replication_s(plan) for plan in plans]
    work_s = sum(cost * len(p.replications) for cost, p in zip(costs_s, plans, strict=True))
    there = workers.worth(work_s)
    batches = []
    for place, (plan, cost_s) in enumerate(zip(plans, costs_s, strict=True)):
        files = None
        if workers.away:
            plan = replace(plan, scenario=from_anywhere(plan.scenario))  # noqa: PLW2901
            files = files_of(plan.scenario)
        batches += [
            _Batch(place=place, plan=part, out=out, every_journal=every_journal, files=files)
            for part in _parts(plan, cost_s, together=there)
        ]
    rows: list[dict[int, dict[str, Run]]] = [{k: {} for k in p.replications} for p in plans]
    missing = [len(plan.arms) * len(plan.replications) for plan in plans]
    total = sum(missing)

    def done(found: _Found) -> None:
        place = found.place
        for name, text in found.journals.items():
            _keep_journal(out, name, text)
        for arms in found.runs:
            rows[place][next(iter(arms.values())).replication].update(arms)
            missing[place] -= len(arms)
        if finished is not None and not missing[place]:
            finished(place, _by_arm(plans[place], rows[place]))
        if progress is not None:
            progress(total - sum(missing), total)

    def under_way(runs: float) -> None:
        if progress is not None:
            progress(total - sum(missing) + runs, total)

    with watching(under_way):
        fan_out(_run_batch, batches, workers=workers if there else 1, done=done)
    return tuple(_by_arm(plan, row) for plan, row in zip(plans, rows, strict=True))


def journal_name(scenario: Scenario, arm: str, replication: int) -> str:
    """File name of a journal: "latency_spike.policy.0.jsonl"."""
    return f"{_slug(scenario)}.{arm}.{replication}.jsonl"


def _slug(scenario: Scenario) -> str:
    return re.sub(r"[^\w-]+", "-", scenario.scenario, flags=re.ASCII).strip("-") or "scenario"


def _parts(plan: Plan, cost_s: float, *, together: bool) -> list[Plan]:
    """The plan in parts, a batch each.

    Args:
        plan: what to run.
        cost_s: rough time that all arms of a replication take.
        together: whether short replications go in one batch.
    """
    every = plan.replications
    if cost_s > LONG_S:
        names = list(plan.arms)
        groups = max(1, min(len(names) // ARMS_LEAST, math.ceil(cost_s / LONG_S)))
        size = math.ceil(len(names) / groups)
        return [
            replace(
                plan,
                arms={name: plan.arms[name] for name in names[first : first + size]},
                replications=every[k : k + 1],
            )
            for k in range(len(every))
            for first in range(0, len(names), size)
        ]
    size = max(1, math.ceil(BATCH_S / cost_s)) if together else 1
    return [
        replace(plan, replications=every[first : first + size])
        for first in range(0, len(every), size)
    ]


def _by_arm(plan: Plan, rows: Mapping[int, Mapping[str, Run]]) -> Runs:
    return {arm: tuple(rows[k][arm] for k in plan.replications) for arm in plan.arms}


def _run_batch(batch: _Batch) -> _Found:
    if batch.files is None:
        return _Found(place=batch.place, runs=_run_replications(batch))
    check_files(batch.files)
    with TemporaryDirectory(prefix="open-balancer-") as directory:
        here = None if batch.out is None else Path(directory)
        runs = _run_replications(replace(batch, out=here))
        journals = {path.name: path.read_bytes() for path in Path(directory).iterdir()}
    return _Found(place=batch.place, runs=runs, journals=journals)


def _run_replications(batch: _Batch) -> list[dict[str, Run]]:
    return [_run_arms(batch, k) for k in batch.plan.replications]


def _run_arms(batch: _Batch, replication: int) -> dict[str, Run]:
    scenario = batch.plan.scenario
    traffic = Traffic(scenario, replication_key(scenario.seed, replication))
    trajectories = Trajectories(len(batch.plan.arms))
    found = {}
    for done, (arm, policy) in enumerate(batch.plan.arms.items()):
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
                traffic=watched(traffic, scenario.duration, done),
                trajectories=trajectories,
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


def replication_s(plan: Plan) -> float:
    """Rough time all arms of a replication take."""
    scenario = plan.scenario
    requests = scenario.workload.arrivals.rate * scenario.duration
    return sum(
        requests / REQUESTS_PER_S
        + scenario.replicas * scenario.duration / policy.tick_s / STEPS_PER_S
        for policy in plan.arms.values()
    )


def _keep_journal(out: Path | None, name: str, text: bytes) -> None:
    """Write a journal that came from a worker of another machine."""
    assert out is not None, "a journal that nobody asked for"
    try:
        (out / name).write_bytes(text)
    except OSError as error:
        problem = f"the journal cannot be written: {error.strerror}"
        raise InputError(problem, where=str(out / name)) from None
