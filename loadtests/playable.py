"""Which scenarios a live controller can play: those without what only a simulated one can meet."""

from __future__ import annotations

from balancer.core.errors import ScenarioError
from balancer.core.policy import Policy
from scenarios.schema import GaugeFault, Scenario, TelemetryFault
from sim.run.fault_windows import check_faults, fault_name

__all__ = ["check_playable"]


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
