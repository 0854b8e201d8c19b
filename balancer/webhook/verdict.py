"""What became of a delivery."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..core.observations import Alert
from .delivery import Delivery

__all__ = ["Fate", "Verdict"]


class Fate(Enum):
    """What became of a delivery."""

    ACCEPTED = "accepted"
    """It raises or clears an alert."""
    NOTED = "noted"
    """Authentic and understood, but it asks for nothing: no data, or no mode in its tags."""
    DUPLICATE = "duplicate"
    """Taken before."""
    STALE = "stale"
    """Too old, or overtaken by a newer message of the same alert."""
    REFUSED = "refused"
    """Not from us, or not to be understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a delivery, and what to answer.

    Attributes:
        fate: see `Fate`.
        status: of the HTTP answer. Datadog repeats a delivery on 5xx only, which never is one.
        detail: one sentence, for the answer and the log; holds no secret.
        delivery: what it said, where that could be read.
        alerts: for the controller.
    """

    fate: Fate
    status: int
    detail: str
    delivery: Delivery | None = None
    alerts: tuple[Alert, ...] = ()

    def answer(self) -> dict[str, str]:
        """Body of the HTTP answer."""
        return {"verdict": self.fate.value, "detail": self.detail}
