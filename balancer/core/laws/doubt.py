"""Which worse modes are entered by a share only, because steps into them helped nobody of late.

A step helps where the mode that was left is ill while the one that was entered is well. Where the
one that was left is well at once, or both are ill, the step was for nothing; and the next time it
is tried on a part of the requests, beside the mode that serves, which says at the same time what
would have become of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..modes import MODES, Mode

__all__ = ["Doubt"]

HOLDS = 15
"""So many holds after a step for nothing the next one is by a share; and so long a proof holds."""

FIELDS = ("until", "proved_until", "brief", "calmed_at")


class Doubt:
    """What is remembered of the steps into each mode.

    Attributes:
        until: the tick before which a step into it is by a share.
        proved_until: the tick before which nothing that is heard of others makes it doubtful.
        brief: whether it was left only just now, for the first time of late.
        calmed_at: the tick at which a share of a worse mode ended because the mode that serves
            was well again; None: never.

    Args:
        hold: ticks to leave a mode alone for the first time.
    """

    __slots__ = (*FIELDS, "_span")

    def __init__(self, hold: int) -> None:
        self._span = HOLDS * hold
        self.until = [0] * len(MODES)
        self.proved_until = [0] * len(MODES)
        self.brief = [False] * len(MODES)
        self.calmed_at: int | None = None

    def doubtful(self, mode: Mode, tick: int) -> bool:
        """Whether a step into a mode is by a share."""
        return tick < self.until[mode]

    def raise_(self, modes: Iterable[Mode], tick: int, since: int | None = None) -> None:
        """A step into modes was for nothing, or would have been.

        Args:
            modes: which.
            tick: now.
            since: they are left alone until this tick, and only then in doubt.
        """
        for mode in modes:
            if tick >= self.proved_until[mode]:
                self.until[mode] = max(self.until[mode], (since or tick) + self._span)

    def prove(self, mode: Mode, tick: int) -> None:
        """A mode was well while the milder one that its users came from was ill."""
        self.until[mode] = 0
        self.proved_until[mode] = tick + self._span

    def state(self) -> dict[str, object]:
        """Plain values."""
        values = {name: getattr(self, name) for name in FIELDS}
        return {n: list(value) if isinstance(value, list) else value for n, value in values.items()}

    def restore(self, state: Mapping[str, object]) -> None:
        """Take back what `state` gave."""
        for name in FIELDS:
            value = state[name]
            setattr(self, name, list(value) if isinstance(value, list) else value)
