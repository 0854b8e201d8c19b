"""One run: simpy is the control plane, the plant the data plane, the controller the real one.

Tick k covers the seconds [k · tick, (k + 1) · tick). At its end the plant is advanced and
observed, the observations go through telemetry, and what reaches the controller makes it
decide; a decision governs the requests that start from then on. Faults are simpy processes
beside the ticker. Arrivals stop at the horizon; the ticks go on while the run drains.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from simpy import Environment, Event

from balancer.core.controller import Controller
from balancer.core.decisions import Decision
from balancer.core.errors import InputError
from balancer.core.journal import JournalWriter
from balancer.core.modes import Mode
from balancer.core.observations import Observations
from balancer.core.policy import FIXED_LAWS, Policy, Strategy
from scenarios.schema import Scenario

from .faults import Stage, start
from .metrics import metrics
from .monitors import MonitoringService
from .plant import Plant
from .run import CHEAPEST, NONE, STATIC, Run
from .run_header import run_header, versions
from .serving import Serving, serving
from .streams import replication_key
from .telemetry import Telemetry
from .timeline import Transition
from .workload import generate

__all__ = ["arm_policy", "simulate"]

_FIXED = {STATIC: "none", CHEAPEST: "always_soft"}
"""Law of the arms in which the policy's modes are used without a controller."""

_Write = Callable[[Observations, Decision], None]


def arm_policy(policy: Policy, arm: str) -> Policy:
    """The policy an arm runs under.

    In the arm "none" the application's clients call as they do by themselves, with the model,
    the deadline and the retries the scenario gives them, and no budget is enforced. In "static"
    and "cheapest" the policy's normal or soft mode holds for ever, its budgets enforced. Every
    other arm runs under its policy as it is.
    """
    if arm in _FIXED:
        return replace(policy, law=_FIXED[arm])
    if arm != NONE:
        return policy
    plain = Strategy()
    return replace(policy, law="none", budgets=(), strategies=(plain, plain, plain, plain))


def simulate(
    scenario: Scenario,
    policy: Policy,
    *,
    replication: int,
    arm: str,
    journal: Path | None = None,
    requests: np.ndarray[Any, Any] | None = None,
) -> Run:
    """Simulate one arm of one replication.

    Args:
        scenario: what is simulated, seed included.
        policy: of the controller; see `arm_policy` for the arm "none".
        replication: index from 0; with the seed it selects every random draw.
        arm: its name; "none" is without a controller.
        journal: file to write the journal to.
        requests: of this replication, if they have been generated for the other arm.

    Raises:
        InputError: a trace or a Python process of the scenario that cannot be used, or a
            journal that cannot be written.
    """
    policy = arm_policy(policy, arm)
    key = replication_key(scenario.seed, replication)
    if requests is None:
        requests = generate(scenario, key)
    simulation = _Simulation(
        scenario=scenario,
        policy=policy,
        plant=Plant(scenario, policy, requests, key),
        key=key,
    )
    if journal is None:
        return simulation.run(arm, replication, write=None)
    try:
        with journal.open("w", encoding="utf-8", newline="\n") as stream:
            writer = _writer(stream, scenario, policy, arm, replication)
            return simulation.run(arm, replication, write=writer.write)
    except OSError as error:
        problem = f"the journal cannot be written: {error.strerror}"
        raise InputError(problem, where=str(journal)) from None


def _writer(
    stream: TextIO, scenario: Scenario, policy: Policy, arm: str, replication: int
) -> JournalWriter:
    header = run_header(scenario, policy, arm=arm, replication=replication)
    return JournalWriter(stream, policy, header, versions())


class _Simulation:
    """The processes of one run."""

    __slots__ = (
        "_controller",
        "_env",
        "_plant",
        "_policy",
        "_scenario",
        "_servings",
        "_telemetry",
        "_transitions",
    )

    def __init__(
        self,
        *,
        scenario: Scenario,
        policy: Policy,
        plant: Plant,
        key: int,
    ) -> None:
        self._scenario = scenario
        self._policy = policy
        self._plant = plant
        self._env = Environment()
        self._controller = Controller(policy)
        self._telemetry = Telemetry(
            key=key,
            tick_s=policy.tick_s,
            faults=len(scenario.faults),
            monitors=_monitors(scenario, policy, key),
        )
        self._transitions: list[Transition] = []
        self._servings: list[Serving] = []
        stage = Stage(
            env=self._env,
            plant=plant,
            telemetry=self._telemetry,
            scenario=scenario,
            tick_s=policy.tick_s,
        )
        start(stage)

    def run(self, arm: str, replication: int, *, write: _Write | None) -> Run:
        """Run to the end and account for it."""
        self._env.run(until=self._env.process(self._ticks(write)))
        self._plant.drain()
        horizon_s = self._scenario.duration
        before = tuple(change for change in self._transitions if change.at_s < horizon_s)
        return Run(
            arm=arm,
            replication=replication,
            metrics=metrics(
                self._plant.totals(),
                worth=self._scenario.worth,
                transitions=len(before),
                duration_s=horizon_s,
            ),
            transitions=before,
            servings=tuple(change for change in self._servings if change.at_s < horizon_s),
        )

    def _ticks(self, write: _Write | None) -> Generator[Event, Any, None]:
        # This loop runs every simulated second, so it looks up nothing twice.
        plant, telemetry = self._plant, self._telemetry
        advance, observe, apply = plant.advance, plant.observe, plant.apply
        timeout, step = self._env.timeout, self._controller.step
        tick_s = self._policy.tick_s
        horizon_s = self._scenario.duration
        last_s = horizon_s + self._longest_drain_s()
        tick, end_s, mode = 0, tick_s, Mode.NORMAL
        gates: object = None
        while True:
            yield timeout(end_s - self._env.now)
            advance(end_s)
            observations = observe(tick)
            if telemetry.clear:
                decision = step(observations)
                if write is not None:
                    write(observations, decision)
                apply(decision)
                if decision.gates is not gates:
                    gates = decision.gates
                    mode = self._changed(end_s, mode, decision)
            else:
                for arrived in telemetry.carry(observations):
                    decision = step(arrived)
                    if write is not None:
                        write(arrived, decision)
                    apply(decision)
                    if decision.gates is not gates:
                        gates = decision.gates
                        mode = self._changed(end_s, mode, decision)
            if end_s >= horizon_s and (plant.empty or end_s >= last_s):
                return
            tick += 1
            # A multiple and not a running sum, so that ticks of 0.1 s stay where they belong.
            end_s = (tick + 1) * tick_s

    def _changed(self, at_s: float, mode: Mode, decision: Decision) -> Mode:
        """Take down what a new stance changes: what requests get, and the mode."""
        now, servings = serving(at_s, decision), self._servings
        if not servings or (now.worst, now.back) != (servings[-1].worst, servings[-1].back):
            servings.append(now)
        if decision.mode is mode:
            return mode
        reason = "; ".join(reason.text for reason in decision.reasons)
        self._transitions.append(
            Transition(at_s=at_s, before=mode, after=decision.mode, reason=reason)
        )
        return decision.mode

    def _longest_drain_s(self) -> float:
        """No caller waits longer than this after the last arrival."""
        timeouts = [strategy.timeout_s or 0.0 for strategy in self._policy.strategies]
        return self._scenario.clients.patience + max(self._scenario.clients.timeout, *timeouts)


def _monitors(scenario: Scenario, policy: Policy, key: int) -> MonitoringService | None:
    """The service that watches from outside, where somebody listens to it."""
    own = policy.law not in FIXED_LAWS
    heard = policy.law == "alerts" or (scenario.monitors.alongside and own)
    return MonitoringService(policy, scenario.monitors, key) if heard else None
