"""Interactions that can be asked for again, and what each goes on from."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from typing import Any

from ..refusals import Refusal
from .answers import Event

__all__ = ["MOST_KEPT", "Kept", "KeptInteractions"]

MOST_KEPT = 1000
"""So many are kept; the oldest is forgotten first."""


class Kept:
    """One interaction, from when it was made.

    Args:
        ended: as it will be, with its steps and usage.
        due: second of the event loop's clock when it will be so; infinite for one that hangs.
        events: of its stream, each with the second when it is due.
        before: steps that it goes on from, its own input among them.
        given: steps of its input.
        background: whether it can be cancelled.
        waits: it has no place yet, and all that is said of its end will be told by `begin`.

    Attributes:
        begun: set once it has a place, or needs none any more.
        background: the same.
        before: the same.
        given: the same.
        events: the same.
        due: the same.
    """

    __slots__ = (
        "_cancelled", "_ended", "background", "before", "begun", "due", "events", "given",
    )  # fmt: skip

    def __init__(
        self,
        ended: dict[str, Any],
        due: float,
        events: list[Event],
        *,
        before: list[Any],
        given: list[Any],
        background: bool,
        waits: bool = False,
    ) -> None:
        self.begun = asyncio.Event()
        if not waits:
            self.begun.set()
        self._ended = ended
        self.due = due
        self._cancelled = False
        self.events = events
        self.before = before
        self.given = given
        self.background = background

    def resource(self, now: float, *, with_input: bool = False) -> dict[str, Any]:
        """What it is at a second of the event loop's clock."""
        found = self._ended
        if self._cancelled or now < self.due:
            found = {
                name: found[name] for name in found if name not in ("steps", "usage", "errors")
            }
            found["status"] = "cancelled" if self._cancelled else "in_progress"
        steps = found.get("steps", [])
        return {**found, "steps": [*self.given, *steps] if with_input else steps}

    def is_running(self, now: float) -> bool:
        """Whether it still has to end."""
        return not self._cancelled and now < self.due

    def cancel(self) -> None:
        """End it now."""
        self._cancelled = True
        self.due = -math.inf
        self.begun.set()

    def begin(self, found: Kept) -> None:
        """It has a place, and will go as this one says."""
        self._ended, self.due, self.events = found._ended, found.due, found.events
        self.begun.set()

    def steps(self, now: float) -> list[Any]:
        """All that the next one goes on from."""
        return [*self.before, *self.resource(now)["steps"]]


class KeptInteractions:
    """Those of one play, by name."""

    __slots__ = ("_kept", "_named")

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._named = 0

    def name(self) -> str:
        """A name that none had."""
        self._named += 1
        return f"v1_mock-interaction-{self._named}"

    def keep(self, name: str, kept: Kept) -> None:
        """Keep one."""
        self._kept[name] = kept
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)

    def find(self, name: str) -> Kept:
        """One by its name.

        Raises:
            Refusal: 404.
        """
        found = self._kept.get(name)
        if found is None:
            raise Refusal(404, "NOT_FOUND", f"Interaction {name[:80]!r} not found.")
        return found

    def drop(self, name: str) -> None:
        """Forget one.

        Raises:
            Refusal: 404.
        """
        self.find(name)
        del self._kept[name]

    def __len__(self) -> int:
        return len(self._kept)
