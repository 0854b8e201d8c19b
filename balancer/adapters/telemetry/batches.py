"""Batches of attempts, taken apart by columns: what a call costs here, its application pays in
processor time, though none of its callers waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import add, itemgetter, sub

from balancer.core.modes import Mode
from balancer.runtime.flights import ABANDONED, UNPRICED, Call, Ended

__all__ = ["Batch"]

_FLIGHT, _END, _OUTCOME, _PROMPT, _OUTPUT, _THINKING, _FIRST, _COST = map(
    itemgetter, (0, 1, 2, 3, 5, 6, 7, 8)
)
_MODE, _MODEL = map(itemgetter, (0, 1))


class Batch:
    """Attempts that ended, a list for each of their values.

    Args:
        ended, nano_usd: as the runtime's recorder hands them over.

    Attributes:
        models, modes: that they were charged to.
        kinds: index of the failure, `ANSWER` or `ABANDONED`.
        seconds: of the raw clock, from the start of each to its end.
        read, written: tokens of prompts, and of answers and thinking.
        first: seconds to the first token, or None.
        nano_usd: what each cost.
    """

    __slots__ = (
        "_priced", "first", "kinds", "models", "modes", "nano_usd", "read", "seconds", "written",
    )  # fmt: skip

    def __init__(self, ended: Sequence[Ended], nano_usd: Sequence[int]) -> None:
        flights = list(map(_FLIGHT, ended))
        places = [flight.place for flight in flights]
        # Of a plain call, without the detour over its property.
        begins = [each.since if each.__class__ is Call else each.began for each in flights]
        self.models: list[str] = list(map(_MODEL, places))
        self.modes: list[Mode] = list(map(_MODE, places))
        self.kinds: list[int] = list(map(_OUTCOME, ended))
        self.seconds: list[float] = list(map(sub, map(_END, ended), begins))
        self.read: list[int] = list(map(_PROMPT, ended))
        self.written: list[int] = list(map(add, map(_OUTPUT, ended), map(_THINKING, ended)))
        self.first: list[float | None] = list(map(_FIRST, ended))
        self.nano_usd = nano_usd
        self._priced: list[int] = list(map(_COST, ended))

    @property
    def given_up(self) -> int:
        """How many of them their callers gave up."""
        return self.kinds.count(ABANDONED)

    def plain(self) -> tuple[Sequence[Mode], Sequence[int]]:
        """Modes and nano-dollars of plain calls: those of a `Request` come with their price."""
        priced = self._priced
        if priced.count(UNPRICED) == len(priced):
            return self.modes, self.nano_usd
        unpriced = [
            (mode, cost)
            for mode, cost, price in zip(self.modes, self.nano_usd, priced, strict=True)
            if price == UNPRICED
        ]
        return [mode for mode, _ in unpriced], [cost for _, cost in unpriced]
