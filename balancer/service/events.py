"""Where the service says what happened, and whoever wants to know subscribes.

The history's database, Datadog's mirror and notifications hear of a change of mode or of an
incident here, and nowhere else. Whoever subscribes is called on the controller's ticker, so it
must return at once: put what it was told in a queue of its own. An error in it is logged and
reaches nobody else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from ..core.incidents import IncidentChange
from ..core.modes import Mode

__all__ = ["Events", "Happening", "ModeChange", "Subscriber"]

_log = logging.getLogger("balancer.service")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeChange:
    """The controller entered another mode.

    Attributes:
        at_s: Unix time.
        tick: after which it holds.
        before, after: the modes.
        reasons: why, for a person.
        override: whether an operator ordered it.
        shadow: whether it is only journalled, and calls are not changed.
    """

    at_s: float
    tick: int
    before: Mode
    after: Mode
    reasons: tuple[str, ...] = ()
    override: bool = False
    shadow: bool = False


Happening = ModeChange | IncidentChange
Subscriber = Callable[[Happening], object]


class Events:
    """Tells every subscriber what happened, in the order in which it did."""

    def __init__(self) -> None:
        self._subscribers: tuple[Subscriber, ...] = ()

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call a function with whatever happens from now on."""
        self._subscribers = (*self._subscribers, subscriber)

    def tell(self, happening: Happening) -> None:
        """Say that something happened. Never raises."""
        for subscriber in self._subscribers:
            try:
                subscriber(happening)
            except Exception:  # noqa: BLE001 - whatever a subscriber does, the ticker goes on
                _log.exception("a subscriber failed; nothing else is affected")
