"""Runs of a backtest: every policy on the same requests, each run's journal measured at once.

A journal is as large as the one that was fitted, so none is kept: it is written, read and deleted
where its run was made.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from balancer.core.policy import Policy
from scenarios.schema import Scenario

from ..fitting.account import Account, account
from ..fitting.columns import read_columns
from ..run.engine import simulate
from ..run.result import Run
from ..streams import replication_key
from ..traffic.workload import Traffic
from ..workers.pool import Workers, fan_out

__all__ = ["Arm", "Measured", "measure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """A policy to run.

    Attributes:
        name: of the arm; "static" is without a controller.
        policy: that it runs under.
        journaled: whether its journal is measured, too.
    """

    name: str
    policy: Policy
    journaled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A run and the account of its journal; None: there is none."""

    run: Run
    account: Account | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    scenario: Scenario
    arms: tuple[Arm, ...]
    replication: int


def measure(
    plans: Sequence[tuple[Scenario, Sequence[Arm]]],
    replications: int,
    *,
    workers: int | Workers,
    progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, tuple[Measured, ...]]]:
    """Runs of every scenario in its arms, by arm, replication 0 first.

    The result does not depend on the workers.

    Args:
        plans: scenarios with their arms.
        replications: how many of each.
        workers: as of `sim.workers.pool.fan_out`.
        progress: called with runs done and runs in all.

    Raises:
        InputError: something in a scenario cannot be used.
        WorkerError: workers died.
    """
    tasks = [
        _Task(scenario=scenario, arms=tuple(arms), replication=replication)
        for scenario, arms in plans
        for replication in range(replications)
    ]
    total = sum(len(task.arms) for task in tasks)
    done = 0

    def finished(found: Mapping[str, Measured]) -> None:
        nonlocal done
        done += len(found)
        if progress is not None:
            progress(done, total)

    results = iter(fan_out(_measured, tasks, workers=workers, done=finished))
    found = []
    for _, arms in plans:
        rows = [next(results) for _ in range(replications)]
        found.append({arm.name: tuple(row[arm.name] for row in rows) for arm in arms})
    return found


def _measured(task: _Task) -> dict[str, Measured]:
    scenario, replication = task.scenario, task.replication
    traffic = Traffic(scenario, replication_key(scenario.seed, replication))
    found = {}
    with tempfile.TemporaryDirectory(prefix="open-balancer-") as folder:
        for arm in task.arms:
            journal = Path(folder) / "journal.jsonl" if arm.journaled else None
            run = simulate(
                scenario,
                arm.policy,
                replication=replication,
                arm=arm.name,
                journal=journal,
                traffic=traffic,
            )
            seen = None
            if journal is not None:
                tick_s = arm.policy.tick_s
                seen = account(
                    read_columns([journal]),
                    from_tick=round(scenario.warm_up / tick_s),
                    until_tick=round(scenario.duration / tick_s),
                )
            found[arm.name] = Measured(run=run, account=seen)
    return found
