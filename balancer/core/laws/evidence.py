"""Sequential tests on counts: one to leave by, one to come back by, one for money.

None has a window or a least number of samples. All take in counts (k bad of n) tick by tick, so
what replicas counted adds up, and the same constants hold at a request a minute and at five
hundred a second.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from functools import lru_cache

__all__ = ["ALPHA", "Change", "Spending", "likelihood", "verdict"]

ALPHA = 1e-6
"""Chance, at each beginning, that a score passes its bound though nothing is wrong. Scores begin
anew whenever they are at nought, so the mean time between false alarms is at least 1 / ALPHA
requests; at 500 requests a second most of those are of a share just at the bound."""

STEPS = (0.1, 0.3, 0.6, 0.9)
"""Shares that are tested for, from the one allowed (0) to all bad (1)."""
ALARM = math.log(len(STEPS) / ALPHA)

ACCEPT = math.log(50.0)
"""A healthy verdict is wrong in at most one of fifty cases (Wald: error at most 1 / bound)."""
REFUSE = -math.log(20.0)
"""An ill verdict is wrong in at most one of twenty."""
ILL = 0.25
"""Least share of bad requests that a target is refused for; 20 points above what is allowed where
that is more."""

SIZES = (10, 30, 100)
"""Requests over which spending is judged: a leap shows in ten, a half more in a hundred."""
DEVIATIONS = 3.0
SKEWED = (DEVIATIONS**2 - 1.0) / 6.0 * 6.0 / 2.0**1.5


class Change:
    """An e-CUSUM: has the share of bad requests risen above q, and since when?

    For each of a few shares p above q a score, the log of a likelihood ratio that begins anew at
    nought,

        s <- max(0, s + k log(p / q) + (n - k) log((1 - p) / (1 - q)))

    (Page, "Continuous inspection schemes", Biometrika 1954). exp(s) is an e-detector, so the mean
    time to a false alarm is at least the bound's exponential, whatever the traffic is (Shin, Ramdas
    and Rinaldo, "E-detectors", 2022); the sum over several scores costs a log of their number.

    Args:
        share: q, the share of bad requests that is allowed, in (0, 1).
    """

    __slots__ = ("_bad", "_good", "_highest", "counts", "scores", "share")

    def __init__(self, share: float) -> None:
        self.share = share
        tested = [share + (1.0 - share) * step for step in STEPS]
        self._bad = [math.log(p / share) for p in tested]
        self._good = [math.log((1.0 - p) / (1.0 - share)) for p in tested]
        self.reset()

    def reset(self) -> None:
        """Forget what was seen."""
        self.scores = [0.0] * len(STEPS)
        self.counts = [(0, 0)] * len(STEPS)
        self._highest = 0.0

    def add(self, k: int, n: int) -> bool:
        """Take in k bad of n requests; True: an alarm."""
        if n == 0 or (k == 0 and self._highest == 0.0):
            return False
        for i, before in enumerate(self.scores):
            score = before + k * self._bad[i] + (n - k) * self._good[i]
            if score > 0.0:
                bad, all_ = self.counts[i]
                self.scores[i], self.counts[i] = score, (bad + k, all_ + n)
            else:
                # If anything has changed, then after this.
                self.scores[i], self.counts[i] = 0.0, (0, 0)
        self._highest = max(self.scores)
        return self._highest >= ALARM

    def since(self) -> tuple[int, int]:
        """Bad and all requests since the change, by the score that says most."""
        return self.counts[max(range(len(STEPS)), key=self.scores.__getitem__)]

    def state(self) -> list[object]:
        """Plain values."""
        return [list(self.scores), [list(pair) for pair in self.counts]]

    def restore(self, state: Sequence[Sequence[float]] | Sequence[object]) -> None:
        """Take back what `state` gave."""
        scores, counts = state
        assert isinstance(scores, list) and isinstance(counts, list)
        self.scores = list(scores)
        self._highest = max(scores)
        self.counts = [(k, n) for k, n in counts]


def likelihood(k: int, n: int, share: float) -> float:
    """Log of how much likelier k bad of n are of a healthy target than of an ill one.

    Healthy is half of what is allowed, ill is `ILL` or 20 points above what is allowed.

    Args:
        k, n: bad requests, and all.
        share: the share that is allowed.
    """
    bad, good = _weights(share)
    return k * bad + (n - k) * good


@lru_cache(maxsize=64)
def _weights(share: float) -> tuple[float, float]:
    """What a bad request and a good one say for a healthy target."""
    well, ill = share / 2.0, max(ILL, min(0.95, share + 0.2))
    return math.log(well / ill), math.log((1.0 - well) / (1.0 - ill))


def verdict(k: int, n: int, share: float) -> bool | None:
    """Wald's sequential test: True is healthy, False is ill, None is not known yet.

    Wald, "Sequential tests of statistical hypotheses", 1945. Of the allowed 5 %: twelve to twenty
    requests for a healthy target, two to six for a broken one.
    """
    found = likelihood(k, n, share)
    if found >= ACCEPT:
        return True
    return False if found <= REFUSE else None


class Spending:
    """Is more spent than allowed? Judged over the last 10, 30 and 100 requests.

    Spending is a compound Poisson sum, and at a few requests a minute the product of a mean and a
    rate is noise. The sum X over T ticks must pass

        limit T + z sqrt(T var)

    where var is the variance from tick to tick, silent ticks included: an estimate of the sum of
    the squared costs that also sees bursts. z is 3, and more for few requests, since such a sum is
    skewed: by (9 - 1) / 6 of its skewness (Cornish and Fisher, "Moments and cumulants in the
    specification of distributions", 1938), 6 / (2^1.5 sqrt(n)) for n exponential costs.

    Args:
        least_ticks: no window is shorter.
    """

    __slots__ = ("_least", "_totals", "rows", "since")

    def __init__(self, least_ticks: int) -> None:
        self._least = least_ticks
        self.rows: deque[tuple[int, int, int, int]] = deque()
        self._totals = [0, 0, 0, 0]
        self.since = 0

    def reset(self, tick: int) -> None:
        """Start after a tick."""
        self.rows.clear()
        self._totals = [0, 0, 0, 0]
        self.since = tick

    def add(self, tick: int, finished: int, nano_usd: int, tokens: int) -> None:
        """Take in what was settled in a tick."""
        rows, totals = self.rows, self._totals
        if finished or nano_usd:
            rows.append((tick, finished, nano_usd, tokens))
            totals[1] += finished
            totals[2] += nano_usd
            totals[3] += tokens
        while len(rows) > 1 and rows[1][0] <= tick - self._least:
            if totals[1] - rows[0][1] < SIZES[-1]:
                break
            self.since, finished, nano_usd, tokens = rows.popleft()
            totals[1] -= finished
            totals[2] -= nano_usd
            totals[3] -= tokens

    def above(self, tick: int, column: int, per_tick: float) -> tuple[float, int] | None:
        """Mean a tick and number of requests of the first window that is above a limit.

        Args:
            tick: the present one.
            column: 2 for billionths of a dollar, 3 for tokens.
            per_tick: what is allowed a tick.
        """
        if self._totals[column] <= per_tick * self._least:
            # No part of it can be above what the shortest window may hold.
            return None
        finished = amount = squares = 0
        left = list(SIZES)
        rows = self.rows
        for place in range(len(rows) - 1, -1, -1):
            row = rows[place]
            finished += row[1]
            amount += row[column]
            squares += row[column] ** 2
            before = rows[place - 1][0] if place else self.since
            ticks = tick - before
            if ticks < self._least or finished < left[0]:
                continue
            variance = squares - amount * amount / ticks
            deviations = DEVIATIONS + SKEWED / math.sqrt(finished)
            if amount > per_tick * ticks + deviations * math.sqrt(max(0.0, variance)):
                return amount / ticks, finished
            while left and finished >= left[0]:
                left.pop(0)
            if not left:
                break
        return None

    def state(self) -> list[object]:
        """Plain values."""
        return [self.since, [list(row) for row in self.rows]]

    def restore(self, state: Sequence[object]) -> None:
        """Take back what `state` gave."""
        since, rows = state
        assert isinstance(since, int) and isinstance(rows, list)
        self.since = since
        self.rows = deque((at, n, nano, tokens) for at, n, nano, tokens in rows)
        self._totals = [sum(row[place] for row in rows) for place in range(4)]
