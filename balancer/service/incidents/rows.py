"""Incidents in the history's database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from ...core.modes import Mode
from ..history.tables import INCIDENTS, MODE_CHANGES
from .incident import Cause, Incident

__all__ = ["incident_of", "left_normal", "open_rows", "put", "seen"]


def put(connection: Connection, incident: Incident, seen_at: float) -> None:
    """Write an incident as it is now, whatever was written of it before."""
    values = {
        "owner": incident.owner,
        "epoch": incident.epoch,
        "began_at": incident.began_at,
        "began_s": incident.began_s,
        "opened_at": incident.opened_at,
        "opened_s": incident.opened_s,
        "closed_at": incident.closed_at,
        "closed_s": incident.closed_s,
        "seen_at": seen_at,
        "mode": incident.mode.label,
        "worst": incident.worst.label,
        "cause": incident.cause.value,
        "reason": incident.reason,
        "changes": incident.changes,
        "shadow": incident.shadow,
        "ended": incident.ended,
    }
    known = update(INCIDENTS).where(INCIDENTS.c.key == incident.key).values(**values)
    if connection.execute(known).rowcount == 0:
        connection.execute(insert(INCIDENTS).values(key=incident.key, **values))


def seen(connection: Connection, key: str, seen_at: float) -> None:
    """Say that the process which follows an incident is alive."""
    connection.execute(update(INCIDENTS).where(INCIDENTS.c.key == key).values(seen_at=seen_at))


def open_rows(connection: Connection) -> Sequence[Mapping[str, Any]]:
    """Incidents that are open, the newest first."""
    query = (
        select(INCIDENTS)
        .where(INCIDENTS.c.closed_at.is_(None))
        .order_by(INCIDENTS.c.opened_at.desc(), INCIDENTS.c.id.desc())
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def left_normal(connection: Connection, owner: str) -> tuple[float, int] | None:
    """Unix time and tick at which a service last left normal; None: it is not known to have."""
    changes = MODE_CHANGES.c
    query = (
        select(changes.at, changes.tick)
        .where(changes.owner == owner)
        .where(changes.from_mode == Mode.NORMAL.label)
        .order_by(changes.id.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else (row[0], row[1])


def incident_of(row: Mapping[str, Any]) -> Incident:
    """The incident of a row."""
    same = (
        "key", "owner", "epoch", "began_at", "began_s", "opened_at", "opened_s", "reason",
        "changes", "shadow", "closed_at", "closed_s", "ended",
    )  # fmt: skip
    return Incident(
        mode=Mode[row["mode"].upper()],
        worst=Mode[row["worst"].upper()],
        cause=Cause(row["cause"]),
        **{name: row[name] for name in same},
    )
