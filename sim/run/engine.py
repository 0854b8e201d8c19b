"""One run: an arm of one replication of a scenario, and its journal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from balancer.core.decisions import Decision
from balancer.core.errors import InputError
from balancer.core.journal import JournalWriter
from balancer.core.observations import Observations
from balancer.core.policy import Policy, Strategy
from scenarios.schema import Scenario

from ..days import of_its_day
from ..streams import replication_key
from ..traffic.workload import Traffic
from .fleet import Write
from .header import run_header, versions
from .result import CHEAPEST, NONE, STATIC, Run
from .simulation import Simulation
from .trajectories import Trajectories

__all__ = ["arm_policy", "simulate"]

_FIXED = {STATIC: "none", CHEAPEST: "always_soft"}
"""Law of the arms in which the policy's modes are used without a controller."""


def arm_policy(policy: Policy, arm: str) -> Policy:
    """The policy an arm runs under.

    In the arm "none" the application's clients call as they do by themselves, with the model,
    the deadline and the retries the scenario gives them, and no budget is enforced; how far they
    pass one is measured. In "static" and "cheapest" the policy's normal or soft mode holds for
    ever, its budgets enforced. Every other arm runs under its policy as it is.
    """
    if arm in _FIXED:
        return replace(policy, law=_FIXED[arm])
    if arm != NONE:
        return policy
    plain = Strategy()
    return replace(policy, law="none", strategies=(plain, plain, plain, plain))


def simulate(
    scenario: Scenario,
    policy: Policy,
    *,
    replication: int,
    arm: str,
    journal: Path | None = None,
    traffic: Iterable[np.ndarray[Any, Any]] | None = None,
    listen: Write | None = None,
    monitored: bool = True,
    trajectories: Trajectories | None = None,
) -> Run:
    """Simulate one arm of one replication.

    Args:
        scenario: what is simulated, seed included.
        policy: of the controller; see `arm_policy` for the other arms.
        replication: index from 0; with the seed it selects every random draw.
        arm: its name; "static", "cheapest" and "none" are without a controller.
        journal: file to write the journal to.
        traffic: `sim.traffic.workload.Traffic` of this replication, if other arms have the same.
        listen: told what a journal would be, tick by tick; what it raises ends the run.
        monitored: whether replication 0 looks if the policy fits (`Run.misfits`).
        trajectories: what other arms of this replication have shown; this one is added.

    Raises:
        InputError: a trace or a Python process of the scenario that cannot be used, or a
            journal that cannot be written.
    """
    scenario, policy = of_its_day(scenario, policy)
    policy = arm_policy(policy, arm)
    key = replication_key(scenario.seed, replication)
    if traffic is None:
        traffic = Traffic(scenario, key)
    simulation = Simulation(
        scenario=scenario,
        policy=policy,
        traffic=traffic,
        key=key,
        enforced=arm != NONE,
        # Of the others nobody asks whether the policy fits.
        monitored=monitored and replication == 0,
        trajectories=trajectories,
    )
    if journal is None:
        return simulation.run(arm, replication, listen)
    try:
        with journal.open("w", encoding="utf-8", newline="\n") as stream:
            write: Write = _writer(stream, scenario, policy, arm, replication).write
            if listen is not None:
                write = _both(write, listen)
            return simulation.run(arm, replication, write)
    except OSError as error:
        problem = f"the journal cannot be written: {error.strerror}"
        raise InputError(problem, where=str(journal)) from None


def _writer(
    stream: TextIO, scenario: Scenario, policy: Policy, arm: str, replication: int
) -> JournalWriter:
    header = run_header(scenario, policy, arm=arm, replication=replication)
    return JournalWriter(stream, policy, header, versions())


def _both(one: Write, other: Write) -> Write:
    def write(observations: Observations, decision: Decision) -> None:
        one(observations, decision)
        other(observations, decision)

    return write
