"""How what runs beside the service is, in the form of the API."""

from __future__ import annotations

from datetime import UTC, datetime

from ...adapters.datadog.readings import STALE_S, Freshness, Reading
from ..integrations.integrations import Integrations
from .integration_schemas import IntegrationHealth, PolledReading

__all__ = ["integrations", "polled"]


def integrations(all_of_them: Integrations) -> dict[str, IntegrationHealth]:
    """All of them, by name."""
    return {
        name: IntegrationHealth(
            state=health.state.value,
            error=health.error,
            waiting=health.waiting,
            dropped=health.dropped,
            failures=health.failures,
            ok_at=None if health.ok_at is None else datetime.fromtimestamp(health.ok_at, UTC),
        )
        for name, health in all_of_them.health().items()
    }


def polled(all_of_them: Integrations, now_s: float) -> list[PolledReading]:
    """The signals that were polled last, with their age now."""
    last = all_of_them.polled()
    if last is None or last.at is None:
        return []
    since_s = max(0.0, now_s - last.at)
    return [
        PolledReading(
            rule=reading.rule.name,
            signal=reading.rule.signal,
            state=_freshness(reading, since_s).value,
            value=reading.value,
            age_s=None if reading.age_s is None else reading.age_s + since_s,
            above=reading.above,
        )
        for reading in last.readings
    ]


def _freshness(reading: Reading, since_s: float) -> Freshness:
    """Of a reading now: the next poll may be minutes away, and it grows old meanwhile."""
    old = reading.age_s is not None and reading.age_s + since_s > STALE_S
    return Freshness.STALE if old and reading.freshness is Freshness.FRESH else reading.freshness
