"""What users felt in a tick, as far as counts of attempts tell: rounds failed, answers late.

A *round* is one way down the chain of models. An attempt that failed and was followed by another
model at once is not felt: only a round that ends without an answer is. So of a mode

    failed rounds = failed attempts - starts of fallback models that followed them

which counts exactly, and adds up over replicas. (A round that fails may still be followed by
another one after the backoff; whether the request failed in the end is not observed.)

A request is late once, in the tick its age passes the cut or, when it was never seen at that age,
in which it is answered: with S late answers so far and A calls in flight beyond the cut, S + A
grows by one. It falls when a late call fails, or waits out a backoff, or when a tick was lost on
the way; then it must first come back to where it was (a debt), lest one call be counted twice. A
timeout that another attempt follows is no outcome and does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..modes import MODES, Mode
from ..observations import FAILURES
from ..policy import Policy
from ..signals import Signals
from ..windows import CUTS, FAILED, FINISHED, FIRST_TOKENS

__all__ = ["Felt", "Round"]

_TIMEOUT = FAILURES.index("timeout")
LONGEST_AGE_S = 6 * 3600.0


class Round(NamedTuple):
    """What the users of one mode felt in a tick.

    Attributes:
        answered: requests answered.
        failed: rounds that ended without an answer.
        late: requests that became late, by latency cut.
        timely: requests answered in time, by latency cut.
        firsts: answers with a first token.
        tardy: answers whose first token was late, by first-token cut.
    """

    answered: int
    failed: int
    late: tuple[int, ...]
    timely: tuple[int, ...]
    firsts: int
    tardy: tuple[int, ...]


class Felt:
    """Counts rounds and late requests of each mode.

    Attributes:
        now: of the modes that had anything to say in this tick.
    """

    __slots__ = ("_aged", "_debts", "_fallbacks", "_longest", "_signals", "now")

    def __init__(self, policy: Policy, signals: Signals) -> None:
        self._signals = signals
        self._longest = signals.ticks(LONGEST_AGE_S)
        self._fallbacks = tuple(
            frozenset(strategy.fallback_models) - {strategy.model} for strategy in policy.strategies
        )
        nobody = (0,) * len(signals.ledger.latency_cuts)
        self._aged = [nobody] * len(MODES)
        self._debts = [nobody] * len(MODES)
        self.now: dict[Mode, Round] = {}

    def observe(self) -> None:
        """Count the tick that the signals have just taken in."""
        self.now = {}
        speaking = {entry.mode for entry in self._signals.seen.served}
        for mode in MODES:
            if mode in speaking or any(self._aged[mode]):
                self.now[mode] = self._count(mode, speaks=mode in speaking)

    def _count(self, mode: Mode, *, speaks: bool) -> Round:
        signals = self._signals
        tick = signals.ledger.tick
        counts = signals.ledger.since(mode, tick - 1)
        failed, timeouts = self._rounds(mode, counts[FAILED])
        ended = min(failed, timeouts)
        followed = timeouts - ended
        answered = counts[FINISHED] - counts[FAILED]
        cuts = signals.ledger.latency_cuts
        slow = counts[CUTS : CUTS + len(cuts)]
        aged = signals.aged(mode, tick - self._longest)
        late, debts = [], []
        for above, old, before, debt in zip(
            slow, aged, self._aged[mode], self._debts[mode], strict=True
        ):
            change = debt + above - min(above, followed) + old - before
            if change < 0:
                # A late call that failed is counted as a failed round.
                change = min(0, change + failed - ended)
            late.append(max(0, change))
            debts.append(0 if speaks and old == 0 else min(0, change))
        timely = tuple([max(0, answered - max(0, above - timeouts)) for above in slow])
        self._aged[mode], self._debts[mode] = aged, tuple(debts)
        tardy = counts[CUTS + len(cuts) :]
        return Round(answered, failed, tuple(late), timely, counts[FIRST_TOKENS], tardy)

    def _rounds(self, mode: Mode, failed: int) -> tuple[int, int]:
        """Rounds of the tick that failed, and attempts that timed out."""
        if failed == 0:
            return 0, 0
        fallbacks = self._fallbacks[mode]
        absorbed = timeouts = 0
        for entry in self._signals.seen.served:
            if entry.mode is mode:
                timeouts += entry.failures[_TIMEOUT]
                if entry.model in fallbacks:
                    # What was started without a failure before it followed a backoff, or nothing.
                    absorbed += min(entry.started, failed - entry.failed)
        return max(0, failed - absorbed), timeouts

    def state(self) -> list[object]:
        """Plain values."""
        return [[list(row) for row in self._aged], [list(row) for row in self._debts]]

    def restore(self, state: Sequence[object]) -> None:
        """Take back what `state` gave."""
        aged, debts = state
        assert isinstance(aged, list) and isinstance(debts, list)
        self._aged = [tuple(row) for row in aged]
        self._debts = [tuple(row) for row in debts]
