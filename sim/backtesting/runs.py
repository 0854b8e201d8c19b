"""Runs of a backtest: every policy on the same requests, each run's journal measured at once.

A journal is as large as the one that was fitted, so none is kept: it is written, read and deleted
where its run was made.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scenarios.schema import Scenario

from ..fitting.account import Account, account
from ..fitting.column_reader import read_columns
from ..run.result import Run
from ..study.replications import Arms, Plan, journal_name, replicate
from ..workers.pool import Workers, fan_out

__all__ = ["Measured", "measure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A run and the account of its journal."""

    run: Run
    account: Account


def measure(
    scenario: Scenario,
    arms: Arms,
    replications: int,
    *,
    workers: int | Workers,
    progress: Callable[[float, int], None] | None = None,
) -> dict[str, tuple[Measured, ...]]:
    """Runs of a scenario by arm, replication 0 first.

    The result does not depend on the workers.

    Args:
        scenario: what to simulate.
        arms: as of `sim.study.replications.Plan`.
        replications: how many of each.
        workers: as of `sim.workers.pool.fan_out`.
        progress: called with runs done and runs in all.

    Raises:
        InputError: something in the scenario cannot be used.
        WorkerError: workers died.
    """
    tasks = [
        Plan(scenario=scenario, arms={arm: policy}, replications=range(k, k + 1))
        for k in range(replications)
        for arm, policy in arms.items()
    ]
    done = 0

    def finished(_found: Measured) -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, len(tasks))

    results = fan_out(_measured, tasks, workers=workers, done=finished)
    return {arm: tuple(each for each in results if each.run.arm == arm) for arm in arms}


def _measured(plan: Plan) -> Measured:
    ((arm, policy),) = plan.arms.items()
    scenario, tick_s = plan.scenario, policy.tick_s
    with tempfile.TemporaryDirectory(prefix="open-balancer-") as folder:
        (runs,) = replicate([plan], workers=1, out=Path(folder), every_journal=True)
        journal = Path(folder) / journal_name(scenario, arm, plan.replications[0])
        seen = account(
            read_columns([journal]),
            from_tick=round(scenario.warm_up / tick_s),
            until_tick=round(scenario.duration / tick_s),
        )
    return Measured(run=runs[arm][0], account=seen)
