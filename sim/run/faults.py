"""Faults as simpy processes: each acts on an upstream, on telemetry or on the controller's inbox.

A process changes something only at the edges of its windows, and once a tick inside a ramp.
Before it does, the plant is brought up to the moment, so that calls which started earlier
are not touched.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

from simpy import Environment, Event

from balancer.core.observations import Alert
from scenarios.schema import (
    AlertFault,
    Fault,
    GaugeFault,
    OperatorFault,
    ProcessFault,
    Scenario,
    TelemetryFault,
    UpstreamFault,
)

from ..plant.fault_rows import FaultState, Site
from .fault_process import drive, load
from .fault_windows import Window, level, windows
from .messages import fault_messages
from .telemetry import Telemetry

__all__ = ["Process", "Stage", "processes", "start", "upstream_process"]

Process = Generator[Event, Any, None]


class Stage:
    """What faults act on.

    Attributes:
        env: the simpy clock, in seconds of the scenario.
        plant: where upstream faults strike: the simulator's data plane, or a mock server's
            upstream.
        telemetry: the way from the plant to each controller; empty where there is none, as
            in a mock server.
        scenario: what is simulated.
        tick_s: length of a tick.
    """

    __slots__ = ("_memory", "env", "plant", "scenario", "telemetry", "tick_s")

    def __init__(
        self,
        *,
        env: Environment,
        plant: Site,
        telemetry: Sequence[Telemetry],
        scenario: Scenario,
        tick_s: float,
    ) -> None:
        self.env = env
        self.plant = plant
        self.telemetry = tuple(telemetry)
        self.scenario = scenario
        self.tick_s = tick_s
        self._memory = [0.0] * len(scenario.faults)

    def until(self, at_s: float) -> Event:
        """Wait for a moment; one that has passed is now."""
        return self.env.timeout(max(0.0, at_s - self.env.now))

    def memory(self, slot: int, share: float) -> None:
        """Memory in use as one fault sees it; of several the highest is the gauge."""
        self._memory[slot] = share
        self.plant.memory_ppm = round(max(self._memory) * 1e6)


def start(stage: Stage) -> None:
    """Start the processes of the scenario's faults, in its order.

    Without telemetry, those that act on what the controller sees and is told are left out.

    Raises:
        ScenarioError: a Python process that cannot be loaded.
    """
    for _, _, process in processes(stage):
        stage.env.process(process)


def processes(stage: Stage) -> Iterator[tuple[int, Fault, Process]]:
    """The same processes, not started: each with its fault and the fault's place.

    Raises:
        ScenarioError: a Python process that cannot be loaded.
    """
    row = 0
    for slot, fault in enumerate(stage.scenario.faults):
        if isinstance(fault, UpstreamFault):
            yield slot, fault, upstream_process(stage, fault, row)
            row += 1
        elif isinstance(fault, ProcessFault):
            yield slot, fault, _python(stage, fault, load(fault, slot))
        elif stage.telemetry:
            yield slot, fault, _for_the_controllers(stage, fault, slot)


def upstream_process(stage: Stage, fault: UpstreamFault, row: int) -> Process:
    """Process of a fault that acts on one of the upstream's fault records."""
    return _ramped(stage, fault, _upstream(stage, fault, row))


def _for_the_controllers(
    stage: Stage,
    fault: TelemetryFault | GaugeFault | AlertFault | OperatorFault,
    slot: int,
) -> Process:
    """Process of a fault that acts on what the controllers see and are told."""
    if isinstance(fault, TelemetryFault):
        return _ramped(stage, fault, _telemetry(stage, fault, slot))
    if isinstance(fault, GaugeFault):
        return _ramped(stage, fault, _memory(stage, fault, slot))
    return _told(stage, fault, slot)


def _ramped(stage: Stage, fault: Fault, act: Callable[[float], None]) -> Process:
    """Call `act` with how far the fault is in force, whenever that changes."""
    for window in windows(fault, stage.scenario.duration):
        for at_s, far in _steps(window, fault.ramp, stage.tick_s):
            yield stage.until(at_s)
            act(far)


def _steps(window: Window, ramp_s: float, tick_s: float) -> Iterator[tuple[float, float]]:
    """Moments at which a fault changes, and how far it is in force from there on.

    A ramp is a stair with a step a tick, each as high as the ramp is at its middle.
    """
    if ramp_s > 0.0:
        last = 0.0
        for place in range(math.ceil((window.to_s - window.from_s) / tick_s)):
            at_s = window.from_s + place * tick_s
            middle_s = (at_s + min(at_s + tick_s, window.to_s)) / 2.0
            far = level(window, ramp_s, middle_s)
            if far != last:
                yield at_s, far
                last = far
    else:
        yield window.from_s, 1.0
    yield window.to_s, 0.0


def _upstream(stage: Stage, fault: UpstreamFault, row: int) -> Callable[[float], None]:
    plant = stage.plant
    # Where a fault is nothing but its probability, the ramp is one of the probability.
    chance = fault.kind in ("hang", "error", "cut")

    def act(far: float) -> None:
        plant.advance(stage.env.now)
        state = FaultState(
            active=far > 0.0,
            share=fault.share * far if chance else fault.share,
            factor=1.0 + (fault.factor - 1.0) * far,
            add_s=fault.add * far,
        )
        plant.set_fault(row, fault, state)

    return act


def _telemetry(stage: Stage, fault: TelemetryFault, slot: int) -> Callable[[float], None]:
    def act(far: float) -> None:
        for telemetry in stage.telemetry:
            if fault.kind == "delay":
                telemetry.delay(slot, fault.by * far)
            else:
                telemetry.lose(slot, fault.share * far)

    return act


def _memory(stage: Stage, fault: GaugeFault, slot: int) -> Callable[[float], None]:
    def act(far: float) -> None:
        stage.memory(slot, fault.level * far)

    return act


def _told(stage: Stage, fault: AlertFault | OperatorFault, slot: int) -> Process:
    for at_s, message in fault_messages(fault, slot, stage.scenario.duration, stage.tick_s):
        yield stage.until(at_s)
        for telemetry in stage.telemetry:
            if isinstance(message, Alert):
                telemetry.alert(stage.env.now, message)
            else:
                telemetry.override(stage.env.now, message)


def _python(stage: Stage, fault: ProcessFault, function: Callable[..., Any]) -> Process:
    yield stage.until(fault.at)
    plant, env = stage.plant, stage.env
    yield from drive(
        function(env, plant, fault), before_each=lambda: plant.advance(env.now), name=fault.process
    )
