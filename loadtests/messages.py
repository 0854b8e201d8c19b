"""Alerts and orders of a scenario, for a live controller: the same as the simulator sends."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from simpy import Environment

from balancer.core.errors import ScenarioError
from balancer.core.observations import Alert, Override
from balancer.core.policy import Policy
from scenarios.schema import (
    AlertFault,
    GaugeFault,
    OperatorFault,
    Scenario,
    TelemetryFault,
    UpstreamFault,
)
from sim.run.fault_windows import check_faults, fault_name
from sim.run.faults import Stage, start
from sim.run.telemetry import Telemetry

__all__ = ["check_playable", "messages"]


def check_playable(scenario: Scenario, policy: Policy) -> None:
    """Refuse a scenario with what only a simulated controller can meet.

    Raises:
        ScenarioError: observations that come late or are lost, a gauge of memory, monitors, or
            callers' mistakes.
    """
    check_faults(scenario)
    for entry in scenario.workload.classes:
        if entry.mistakes:
            raise ScenarioError(
                f"class {entry.name!r}: mistakes of callers are made in the simulator only",
                where=f"{scenario.scenario}: workload.classes",
            )
    if scenario.monitors.alongside or policy.law == "alerts":
        raise ScenarioError(
            "the monitoring service that watches from outside exists in the simulator only; live, "
            "connect a real one, or play its alerts as faults of kind alert",
            where=f"{scenario.scenario}: monitors",
        )
    for place, fault in enumerate(scenario.faults):
        if isinstance(fault, TelemetryFault | GaugeFault):
            raise ScenarioError(
                f"{fault_name(fault, place)!r}: a fault of kind {fault.kind} exists in the "
                "simulator only; a live controller is in the process that it observes",
                where=f"{scenario.scenario}: faults.{place}",
            )


def messages(scenario: Scenario, policy: Policy) -> list[tuple[float, Alert | Override]]:
    """Alerts and orders with the scenario second at which each arrives, in order."""
    env = Environment()
    sink = _Sink()
    told = tuple(each for each in scenario.faults if isinstance(each, AlertFault | OperatorFault))
    stage = Stage(
        env=env,
        plant=_Nowhere(),
        telemetry=(sink,),
        scenario=scenario.model_copy(update={"faults": told}),
        tick_s=policy.tick_s,
    )
    start(stage)
    env.run()
    return list(sink.arrived())


class _Sink(Telemetry):
    """Keeps what arrives."""

    __slots__ = ("_arrived",)

    def __init__(self) -> None:
        super().__init__(key=0, tick_s=1.0, faults=0)
        self._arrived: list[tuple[float, Alert | Override]] = []

    def alert(self, now_s: float, message: Alert) -> None:
        """Keep it."""
        self._arrived.append((now_s, message))

    def override(self, now_s: float, order: Override) -> None:
        """Keep it."""
        self._arrived.append((now_s, order))

    def arrived(self) -> Iterator[tuple[float, Alert | Override]]:
        """In the order of arrival."""
        return iter(sorted(self._arrived, key=lambda entry: entry[0]))


class _Nowhere:
    """Where no upstream fault strikes: those are the mock's."""

    def __init__(self) -> None:
        self.faults = np.zeros(0)
        self.memory_ppm = 0

    def advance(self, until_s: float) -> None:
        """There is nothing to move."""

    def set_fault(
        self,
        row: int,
        fault: UpstreamFault,
        *,
        active: bool = True,
        share: float | None = None,
        factor: float | None = None,
        add_s: float | None = None,
    ) -> None:
        """There is nothing to strike."""
