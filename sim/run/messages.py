"""Messages that a scenario's faults send to a controller: alerts, and orders of an operator."""

from __future__ import annotations

import math
from collections.abc import Sequence

from balancer.core.modes import Mode
from balancer.core.observations import Alert, Override
from scenarios.schema import AlertFault, OperatorFault, Scenario

from .fault_windows import fault_name, windows

__all__ = ["Message", "fault_messages", "scheduled_messages"]

Message = tuple[float, Alert | Override]
"""The second of the scenario at which it arrives, and what it says."""


def scheduled_messages(scenario: Scenario, tick_s: float) -> list[Message]:
    """Every message of a scenario, in order of arrival.

    Args:
        scenario: whose faults send them.
        tick_s: length of the controller's tick.
    """
    messages = [
        message
        for slot, fault in enumerate(scenario.faults)
        if isinstance(fault, AlertFault | OperatorFault)
        for message in fault_messages(fault, slot, scenario.duration, tick_s)
    ]
    return sorted(messages, key=lambda message: message[0])


def fault_messages(
    fault: AlertFault | OperatorFault, slot: int, duration_s: float, tick_s: float
) -> Sequence[Message]:
    """Those of one fault, in order of arrival.

    Args:
        fault: which.
        slot: its place in the scenario.
        duration_s: of the scenario.
        tick_s: length of the controller's tick.
    """
    if isinstance(fault, AlertFault):
        return _alerts(fault, slot, duration_s, tick_s)
    return [
        (
            window.from_s,
            Override(
                at_tick=_tick(window.from_s, tick_s),
                until_tick=_tick(window.to_s, tick_s),
                mode=Mode[fault.mode.upper()],
                reason=fault.reason,
            ),
        )
        for window in windows(fault, duration_s)
    ]


def _alerts(fault: AlertFault, slot: int, duration_s: float, tick_s: float) -> list[Message]:
    """Copies arrive a tick apart. Out of order, the trigger comes a tick after the recovery."""
    messages: list[tuple[float, Alert]] = []
    for episode, window in enumerate(windows(fault, duration_s)):
        trigger = Alert(
            key=f"{fault_name(fault, slot)} #{episode + 1}",
            at_tick=_tick(window.from_s, tick_s),
            mode=Mode[fault.mode.upper()],
            lifetime_ticks=max(1, math.ceil(fault.lifetime / tick_s)),
        )
        recovery = Alert(
            key=trigger.key,
            at_tick=_tick(window.to_s, tick_s),
            mode=trigger.mode,
            raised=False,
            lifetime_ticks=trigger.lifetime_ticks,
        )
        cleared_s = window.to_s + fault.delay
        raised_s = cleared_s + tick_s if fault.out_of_order else window.from_s + fault.delay
        for copy in range(fault.copies):
            messages.append((raised_s + copy * tick_s, trigger))
            if not fault.loses_recovery:
                messages.append((cleared_s + copy * tick_s, recovery))
    return [*sorted(messages, key=lambda message: (message[0], message[1].at_tick))]


def _tick(at_s: float, tick_s: float) -> int:
    """Tick a moment lies in; the small allowance keeps 0.3 s in tick 3 of 0.1 s."""
    return math.floor(at_s / tick_s + 1e-9)
