"""Tells an incident again that nobody takes up, to the next step of the escalation."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert, select

from ...core.incidents import OPENS_AT, Cause, Incident
from ...core.modes import Mode
from ...units import show_seconds
from ..history import Store, StoreError
from ..history.tables import ACKNOWLEDGED, ESCALATED, INCIDENTS, NOTES

if TYPE_CHECKING:
    from ..incidents.incident_tracker import IncidentTracker
    from .notifications import Notifying

__all__ = ["Escalation"]

_WHO = "open-balancer"
_log = logging.getLogger("balancer.service")


class Escalation:
    """Looks every few seconds whether somebody has the incident that goes on.

    What was told again is a row of the incident, written in the transaction that decides it: so a
    restart goes on where it was, and nobody is told a step twice. Whoever ordered a mode has its
    incident; shadow mode disturbs nobody; and one that eases to soft waits.

    Args:
        store: where it is kept who took an incident up.
        tracker: that knows the incident.
        notifying: tells it.
        after_s: Unix seconds from the opening to the first step, and from each to the next.
        steps: names of the steps, for the record.
        least: the mildest mode that is told again.
        clock: Unix time.
    """

    def __init__(
        self,
        store: Store,
        tracker: IncidentTracker,
        notifying: Notifying,
        *,
        after_s: float,
        steps: Sequence[str],
        least: Mode = OPENS_AT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._tracker = tracker
        self._notifying = notifying
        self._after_s = after_s
        self._steps = tuple(steps)
        self._least = least
        self._clock = clock
        self._failing = False

    def tend(self) -> None:
        """Tell the incident again where that is due. Blocks."""
        incident = self._tracker.current
        if incident is None or incident.shadow or incident.cause is Cause.OVERRIDE:
            return
        now_s = self._clock()
        try:
            reached, due = self._store.run(lambda each: self._look(each, incident, now_s))
        except StoreError as error:
            if not self._failing:
                _log.warning("whether somebody has the incident is not known: %s", error)
            self._failing = True
            return
        self._failing = False
        current = self._tracker.current
        if current is None or current.key != incident.key:
            return  # it ended meanwhile
        self._notifying.reach(reached)
        if due:
            self._notifying.tell_again(current, now_s, reached - 1)

    def _look(self, connection: Connection, incident: Incident, now_s: float) -> tuple[int, bool]:
        """How many steps are told, and whether the last of them is due now."""
        number = connection.execute(
            select(INCIDENTS.c.id).where(INCIDENTS.c.key == incident.key)
        ).scalar()
        query = select(NOTES.c.kind, NOTES.c.at).where(NOTES.c.incident == number)
        rows = connection.execute(query.order_by(NOTES.c.id)).all()
        times = [at for kind, at in rows if kind == ESCALATED]
        reached = len(times)
        since = times[-1] if times else incident.opened_at
        if (
            number is None
            or any(kind == ACKNOWLEDGED for kind, _ in rows)
            or incident.mode < self._least
            or reached == len(self._steps)
            or now_s < since + self._after_s
        ):
            return reached, False
        text = f"nobody had taken it up for {show_seconds(self._after_s)}: {self._steps[reached]}"
        connection.execute(
            insert(NOTES).values(incident=number, at=now_s, who=_WHO, kind=ESCALATED, text=text)
        )
        return reached + 1, True
