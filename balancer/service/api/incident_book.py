"""Incidents as the API and the console ask for them: off the event loop, problems as answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..incidents.lookup import Case, Lookup
from ..problems import Problem

if TYPE_CHECKING:
    from ...core.incidents import Incident
    from .dependencies import Dependencies

__all__ = ["IncidentBook"]


class IncidentBook:
    """Looks incidents up.

    Args:
        dependencies: the history, and the journal.
    """

    def __init__(self, dependencies: Dependencies) -> None:
        tracker = dependencies.tracker
        self._book = Lookup(dependencies.balancer, dependencies.store, lambda: tracker.owner)
        # Whoever waits for the journal must not hold a thread meanwhile: others need those.
        self._reading = asyncio.Lock()

    async def page(
        self, *, limit: int, before: int | None, is_open: bool | None = None
    ) -> tuple[list[tuple[int, Incident]], int | None]:
        """Incidents, the newest first, and the id to go on from.

        Raises:
            Problem: 503.
        """
        return await asyncio.to_thread(self._book.page, limit=limit, before=before, is_open=is_open)

    async def case(self, number: int) -> Case:
        """One with all that is known of it.

        Raises:
            Problem: 404 or 503.
        """
        async with self._reading:
            found = await asyncio.to_thread(self._book.case, number)
        if found is None:
            raise Problem(404, f"there is no incident {number}; see /api/incidents")
        return found
