"""An incident: one episode of hard or emergency brownout, from there until normal is back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ...core.modes import Mode

__all__ = ["OPENS_AT", "Cause", "Incident"]

OPENS_AT = Mode.HARD
"""The mildest mode that opens an incident. Only normal closes one."""


class Cause(Enum):
    """Who wanted the mode that opened it."""

    CONTROLLER = "controller"
    ALERT = "alert"
    OVERRIDE = "override"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An episode as it is known now. Times in Unix seconds are by the wall, for people; those in
    scenario seconds find it in the journal.

    Attributes:
        key: names the episode, for ever.
        owner: the data directory whose service saw it; several may share a database.
        epoch: Unix time of the journal's scenario second 0; None where the clock has none.
        began_at, began_s: when normal was left, Unix and scenario seconds.
        opened_at, opened_s: when hard was reached.
        mode: that the application is in.
        worst: deepest mode so far.
        cause: who wanted the mode that opened it.
        reason: why, for a person.
        changes: of mode since it was opened.
        shadow: decided and journalled only; calls were not changed.
        closed_at, closed_s: when normal was back; None while it goes on.
        ended: how, for a person; "" while it goes on.
    """

    key: str
    owner: str
    epoch: float | None
    began_at: float
    began_s: float
    opened_at: float
    opened_s: float
    mode: Mode
    worst: Mode
    cause: Cause
    reason: str
    changes: int = 0
    shadow: bool = False
    closed_at: float | None = None
    closed_s: float | None = None
    ended: str = ""

    @property
    def title(self) -> str:
        """A line for lists."""
        by = {Cause.OVERRIDE: ", by override", Cause.ALERT: ", by an alert"}.get(self.cause, "")
        return f"{self.worst.label} brownout{by}{' (shadow mode)' if self.shadow else ''}"
