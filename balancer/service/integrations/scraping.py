"""Totals for Prometheus to scrape: those that telemetry keeps anyway, or kept for it alone.

Nothing is counted for scrapes before the first one comes, so a service that nobody scrapes pays
nothing for it. Counters then begin at zero, which is what Prometheus expects of a new target.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from .telemetry import Reporting

if TYPE_CHECKING:
    from ...adapters.telemetry.live import Telemetry
    from ...runtime.balancer import Balancer

__all__ = ["Scraping"]


class Scraping:
    """Answers scrapes.

    Args:
        balancer: whose totals they are.
        reporting: telemetry that is sent beside the service; None: none is.
    """

    def __init__(self, balancer: Balancer, reporting: Reporting | None) -> None:
        self._balancer = balancer
        self._telemetry = None if reporting is None else reporting.telemetry
        self._own: Telemetry | None = None
        self._lock = threading.Lock()

    def text(self) -> tuple[bytes, str]:
        """The body of an answer, and its type. Blocks.

        Raises:
            InputError: the extra is not installed.
        """
        from ...installation import require

        require(packages=(), extras=("telemetry",))
        from ...adapters.telemetry.exposition import CONTENT_TYPE, exposition

        return exposition(self._kept().totals()), CONTENT_TYPE

    def _kept(self) -> Telemetry:
        if self._telemetry is not None:
            return self._telemetry
        with self._lock:
            if self._own is None:
                from ...adapters.telemetry.destination import Destination
                from ...adapters.telemetry.live import Telemetry

                nowhere = Destination(
                    name="nowhere", metrics=None, spans=None, logs=None, delta=False
                )
                self._own = Telemetry(self._balancer, nowhere, traces=False)
                self._own.start()
            return self._own

    def close(self, timeout_s: float) -> None:
        """Let go of what was kept."""
        with self._lock:
            if self._own is not None:
                self._own.close(timeout_s)
