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
from ..observations import NONE_UNJUDGED, ModeRequests
from ..signals import Signals
from ..windows import CUTS, FIRST_TOKENS

__all__ = ["Felt", "Round"]


class Round(NamedTuple):
    """What the users of one mode felt in a tick.

    Counts by cut are those of all latency cuts; how many were late is worked out for the one cut
    that is asked for.

    Attributes:
        begun: requests begun, less the unjudged: negative where those began before.
        answered: requests answered.
        failed: requests that ended without an answer.
        gone: requests that their callers gave up.
        firsts: answers with a first token.
        tardy: answers whose first token was late, by first-token cut.
        slow: requests answered above each cut.
        late_failed: requests among the failed that were late before, by cut: who counts
            failed and late ones together counts these twice.
        old, old_before: requests in flight above each cut, now and a tick ago.
        surplus: see the module.
    """

    begun: int
    answered: int
    failed: int
    gone: int
    firsts: int
    tardy: tuple[int, ...]
    slow: tuple[int, ...]
    late_failed: tuple[int, ...]
    old: tuple[int, ...]
    old_before: tuple[int, ...]
    surplus: int

    def late(self, place: int) -> int:
        """Requests that became late by a cut."""
        above = self.slow[place] + self.late_failed[place] + self.old[place]
        return max(0, above - self.old_before[place] - self.surplus)


class Felt:
    """Reads off what the users of each mode felt.

    Attributes:
        now: of the modes that had anything to say in this tick.
    """

    __slots__ = ("_before", "_signals", "now")

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        # Of each mode: requests in flight, and those above each cut, when it last spoke.
        nothing = 0, (0,) * len(signals.windows.latency_cuts)
        self._before = [nothing] * len(MODES)
        self.now: dict[Mode, Round] = {}

    def observe(self) -> None:
        """Count the tick that the signals have just taken in."""
        self.now = now = {}
        for entry in self._signals.seen.requests:
            now[entry.mode] = self._count(entry)

    def _count(self, entry: ModeRequests) -> Round:
        windows = self._signals.windows
        cuts = windows.latency_cuts
        mode, begun, answers, failures, ages, unjudged = entry
        answered, slow = answers.counted(cuts)
        failed, late_failed = failures.counted(cuts)
        in_flight, old = now = ages.counted(cuts)
        in_flight_before, old_before = self._before[mode]
        self._before[mode] = now
        if unjudged is not NONE_UNJUDGED:
            begun -= sum(unjudged)
        surplus = answered + failed + in_flight - begun - in_flight_before
        firsts = 0
        tardy: tuple[int, ...] = ()
        if windows.ttft_cuts:
            counts = windows.since(mode, windows.tick - 1)
            firsts, tardy = counts[FIRST_TOKENS], counts[CUTS + len(cuts) :]
        gone, surplus = (-surplus, 0) if surplus < 0 else (0, surplus)
        row = (
            begun, answered, failed, gone, firsts, tardy,
            slow, late_failed, old, old_before, surplus,
        )  # fmt: skip
        return Round._make(row)

    def state(self) -> list[object]:
        """Plain values."""
        return [[in_flight, *old] for in_flight, old in self._before]

    def restore(self, state: Sequence[object]) -> None:
        """Take back what `state` gave."""
        for mode, row in zip(MODES, state, strict=True):
            assert isinstance(row, list)
            in_flight, *old = row
            self._before[mode] = in_flight, tuple(old)
