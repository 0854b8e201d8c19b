"""What runs beside the service and talks to others: it starts, it closes, and it says how it is.

None of it is ever waited for by a call or by the controller.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

__all__ = ["Health", "Integration", "State"]


class State(Enum):
    """How an integration is."""

    STARTING = "starting"
    """Nothing was tried yet."""
    OK = "ok"
    STALE = "stale"
    """The other side answers, and what it says is too old to act on, or missing."""
    TROUBLE = "trouble"
    """The last try failed; it is tried again."""
    OFF = "off"
    """It cannot run here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How an integration is, without secrets.

    Attributes:
        state: at a glance.
        error: what is wrong, one line; "" where nothing is.
        waiting: what is yet to be sent.
        dropped: given up since the start.
        failures: tries that failed since the start.
        ok_at: Unix time of the last try that went well; None: none did yet.
    """

    state: State = State.STARTING
    error: str = ""
    waiting: int = 0
    dropped: int = 0
    failures: int = 0
    ok_at: float | None = None


class Integration(Protocol):
    """Something beside the service."""

    @property
    def name(self) -> str:
        """What it is called in `/readyz`."""

    def start(self) -> None:
        """Begin; before the controller's first tick. Returns at once."""

    def close(self, timeout_s: float) -> None:
        """Finish what can be finished within so long, and stop; after the last tick. Blocks."""

    def health(self) -> Health:
        """How it is."""
