"""When a fault is in force, and how far: its windows and the ramps inside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from balancer.core.errors import ScenarioError
from scenarios.schema import (
    AlertFault,
    Fault,
    GaugeFault,
    OperatorFault,
    ProcessFault,
    Scenario,
    TelemetryFault,
)

__all__ = ["Window", "check_faults", "describe", "fault_name", "level", "windows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Seconds of a run, the start included and the end not."""

    from_s: float
    to_s: float


def windows(fault: Fault, duration_s: float) -> tuple[Window, ...]:
    """Every window of a fault that starts before the horizon."""
    found = [Window(from_s=fault.at, to_s=fault.at + fault.duration)]
    if fault.repeat_every is not None:
        # Multiples and not a running sum, so that the thousandth window starts where it should.
        count = 1
        while (start := fault.at + count * fault.repeat_every) < duration_s:
            found.append(Window(from_s=start, to_s=start + fault.duration))
            count += 1
    return tuple(found)


def level(window: Window, ramp_s: float, at_s: float) -> float:
    """How far a fault is in force, 0 to 1.

    It rises over the first `ramp_s` seconds of its window and falls over the last.
    """
    if not window.from_s <= at_s < window.to_s:
        return 0.0
    if ramp_s <= 0.0:
        return 1.0
    return min(1.0, (at_s - window.from_s) / ramp_s, (window.to_s - at_s) / ramp_s)


def fault_name(fault: Fault, place: int) -> str:
    """The fault's own name, or its kind with its place in the scenario from 1: "latency 2"."""
    return fault.name or f"{fault.kind} {place + 1}"


def describe(fault: Fault) -> str:
    """What a fault does, for a person: "latency of all models ×4"."""
    if isinstance(fault, TelemetryFault):
        if fault.kind == "delay":
            return f"observations arrive {fault.by:g} s late"
        return f"{fault.share * 100:.4g} % of ticks lose their observations"
    if isinstance(fault, AlertFault):
        return f"an external alert asks for {fault.mode}, {fault.delay:g} s late"
    if isinstance(fault, OperatorFault):
        return f"an operator holds {fault.mode}: {fault.reason}"
    if isinstance(fault, GaugeFault):
        return f"memory at {fault.level * 100:.4g} %"
    if isinstance(fault, ProcessFault):
        return f"process {Path(fault.process).name}"
    whom = fault.model or "all models"
    times = f" ×{fault.factor:g}" if fault.factor != 1.0 else ""
    plus = f" +{fault.add:g} s" if fault.add else ""
    struck = "requests, at every attempt" if fault.deterministic else "calls"
    share = "" if fault.share == 1.0 else f", {fault.share * 100:.4g} % of {struck}"
    inside = " inside the response" if fault.where == "inside" else ""
    past = ", past its budget" if fault.ignores_budget else ""
    what = {
        "latency": f"latency of {whom}{times}{plus}",
        "hang": f"calls to {whom} hang{inside}",
        "error": f"calls to {whom} fail{inside}: {fault.error}",
        "quota": f"quota of {whom}{times}",
        "thinking": f"thinking of {whom}{times}{past}",
        "output": f"output of {whom}{times}",
        "price": f"price of {whom}{times}",
        "cut": f"streams of {whom} are cut",
    }[fault.kind]
    return what + share


def check_faults(scenario: Scenario) -> None:
    """Refuse what the schema cannot see.

    Raises:
        ScenarioError: two faults of one name, or a ramp where there is nothing to ramp.
    """
    seen: dict[str, int] = {}
    for place, fault in enumerate(scenario.faults):
        name = fault_name(fault, place)
        if name in seen:
            raise ScenarioError(
                f"{name!r} is the name of faults.{seen[name]} too; expected each name once",
                where=f"faults.{place}",
            )
        seen[name] = place
        if fault.ramp > 0.0 and isinstance(fault, AlertFault | OperatorFault | ProcessFault):
            raise ScenarioError(
                f"a fault of kind {fault.kind} has no ramp; leave it out",
                where=f"faults.{place}.ramp",
            )
