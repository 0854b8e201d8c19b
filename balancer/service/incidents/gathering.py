"""What the history's database knows of the time of an incident."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, func, select

from ...core.incidents import Incident
from ..history.tables import MIRRORED, MODE_CHANGES, NOTES, ORDERS, POLICY_VERSIONS, TOLD

__all__ = ["Gathered", "gather"]

_MARGIN_S = 0.001
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Rows of an incident's time, the earliest first.

    Attributes:
        modes: changes of mode.
        orders: of operators, the one that held at the beginning among them.
        policies: that came into force.
        told: who was told of it, or would have been.
        notes: that people wrote, and who took it up.
        mirrored: what Datadog knows of it; None: nothing.
        left_out: how many more there are.
    """

    modes: Rows
    orders: Rows
    policies: Rows
    told: Rows
    notes: Rows
    mirrored: Mapping[str, Any] | None
    left_out: int


def gather(connection: Connection, number: int, incident: Incident, most: int) -> Gathered:
    """Look for at most so many of each kind."""
    modes, more_modes = _rows(connection, MODE_CHANGES, incident, most)
    orders, more_orders = _rows(connection, ORDERS, incident, most)
    orders = [*_held(connection, incident), *orders]
    policies, more_policies = _rows(connection, POLICY_VERSIONS, incident, most)
    told, more_told = _rows(connection, TOLD, incident, most)
    notes = select(NOTES).where(NOTES.c.incident == number).order_by(NOTES.c.id).limit(most)
    mirrored = select(MIRRORED).where(MIRRORED.c.key == incident.key)
    known = connection.execute(mirrored).mappings().first()
    return Gathered(
        modes=modes,
        orders=orders,
        policies=policies,
        told=told,
        notes=[dict(row) for row in connection.execute(notes).mappings()],
        mirrored=None if known is None else dict(known),
        left_out=more_modes + more_orders + more_policies + more_told,
    )


def _held(connection: Connection, incident: Incident) -> Rows:
    """The order that held when normal was left: given before that, and maybe the reason for it."""
    orders = ORDERS.c
    query = (
        select(ORDERS)
        .where(orders.owner == incident.owner)
        .where(orders.kind.in_(("override", "clear")))
        .where(orders.at < incident.began_at - _MARGIN_S)
        .order_by(orders.id.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().first()
    holds = row is not None and row["until"] is not None and row["until"] >= incident.began_at
    return [dict(row)] if row is not None and holds else []


def _rows(connection: Connection, table: Table, incident: Incident, most: int) -> tuple[Rows, int]:
    columns = [column for column in table.c if column.name != "text"]
    wanted = table.c.at >= incident.began_at - _MARGIN_S
    if incident.closed_at is not None:
        wanted &= table.c.at <= incident.closed_at + _MARGIN_S
    if "owner" in table.c:
        wanted &= table.c.owner == incident.owner
    query = select(*columns).where(wanted).order_by(table.c.id).limit(most)
    rows = [dict(row) for row in connection.execute(query).mappings()]
    total = len(rows)
    if total == most:
        total = int(connection.execute(select(func.count()).where(wanted)).scalar_one())
    return rows, total - len(rows)
