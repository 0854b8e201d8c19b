"""Stretches: what normal mode's calls met, five minutes at a time, and which of them were ordinary.

A stretch is at least five minutes long and holds at least sixty calls of normal mode, so at few
requests it is as long as they take. Only counts are kept, so ticks and replicas add up, and nothing
depends on when they are added. What normal's probes met while another mode was served counts as
well: where normal is hardly ever entered, it is all that is known of it. Calls and requests are
both counted, for some laws judge the ones and some the others.

No label says what is healthy. An incident is a change, while the traffic's own level is there hour
after hour: so *ordinary* are the stretches that are like the median one. A stretch is out of the
ordinary when, three standard deviations beyond doubt, more than 5 % of its calls took longer than
twice the median P95 (or first token), failures are twice as frequent as in the median stretch, and
at least 2 %, or more than twice the median is spent. An incident that fills less than half of the
stretches moves no median by more than the spread of the others, and is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import median_low
from typing import NamedTuple

from .histogram import EMPTY, Histogram, merge, snap
from .modes import Mode
from .observations import Observations
from .policy import Policy
from .signals import breach

__all__ = ["CALLS", "DEVIATIONS", "LENGTH_S", "Stretch", "Stretches", "ordinary", "served", "total"]

LENGTH_S = 300.0
"""Least length of a stretch: longer than a burst, and quotas are counted by the minute."""
CALLS = 60
"""Least finished calls of normal mode in a stretch."""
ALIKE = 2.0
"""A stretch within this factor of the median one is ordinary: a day's rise and fall is."""
LEAST_FAILING = 0.02
"""Failures that are twice as frequent as hardly ever are no incident yet."""
DEVIATIONS = 3.0
TAIL = 0.05
"""Share of calls above a P95."""
FOLDED = 300
"""Most ticks that wait to be added up: their number changes nothing but the cost."""


class Stretch(NamedTuple):
    """What normal mode's calls met in a stretch of ticks, as counts.

    What failed by another's fault than the upstream's is left out, but for what it cost.

    Attributes:
        ticks: its length.
        offered: requests, whatever mode served them.
        started: calls started in all modes.
        answered, failed: normal's calls that finished.
        prompt_tokens, output_tokens, thinking_tokens, nano_usd: normal's, settled.
        tokens_squared, nano_squared: sums of the squares of what was settled in each tick.
        latency, ttft: of normal's calls, as in `ModeObservations`.
        answers, losses: normal's requests that were answered or failed, as in `ModeRequests`.
    """

    ticks: int = 0
    offered: int = 0
    started: int = 0
    answered: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    nano_usd: int = 0
    tokens_squared: int = 0
    nano_squared: int = 0
    latency: Histogram = EMPTY
    ttft: Histogram = EMPTY
    answers: Histogram = EMPTY
    losses: Histogram = EMPTY

    @property
    def finished(self) -> int:
        """Normal's calls that finished."""
        return self.answered + self.failed

    @property
    def tokens(self) -> int:
        """Normal's tokens, in and out."""
        return self.prompt_tokens + self.output_tokens + self.thinking_tokens

    def per_tick(self, amount: int) -> float:
        """What normal settled (nano-dollars, tokens), a tick, if it served all that was started."""
        return amount / self.finished * self.started / self.ticks if self.finished else 0.0

    def deviation(self, squared: int) -> float:
        """A standard deviation of `per_tick`: spending is a compound Poisson sum."""
        return self.per_tick(1) * math.sqrt(squared)


_NUMBERS = Stretch._fields.index("latency")


def total(stretches: Iterable[Stretch]) -> Stretch:
    """All of them as one."""
    parts = list(stretches)
    numbers = [sum(column) for column in zip(*(part[:_NUMBERS] for part in parts), strict=True)]
    durations = (merge(column) for column in zip(*(part[_NUMBERS:] for part in parts), strict=True))
    return Stretch._make((*numbers, *durations))


def ordinary(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Those like the median one; see the module."""
    if not stretches:
        return []
    latency = _bound(stretches, lambda each: each.latency)
    ttft = _bound(stretches, lambda each: each.ttft)
    failing = median_low([each.failed / each.finished for each in stretches])
    share = min(0.99, ALIKE * max(failing, LEAST_FAILING / ALIKE))
    nano = ALIKE * median_low([each.per_tick(each.nano_usd) for each in stretches])
    tokens = ALIKE * median_low([each.per_tick(each.tokens) for each in stretches])
    return [
        each
        for each in stretches
        if not (
            _slow(each.latency, latency)
            or _slow(each.ttft, ttft)
            or breach(each.failed, each.finished, share, DEVIATIONS, 1)
            or each.per_tick(each.nano_usd) > nano + DEVIATIONS * each.deviation(each.nano_squared)
            or each.per_tick(each.tokens)
            > tokens + DEVIATIONS * each.deviation(each.tokens_squared)
        )
    ]


def _bound(stretches: Sequence[Stretch], of: Callable[[Stretch], Histogram]) -> int | None:
    """Edge at twice the median P95; None where no stretch has any."""
    seen = [histogram.quantile(1.0 - TAIL) for histogram in map(of, stretches) if histogram]
    return snap(ALIKE * median_low(seen)) if seen else None


def _slow(seen: Histogram, bound: int | None) -> bool:
    if bound is None:
        return False
    n, (above,) = seen.counted((bound,))
    return bool(breach(above, n, TAIL, DEVIATIONS, 1))


def served(policy: Policy) -> str:
    """What normal mode is, and how long a tick: stretches of another one say nothing of this."""
    return repr((policy.strategies[Mode.NORMAL], policy.tick_s))


class Stretches:
    """Adds ticks up to stretches.

    Args:
        policy: under which the calls were made.
        most: of them are kept, the newest; None keeps all.

    Attributes:
        closed: the stretches so far, oldest first.
    """

    __slots__ = (
        "_calls",
        "_first",
        "_length",
        "_most",
        "_open",
        "_served",
        "_waiting",
        "closed",
    )

    def __init__(self, policy: Policy, most: int | None = None) -> None:
        self._served = served(policy)
        self._length = round(LENGTH_S / policy.tick_s)
        self._most = most
        self.closed: list[Stretch] = []
        self._begin(None)

    def _begin(self, first: int | None) -> None:
        self._first = first
        self._calls = 0
        self._open = Stretch()
        self._waiting: list[Observations] = []

    def observe(self, observations: Observations) -> bool:
        """Take in a tick; True: it closed a stretch. Ticks in which nothing was are not needed."""
        tick = observations.tick
        if self._first is None:
            self._first = tick
        if not (observations.served or observations.requests or any(observations.offered)):
            return False
        waiting = self._waiting
        waiting.append(observations)
        for entry in observations.served:
            if entry.mode is Mode.NORMAL:
                self._calls += entry.judged
        ticks = tick - self._first + 1
        if ticks >= self._length and self._calls >= CALLS:
            self._fold()
            self.closed.append(self._open._replace(ticks=ticks))
            if self._most is not None:
                del self.closed[: -self._most]
            self._begin(tick + 1)
            return True
        if len(waiting) >= FOLDED:
            self._fold()
        return False

    def _fold(self) -> None:
        """Add up what waits: in one loop, for it is all that the stretches cost."""
        (
            _, offered, started, answered, failed, prompt_tokens, output_tokens,
            thinking_tokens, nano_usd, tokens_squared, nano_squared, latency, ttft, answer, loss,
        ) = self._open  # fmt: skip
        latencies, ttfts, answers, losses = [latency], [ttft], [answer], [loss]
        for observations in self._waiting:
            low, normal, high = observations.demand
            offered += low + normal + high
            tokens = nano = 0
            for entry in observations.served:
                unjudged = entry.unjudged
                started += entry.started - unjudged
                if entry.mode is not Mode.NORMAL:
                    continue
                if entry.finished:
                    ill = entry.failed - unjudged
                    failed += ill
                    answered += entry.finished - unjudged - ill
                    prompt, output = entry.prompt_tokens, entry.output_tokens
                    thinking = entry.thinking_tokens
                    prompt_tokens += prompt
                    output_tokens += output
                    thinking_tokens += thinking
                    tokens += prompt + output + thinking
                    nano += entry.nano_usd
                    latencies.append(entry.latency)
                if entry.ttft:
                    ttfts.append(entry.ttft)
            for felt in observations.requests:
                if felt.mode is Mode.NORMAL:
                    answers.append(felt.answered)
                    losses.append(felt.failed)
            nano_usd += nano
            nano_squared += nano * nano
            tokens_squared += tokens * tokens
        self._waiting.clear()
        duration, first = merge(latencies), merge(ttfts)
        # Where one model answers all at once, its calls are the requests.
        answer = duration if answers == latencies else merge(answers)
        self._open = Stretch(
            0, offered, started, answered, failed, prompt_tokens, output_tokens,
            thinking_tokens, nano_usd, tokens_squared, nano_squared,
            duration, first, answer, merge(losses),
        )  # fmt: skip

    def state(self) -> dict[str, object]:
        """Plain values."""
        self._fold()
        return {
            "served": self._served,
            "first": self._first,
            "calls": self._calls,
            "open": _to_plain(self._open),
            "closed": [_to_plain(each) for each in self.closed],
        }

    def restore(self, state: dict[str, object]) -> None:
        """Take back what `state` gave, if normal serves what it served then."""
        if state["served"] != self._served:
            return
        first, calls, opened, closed = (
            state[name] for name in ("first", "calls", "open", "closed")
        )
        assert first is None or isinstance(first, int)
        assert isinstance(calls, int) and isinstance(opened, list) and isinstance(closed, list)
        self._begin(first)
        self._calls, self._open = calls, _from_plain(opened)
        self.closed = [_from_plain(each) for each in closed]


def _to_plain(stretch: Stretch) -> list[object]:
    flat = [
        [number for pair in histogram.counts().items() for number in pair]
        for histogram in (stretch.latency, stretch.ttft, stretch.answers, stretch.losses)
    ]
    return [*stretch[:_NUMBERS], *flat]


def _from_plain(plain: list[object]) -> Stretch:
    histograms = []
    for flat in plain[_NUMBERS:]:
        assert isinstance(flat, list)
        counts = dict(zip(flat[::2], flat[1::2], strict=True))
        histograms.append(Histogram.from_counts(counts))
    return Stretch._make((*plain[:_NUMBERS], *histograms))
