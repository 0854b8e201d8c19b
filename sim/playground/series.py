"""What an hour looks like: the signals of a policy over time, in few enough points to draw.

Latency is of answers and timeouts by the time of their outcome, cost as observed when it is
settled, as in reports; but over a window that slides, as a rule's does, so that a line that
crosses a threshold says what the controller could see.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from balancer.core.decisions import Decision, tried
from balancer.core.modes import PRIORITIES
from balancer.core.observations import NO_FAILURES, Observations
from balancer.core.policy import SIGNALS, Policy
from balancer.core.pricing import NANO_USD
from balancer.core.rules import SPEND_WINDOW_S
from balancer.core.signals import QUANTILES

from .quantiles import sliding_quantile

__all__ = [
    "ALWAYS",
    "MOST_POINTS",
    "REQUESTS",
    "Line",
    "Observed",
    "Tried",
    "reduced",
    "signals_of",
]

Column = np.ndarray[Any, Any]

MOST_POINTS = 1000
"""Of a line."""
ALWAYS = ("latency_p95", "error_rate", "token_cost_per_hour")
"""Signals that are drawn whether or not a rule watches them."""
REQUESTS = ("offered_per_s", "answered_per_s", "shed_per_s")
"""Lines beside the signals; answered are attempts, as in reports."""
WINDOW_S = 60.0
_DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line to draw.

    Attributes:
        step_s: between two points; the first lies at `from_s`.
        from_s: second of the run.
        values: NaN where there is nothing. Two points stand for a stretch of more ticks: its
            least and its largest value, in the order in which they came.
    """

    step_s: float
    from_s: float
    values: Column

    def plain(self) -> dict[str, Any]:
        """As JSON has it: null for nothing, four digits."""
        rounded = _rounded(self.values).tolist()
        return {
            "step_s": self.step_s,
            "from_s": self.from_s,
            "values": [None if value != value else value for value in rounded],  # noqa: PLR0124 -- NaN
        }


def signals_of(policy: Policy) -> dict[str, float]:
    """Signals to draw, with the seconds of their windows: those of rules, the first rule's."""
    found = dict.fromkeys(ALWAYS, WINDOW_S)
    ruled: dict[str, float] = {}
    for rule in policy.rules:
        ruled.setdefault(rule.signal, rule.window_s)
    return found | ruled


@dataclass(frozen=True, slots=True)
class Tried:
    """A stretch in which a share of the requests was served in another mode.

    Attributes:
        mode: its label.
        share: of the admitted requests.
        from_s, to_s: seconds of the run.
    """

    mode: str
    share: float
    from_s: float
    to_s: float


@dataclass(slots=True)
class _Trial:
    """A trial in the making."""

    decision: Decision
    from_tick: int
    to_tick: int
    admitted: list[int]

    def add(self, observations: Observations) -> None:
        self.to_tick = observations.tick + 2
        self.admitted = [a + b for a, b in zip(self.admitted, observations.admitted, strict=True)]

    def told(self, tick_s: float) -> Tried | None:
        found = tried(self.decision, self.admitted)
        return found and Tried(
            found[0].label, found[1], self.from_tick * tick_s, self.to_tick * tick_s
        )


class Observed:
    """What a run showed, tick by tick.

    Args:
        duration_s: what comes later, while the run drains, is left out.
        tick_s: length of a tick.
    """

    __slots__ = ("_seen", "_tick_s", "_ticks", "_trials")

    def __init__(self, duration_s: float, tick_s: float) -> None:
        self._tick_s = tick_s
        self._ticks = max(1, math.ceil(duration_s / tick_s - 1e-9))
        self._seen: list[Observations] = []
        self._trials: list[_Trial] = []

    def add(self, observations: Observations, decision: Decision) -> None:
        """Take in the next tick."""
        self._seen.append(observations)
        if decision.mix[decision.mode] == 1.0:
            return
        first = observations.tick + 1
        last = self._trials[-1] if self._trials else None
        if last is None or last.decision.mixes != decision.mixes or last.to_tick != first:
            last = _Trial(decision, first, first, [0] * len(PRIORITIES))
            self._trials.append(last)
        last.add(observations)

    @property
    def tried(self) -> tuple[Tried, ...]:
        """When a share of the requests was served in another mode, in order."""
        told = (each.told(self._tick_s) for each in self._trials)
        return tuple(each for each in told if each is not None)

    def lines(self, signals: Mapping[str, float], *, objective: float = 0.0) -> dict[str, Line]:
        """The signals, and the lines of `REQUESTS`, by name.

        Args:
            signals: seconds of each signal's window.
            objective: of burn rates.
        """
        seen = [each for each in self._seen if each.tick < self._ticks]
        counts = self._counts(seen)
        found = {
            signal: self._signal(signal, window_s, counts, seen, objective)
            for signal, window_s in signals.items()
        }
        for place, name in enumerate(REQUESTS):
            found[name] = np.maximum(self._rate(counts[:, _OFFERED + place], WINDOW_S), 0.0)
        return {name: reduced(values, self._tick_s) for name, values in found.items()}

    def _counts(self, seen: Sequence[Observations]) -> Column:
        rows = []
        for each in seen:
            judged = ill = nano = tokens = 0
            for entry in each.served:
                judged += entry.judged
                if entry.failures is not NO_FAILURES:
                    ill += entry.ill
                nano += entry.nano_usd
                tokens += entry.prompt_tokens + entry.output_tokens + entry.thinking_tokens
            rows.append((judged, ill, nano, tokens, each.waiting, each.memory_ppm,
                         sum(each.demand), judged - ill, sum(each.shed)))  # fmt: skip
        counts = np.zeros((self._ticks, _COLUMNS))
        if rows:
            counts[[each.tick for each in seen]] = rows
        return counts

    def _signal(
        self,
        signal: str,
        window_s: float,
        counts: Column,
        seen: Sequence[Observations],
        objective: float,
    ) -> Column:
        if SIGNALS[signal] == "seconds":
            return self._quantile(signal, window_s, seen)
        if signal in ("error_rate", "burn_rate"):
            judged, ill = (self._sum(counts[:, i], window_s) for i in (_JUDGED, _ILL))
            rate = np.divide(ill, judged, out=np.full(len(ill), math.nan), where=judged > 0.0)
            found: Column = rate / (1.0 - objective) if signal == "burn_rate" else rate
            return found
        if signal == "token_cost_per_hour":
            return self._rate(counts[:, _NANO], window_s) / NANO_USD * 3600.0
        if signal == "spend_10m":
            return self._sum(counts[:, _NANO], SPEND_WINDOW_S) / NANO_USD
        if signal == "tokens_per_minute":
            return self._rate(counts[:, _TOKENS], window_s) * 60.0
        column: Column = counts[:, _WAITING]
        return column if signal == "queue_depth" else counts[:, _MEMORY] / 1e6

    def _quantile(self, signal: str, window_s: float, seen: Sequence[Observations]) -> Column:
        first_tokens = signal == "ttft_p95"
        rows = [
            (each.tick, histogram.packed)
            for each in seen
            for entry in each.served
            if (histogram := entry.ttft if first_tokens else entry.latency)
        ]
        return sliding_quantile(
            [tick for tick, _ in rows],
            [packed for _, packed in rows],
            self._ticks,
            self._window(window_s),
            QUANTILES[signal],
        )

    def _window(self, window_s: float) -> int:
        return max(1, round(window_s / self._tick_s))

    def _sum(self, column: Column, window_s: float) -> Column:
        window = self._window(window_s)
        total = np.cumsum(column)
        total[window:] -= total[:-window].copy()
        return total

    def _rate(self, column: Column, window_s: float) -> Column:
        window = self._window(window_s)
        lengths = np.minimum(np.arange(1, self._ticks + 1), window) * self._tick_s
        found: Column = self._sum(column, window_s) / lengths
        return found


_JUDGED, _ILL, _NANO, _TOKENS, _WAITING, _MEMORY, _OFFERED = range(7)
_COLUMNS = 9


def reduced(values: Column, tick_s: float, most: int = MOST_POINTS) -> Line:
    """A line of a value a tick; of more than `most`, stretches keep their least and largest."""
    if len(values) <= most:
        return Line(step_s=tick_s, from_s=tick_s, values=values)
    size = math.ceil(2 * len(values) / most)
    rows = math.ceil(len(values) / size)
    padded = np.full(rows * size, math.nan)
    padded[: len(values)] = values
    table = padded.reshape(rows, size)
    nothing = np.isnan(table)
    least = np.where(nothing, math.inf, table).argmin(axis=1)
    largest = np.where(nothing, -math.inf, table).argmax(axis=1)
    places = np.arange(rows)
    first, second = np.minimum(least, largest), np.maximum(least, largest)
    both = np.stack([table[places, first], table[places, second]], axis=1).reshape(-1)
    return Line(step_s=size * tick_s / 2.0, from_s=size * tick_s / 4.0, values=both)


def _rounded(values: Column) -> Column:
    with np.errstate(divide="ignore", invalid="ignore"):
        exponent = np.floor(np.log10(np.abs(values)))
    exponent = np.where(np.isfinite(exponent), exponent, 0.0)
    scale = 10.0 ** (_DIGITS - 1 - exponent)
    found: Column = np.round(values * scale) / scale
    return found
