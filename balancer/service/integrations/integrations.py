"""Everything beside the service that talks to others, started and closed together."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .integration import Health, Integration
from .notifications import Notifying, notifying_of
from .scraping import Scraping
from .telemetry import Reporting, reporting_of

if TYPE_CHECKING:
    from ...runtime.balancer import Balancer
    from ..datadog_use import DatadogUse
    from ..events import Events
    from ..history import Store
    from ..incidents.incident_tracker import IncidentTracker
    from ..settings import Settings
    from .datadog.polling import Polled, Polling

__all__ = ["Integrations", "integrations_of"]

_CLOSE_S = 5.0
_log = logging.getLogger("balancer.service")


class Integrations:
    """The integrations of a service.

    Args:
        integrations: not started.
        scraping: what answers Prometheus.
        polling: the one of them that polls, if any does.
        trace: gives the trace of the brownout under way; None: none is sent.
        notifying: the one of them that tells people, if any does.
    """

    def __init__(
        self,
        integrations: Sequence[Integration],
        scraping: Scraping | None = None,
        polling: Polling | None = None,
        trace: Callable[[], str] | None = None,
        notifying: Notifying | None = None,
    ) -> None:
        self._integrations = tuple(integrations)
        self.scraping = scraping
        self._polling = polling
        self.trace = trace or (lambda: "")
        self._notifying = notifying

    def start(self) -> None:
        """Start them; before the controller's first tick."""
        for integration in self._integrations:
            integration.start()

    def tend(self) -> None:
        """What is due every few seconds: tell again what nobody has taken up. Blocks."""
        if self._notifying is not None and self._notifying.escalation is not None:
            self._notifying.escalation.tend()

    async def close(self) -> None:
        """Close them side by side; after the last tick."""
        closing: list[Integration | Scraping] = list(self._integrations)
        if self.scraping is not None:
            closing.append(self.scraping)
        ends = [asyncio.to_thread(each.close, _CLOSE_S) for each in closing]
        for error in await asyncio.gather(*ends, return_exceptions=True):
            if isinstance(error, Exception):
                _log.error("something beside the service did not close: %s", type(error).__name__)

    def health(self) -> dict[str, Health]:
        """How each of them is, by name."""
        return {integration.name: integration.health() for integration in self._integrations}

    def polled(self) -> Polled | None:
        """What was polled last; None where nothing polls."""
        return None if self._polling is None else self._polling.polled()


def integrations_of(
    balancer: Balancer, settings: Settings, events: Events, store: Store, tracker: IncidentTracker
) -> Integrations:
    """What the settings ask for.

    Raises:
        InputError: an extra is not installed, or a setting of it cannot be used.
    """
    found: list[Integration] = []
    polling = None
    use = settings.datadog
    if use is not None and use.settings is not None:
        from ...installation import require

        require(packages=(), extras=("datadog",))
        if use.poll:
            polling = _polling(balancer, use)
            found.append(polling)
        if use.mirror:
            found.append(_mirror(use, events, store, tracker))
    reporting = reporting_of(balancer, settings.otlp)
    if reporting is not None:
        found.append(reporting)
    notifying = notifying_of(balancer, events, store, tracker, settings.notify)
    if notifying is not None:
        found.append(notifying)
    scraping = Scraping(balancer, reporting if isinstance(reporting, Reporting) else None)
    trace = reporting.trace if reporting else None
    return Integrations(found, scraping, polling, trace, notifying)


def _polling(balancer: Balancer, use: DatadogUse) -> Polling:
    from ...adapters.datadog.client import Client
    from .datadog.polling import Polling

    assert use.settings is not None
    stop = threading.Event()
    return Polling(balancer, Client(use.settings, sleep=stop.wait), use.target, stop=stop)


def _mirror(use: DatadogUse, events: Events, store: Store, tracker: IncidentTracker) -> Integration:
    from ...adapters.datadog.client import Client
    from .datadog.mirror import Mirror
    from .datadog.mirror_state import MirrorState

    assert use.settings is not None
    stop = threading.Event()
    client = Client(use.settings, sleep=stop.wait)
    mirror = Mirror(client, use.target, MirrorState(store), lambda: tracker.owner, stop=stop)
    events.subscribe(mirror.tell)
    return mirror
