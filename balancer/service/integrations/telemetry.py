"""Starts OpenTelemetry beside the service, where its environment asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core.errors import InputError
from .integration import Health, State

if TYPE_CHECKING:
    from ...adapters.telemetry.live import Telemetry
    from ...runtime.balancer import Balancer
    from ..otlp import Otlp

__all__ = ["Reporting", "reporting_of"]

_LONGEST_ERROR = 300


class Reporting:
    """Telemetry as an integration.

    Args:
        telemetry: not started.
    """

    name = "telemetry"

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    @property
    def telemetry(self) -> Telemetry:
        """What is sent."""
        return self._telemetry

    def trace(self) -> str:
        """Id of the trace of the brownout under way; "" where there is none."""
        return self._telemetry.brownout_trace

    def start(self) -> None:
        """Listen, and send."""
        self._telemetry.start()

    def close(self, timeout_s: float) -> None:
        """Send what is left."""
        self._telemetry.close(timeout_s)

    def health(self) -> Health:
        """How it is."""
        sender = self._telemetry.sender
        failing = [signal for signal, count in sender.failures.items() if count]
        state = State.STARTING if sender.arrived_at is None else State.OK
        return Health(
            state=State.TROUBLE if failing else state,
            error=f"{', '.join(failing)} do not arrive: {self._why()}" if failing else "",
            dropped=sender.dropped,
            failures=sum(sender.failures.values()),
            ok_at=sender.arrived_at,
        )

    def _why(self) -> str:
        return " ".join(self._telemetry.sender.why.split())[:_LONGEST_ERROR]


class Missing:
    """Telemetry that is asked for and not installed.

    Args:
        error: what is missing.
    """

    name = "telemetry"

    def __init__(self, error: str) -> None:
        self._error = error

    def trace(self) -> str:
        """There is none."""
        return ""

    def start(self) -> None:
        """There is nothing to start."""

    def close(self, timeout_s: float) -> None:
        """There is nothing to close."""

    def health(self) -> Health:
        """Off."""
        return Health(state=State.OFF, error=self._error)


def reporting_of(balancer: Balancer, otlp: Otlp) -> Reporting | Missing | None:
    """Telemetry of a balancer; None where none is wanted.

    Raises:
        InputError: a variable that cannot be used, or Datadog's intake without the extra.
    """
    if not otlp:
        return None
    from ...installation import require

    try:
        require(packages=(), extras=("telemetry",))
    except InputError as error:
        if otlp == "datadog":
            raise
        # The variables may be set for everything on a machine: no reason not to serve.
        return Missing(str(error))
    from ...adapters.telemetry.destination import datadog_destination
    from ...adapters.telemetry.live import Telemetry

    return Reporting(Telemetry(balancer, datadog_destination() if otlp == "datadog" else None))
