"""What Datadog knows of our incidents: kept in the history's database, so that a restart opens
none twice.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, or_, select, update

from ....core.incidents import Incident
from ...history import Store, StoreError
from ...history.tables import INCIDENTS, MIRRORED
from ...incidents.rows import incident_of

__all__ = ["CLOSED", "GONE", "OPENING", "MirrorState", "Mirrored"]

OPENING, CLOSED, GONE = "opening", "closed", "gone"
"""What was told beside the name of a mode: nothing that is known to have arrived; the end; and
that Datadog no longer has it."""
OLDEST_S = 86_400.0
_log = logging.getLogger("balancer.service.integrations.datadog")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """An incident as Datadog knows it.

    Attributes:
        number: Datadog's id; None: it may or may not have one.
        told: the state that it was last told.
    """

    number: str | None
    told: str


class MirrorState:
    """Remembers, in the database and in this process. Blocks.

    A database that is away is asked again; meanwhile this process's own memory serves, and an
    incident that it does not know is looked for in Datadog before it is made.

    Args:
        store: the history.
        clock: Unix time.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._own: dict[str, Mirrored] = {}

    def get(self, key: str) -> Mirrored | None:
        """What is known of an incident; None: nothing was ever told."""
        if key in self._own:
            return self._own[key]
        query = select(MIRRORED.c.remote_id, MIRRORED.c.told).where(MIRRORED.c.key == key)
        try:
            row = self._store.run(lambda connection: connection.execute(query).first())
        except StoreError as error:
            _log.warning("what Datadog knows of an incident is not known: %s", error)
            return Mirrored(number=None, told=OPENING)
        return None if row is None else Mirrored(number=row[0], told=row[1])

    def note(self, key: str, row: Mirrored) -> None:
        """Remember it. A database that is away gets it later."""
        self._own[key] = row
        at = self._clock()

        def work(connection: Connection) -> None:
            values = {"remote_id": row.number, "told": row.told, "at": at}
            old = update(MIRRORED).where(MIRRORED.c.key == key).values(**values)
            if connection.execute(old).rowcount == 0:
                connection.execute(insert(MIRRORED).values(key=key, **values))

        try:
            self._store.run(work)
        except StoreError as error:
            _log.warning("what Datadog knows of an incident is written later: %s", error)
            self._store.later(work)

    def unfinished(self, owner: str) -> Sequence[Incident]:
        """Incidents of this service that Datadog may not know the end of, the oldest first.

        Those of the last day that it was told of, and whatever is open.
        """
        after = INCIDENTS.outerjoin(MIRRORED, MIRRORED.c.key == INCIDENTS.c.key)
        told = MIRRORED.c.told
        query = (
            select(INCIDENTS)
            .select_from(after)
            .where(INCIDENTS.c.owner == owner)
            .where(INCIDENTS.c.opened_at > self._clock() - OLDEST_S)
            .where(
                or_(
                    told.is_(None) & INCIDENTS.c.closed_at.is_(None),
                    told.is_not(None) & told.not_in((CLOSED, GONE)),
                )
            )
            .order_by(INCIDENTS.c.id)
        )
        try:
            return self._store.run(
                lambda connection: [
                    incident_of(dict(row)) for row in connection.execute(query).mappings()
                ]
            )
        except StoreError as error:
            _log.warning("which incidents Datadog has to hear of is not known: %s", error)
            return []
