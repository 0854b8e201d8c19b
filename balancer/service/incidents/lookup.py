"""Incidents as they are asked for: from the database, and from the journal where that is read."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...core.incidents import Incident
from ...core.modes import Mode
from ..history import Store
from ..history.tables import INCIDENTS
from .figures import AROUND_S, Figures, figures
from .gathering import Gathered, gather
from .journal_window import journal_paths, lines
from .rows import incident_of

if TYPE_CHECKING:
    from ...runtime.balancer import Balancer

__all__ = ["Case", "Lookup"]

_KEPT = 16
_FRESH_S = 5.0
_MOST_ROWS = 500


class Case:
    """An incident with all that is known of it.

    Attributes:
        number: its id.
        incident: the episode.
        gathered: of the database.
        figures: of the journal; None where there is none here.
        now_s: Unix time.
        to_s: end of the episode, in scenario seconds; of one that goes on: now.
        ours: whether it is of this service, whose journal is read.
        trace: id of its trace; "": none is known.
    """

    __slots__ = ("figures", "gathered", "incident", "now_s", "number", "ours", "to_s", "trace")

    def __init__(
        self,
        number: int,
        incident: Incident,
        gathered: Gathered,
        found: Figures | None,
        *,
        now_s: float,
        to_s: float,
        ours: bool,
        trace: str,
    ) -> None:
        self.ours = ours
        self.trace = trace
        self.number = number
        self.incident = incident
        self.gathered = gathered
        self.figures = found
        self.now_s = now_s
        self.to_s = to_s


class Lookup:
    """Looks incidents up. Everything here blocks, and is not for the event loop.

    Args:
        balancer: whose journal is read.
        store: the history.
        owner: gives the name of this service.
        clock: Unix time.
    """

    def __init__(
        self,
        balancer: Balancer,
        store: Store,
        owner: Callable[[], str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._owner = owner
        self._balancer = balancer
        self._store = store
        self._clock = clock
        self._one_reader = threading.Lock()
        self._read: OrderedDict[str, tuple[Incident, float, Figures]] = OrderedDict()

    def page(
        self, *, limit: int, before: int | None, is_open: bool | None
    ) -> tuple[list[tuple[int, Incident]], int | None]:
        """Incidents, the newest first, and the id to go on from.

        Raises:
            StoreError: they cannot be read.
        """
        closed = INCIDENTS.c.closed_at
        where = None if is_open is None else closed.is_(None) if is_open else closed.is_not(None)
        page = self._store.page(INCIDENTS, limit=limit, before=before, where=where)
        return [(row["id"], incident_of(row)) for row in page.rows], page.before

    def case(self, number: int) -> Case | None:
        """An incident with all that is known of it; None where there is none.

        Raises:
            StoreError: it cannot be read.
        """
        row = self._store.get(INCIDENTS, number)
        if row is None:
            return None
        incident = incident_of(row)
        gathered = self._store.run(
            lambda connection: gather(connection, number, incident, _MOST_ROWS)
        )
        to_s = self._end_s(incident)
        ours = incident.owner == self._owner()
        return Case(
            number,
            incident,
            gathered,
            self._figures(incident, to_s) if ours else None,
            now_s=self._clock(),
            to_s=to_s,
            ours=ours,
            trace=row["trace"],
        )

    def _end_s(self, incident: Incident) -> float:
        if incident.closed_s is not None:
            return incident.closed_s
        if incident.closed_at is not None:
            return incident.opened_s + incident.closed_at - incident.opened_at
        # The tick under way has no line yet.
        return self._balancer.now_tick * self._balancer.policy.tick_s

    def _figures(self, incident: Incident, to_s: float) -> Figures | None:
        """Read them, one at a time, and keep those that no longer change."""
        paths = journal_paths(self._balancer.status().journal)
        if not paths:
            return None
        with self._one_reader:
            known = self._read.get(incident.key)
            if known is not None and known[0] == incident and self._holds(known):
                self._read.move_to_end(incident.key)
                return known[2]
            stretch = lines(
                paths, incident.epoch, max(0.0, incident.began_s - AROUND_S), to_s + AROUND_S
            )
            found = figures(incident, to_s, stretch)
            self._read[incident.key] = (incident, self._clock(), found)
            while len(self._read) > _KEPT:
                self._read.popitem(last=False)
            return found

    def _holds(self, known: tuple[Incident, float, Figures]) -> bool:
        incident, read_at, found = known
        whole = incident.mode is Mode.NORMAL and found.after.seconds >= AROUND_S - 1.0
        return whole or self._clock() - read_at < _FRESH_S
