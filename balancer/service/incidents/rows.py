"""Incidents in the history's database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, insert, select, update

from ...core.incidents import Cause, Incident
from ...core.modes import Mode
from ..history.tables import INCIDENTS, MODE_CHANGES

__all__ = ["incident_of", "left_normal", "open_rows", "put", "seen", "traced"]

_ENUMS = ("mode", "worst", "cause")
_AS_THEY_ARE = tuple(field.name for field in fields(Incident) if field.name not in _ENUMS)
"""Columns that hold what the field of their name does; those of `_ENUMS` hold a word for it."""


def put(connection: Connection, incident: Incident, seen_at: float) -> None:
    """Write an incident as it is now, whatever was written of it before."""
    values = {
        **{name: getattr(incident, name) for name in _AS_THEY_ARE},
        "mode": incident.mode.label,
        "worst": incident.worst.label,
        "cause": incident.cause.value,
        "seen_at": seen_at,
    }
    known = update(INCIDENTS).where(INCIDENTS.c.key == incident.key).values(**values)
    if connection.execute(known).rowcount == 0:
        connection.execute(insert(INCIDENTS).values(**values))


def seen(connection: Connection, key: str, seen_at: float) -> None:
    """Say that the process which follows an incident is alive."""
    connection.execute(update(INCIDENTS).where(INCIDENTS.c.key == key).values(seen_at=seen_at))


def traced(connection: Connection, key: str, trace: str) -> None:
    """Say which trace an incident is; the first one stays, whatever a restart begins."""
    wanted = (INCIDENTS.c.key == key) & (INCIDENTS.c.trace == "")
    connection.execute(update(INCIDENTS).where(wanted).values(trace=trace))


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
    return Incident(
        mode=Mode[row["mode"].upper()],
        worst=Mode[row["worst"].upper()],
        cause=Cause(row["cause"]),
        **{name: row[name] for name in _AS_THEY_ARE},
    )
