"""Which worse modes are entered by a share only, because steps into them helped nobody of late.

A step helps where the mode that was left is ill while the one that was entered is well. Where the
one that was left is well at once, or both are ill, the step was for nothing; and the next time it
is tried on a part of the requests, beside the mode that serves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..modes import MODES, Mode
from .fields import put_back, saved

__all__ = ["Futility"]

HOLDS = 15
"""For so many holds after a step for nothing the next one is by a share; as long a proof holds."""

FIELDS = ("until", "proved_until", "first", "needless_at")


class Futility:
    """What is remembered of the steps into each mode.

    Attributes:
        until: the tick before which a step into it is by a share.
        proved_until: the tick before which it is not suspected.
        first: whether the mode was left for the first time of late, and is not tried again yet.
        needless_at: the tick at which a trial ended because those who stayed were well; None:
            none did.

    Args:
        hold: ticks to leave a mode alone for the first time.
        soon: ticks within which a mode that was well beside a trial is ill again without it.
    """

    __slots__ = (*FIELDS, "_soon", "_span")

    def __init__(self, hold: int, soon: int) -> None:
        self._span = HOLDS * hold
        self._soon = soon
        self.until = [0] * len(MODES)
        self.proved_until = [0] * len(MODES)
        self.first = [False] * len(MODES)
        self.needless_at: int | None = None

    def suspects(self, mode: Mode, tick: int) -> bool:
        """Whether a step into a mode is by a share."""
        if self.needless_at is not None and tick - self.needless_at <= self._soon:
            # It was well as long as a share was away, and no longer: that is help.
            self.prove(mode, tick)
        return tick < self.until[mode]

    def suspect(self, modes: Iterable[Mode], tick: int, since: int | None = None) -> None:
        """A step into modes was for nothing, or would have been.

        Args:
            modes: which.
            tick: now.
            since: they are left alone until this tick, and suspected from then on.
        """
        for mode in modes:
            if tick >= self.proved_until[mode]:
                self.until[mode] = max(self.until[mode], (since or tick) + self._span)

    def needless(self, modes: Iterable[Mode], tick: int) -> None:
        """A trial of the first of these modes ended, because those who stayed were well."""
        self.needless_at = tick
        self.suspect(modes, tick)

    def prove(self, mode: Mode, tick: int) -> None:
        """A mode was well while the milder one that its users came from was ill."""
        self.until[mode] = 0
        self.proved_until[mode] = tick + self._span

    def state(self) -> dict[str, object]:
        """Plain values."""
        return saved(self, FIELDS)

    def restore(self, state: Mapping[str, object]) -> None:
        """Take back what `state` gave."""
        put_back(self, FIELDS, state)
