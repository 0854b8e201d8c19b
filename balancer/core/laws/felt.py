"""What users felt in a tick: requests answered, failed and late, each of them once.

A request is late once: in the tick in which its age passes the cut, or in which it ends, if it
was never seen at that age. Of a mode, with what ended above the cut and what is in flight above it,

    late = answered + failed + in flight - in flight before

where nobody is missing. A tick may be lost on its way, or a replica's part of it, and then some
are in flight again that seemed to have gone. They show as more requests than there can be,

    surplus = answered + failed + unjudged + in flight - begun - in flight before    (of any age)

and so many are not counted as late. A request that its caller cancels, or that ends late by
another's fault than the upstream's, may hide another one that becomes late in the same tick.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..modes import MODES, Mode
from ..observations import ModeRequests
from ..signals import Signals
from ..windows import CUTS, FIRST_TOKENS

__all__ = ["Felt", "Round"]


class Round(NamedTuple):
    """What the users of one mode felt in a tick.

    Attributes:
        begun: requests begun, less the unjudged: negative where those began before.
        answered: requests answered.
        failed: requests that ended without an answer.
        late: requests that became late, by latency cut.
        timely: requests answered in time, by latency cut.
        late_failed: requests among the failed that were late before, by latency cut: who counts
            failed and late ones together counts these twice.
        gone: requests that their callers gave up.
        firsts: answers with a first token.
        tardy: answers whose first token was late, by first-token cut.
    """

    begun: int
    answered: int
    failed: int
    late: tuple[int, ...]
    timely: tuple[int, ...]
    late_failed: tuple[int, ...]
    gone: int
    firsts: int
    tardy: tuple[int, ...]


class Felt:
    """Reads off what the users of each mode felt.

    Attributes:
        now: of the modes that had anything to say in this tick.
    """

    __slots__ = ("_before", "_signals", "now")

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        # Of each mode: requests in flight, and those above each cut, when it last spoke.
        self._before = [(0,) * (1 + len(signals.ledger.latency_cuts))] * len(MODES)
        self.now: dict[Mode, Round] = {}

    def observe(self) -> None:
        """Count the tick that the signals have just taken in."""
        self.now = {entry.mode: self._count(entry) for entry in self._signals.seen.requests}

    def _count(self, entry: ModeRequests) -> Round:
        ledger = self._signals.ledger
        cuts = ledger.latency_cuts
        answered, slow = entry.answered.counted(cuts)
        failed, late_failed = entry.failed.counted(cuts)
        in_flight, old = entry.ages.counted(cuts)
        mode = entry.mode
        in_flight_before, *old_before = self._before[mode]
        self._before[mode] = (in_flight, *old)
        begun = entry.begun - sum(entry.unjudged)
        surplus = answered + failed + in_flight - begun - in_flight_before
        gone, surplus = max(0, -surplus), max(0, surplus)
        late = tuple(
            [
                max(0, sum(above) - before - surplus)
                for *above, before in zip(slow, late_failed, old, old_before, strict=True)
            ]
        )
        timely = tuple([answered - above for above in slow])
        counts = ledger.since(mode, ledger.tick - 1)
        tardy = counts[CUTS + len(cuts) :]
        return Round(
            begun,
            answered,
            failed,
            late,
            timely,
            late_failed,
            gone,
            counts[FIRST_TOKENS],
            tardy,
        )

    def state(self) -> list[object]:
        """Plain values."""
        return [list(row) for row in self._before]

    def restore(self, state: Sequence[object]) -> None:
        """Take back what `state` gave."""
        for mode, row in zip(MODES, state, strict=True):
            assert isinstance(row, list)
            self._before[mode] = tuple(row)
