"""Signals: what the rules of a policy watch, judged from counts.

"P95 above L" is the same as "more than 5 % of the samples are above L", so a quantile rule
is judged by counting, exactly, and never by estimating a quantile. With k of n samples bad
and a share q allowed, a signal is in breach when

    k > q n + z sqrt(n q (1 - q))

(z standard deviations of the binomial above its mean). Too few samples is no verdict:
neither a breach nor proof of health.

The default law asks the same of requests instead, each counted once (`laws.felt`), by a sequential
test (`laws.evidence`), unless a rule is to hold for a span of time; see `laws.watch`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .histogram import EMPTY, Histogram, edge_s, merge, snap
from .modes import MODES, Mode
from .observations import Observations
from .policy import SIGNALS, Policy, Rule
from .rules import SPEND_WINDOW_S, shown
from .windows import (
    ALL,
    CUTS,
    FAILED,
    FINISHED,
    FIRST_TOKENS,
    NANO,
    OFFERED,
    QUOTA,
    STARTED,
    TIMED,
    TOKENS,
    Row,
    Windows,
)

__all__ = ["Bound", "Measurement", "Signals", "breach", "describe", "latency_cuts"]

QUANTILES = {"latency_p50": 0.50, "latency_p95": 0.95, "latency_p99": 0.99, "ttft_p95": 0.95}
LATENCIES = ("latency_p50", "latency_p95", "latency_p99")
SPENT = "spend_10m"
"""What was billed in the last ten minutes in all modes: money that is gone, whoever spent it."""
SPENDING = ("token_cost_per_hour", "tokens_per_minute", SPENT)
"""Signals that a brownout lowers by itself, so that only a projection can end one."""
ERRORS = ("error_rate", "burn_rate")
"""Signals of upstream errors, which shedding does not answer."""
GAUGES = ("queue_depth", "memory")


def breach(k: int, n: int, share: float, z: float, min_samples: int) -> bool | None:
    """Whether k of n samples being bad exceeds a share by z standard deviations.

    None: too few samples to say.
    """
    if n < min_samples:
        return None
    mean = share * n
    return k > mean and k > mean + z * math.sqrt(mean * (1.0 - share))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One side of a rule: its entry threshold, or its exit threshold.

    Attributes:
        rule: the rule.
        threshold: in the signal's unit; of a latency, the snapped edge.
        cut: of a latency or first-token rule, the edge's index.
        column: of the same, the windows' column of samples above it.
    """

    rule: Rule
    threshold: float
    cut: int = 0
    column: int = 0
    window_ticks: int
    short_ticks: int
    sustained_ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A signal's value, for a person.

    Attributes:
        value: in the signal's unit; None when nothing was seen.
        k, n: samples beyond the threshold, and all; 0 where samples are not counted.
    """

    value: float | None
    k: int = 0
    n: int = 0


LONGEST_LAW_WINDOW_S = 120.0
"""Longest window that a law asks for by itself."""


class Signals:
    """Judges the rules of a policy on what its windows hold.

    `entry` and `exits` are the two bounds of each rule, in the policy's order; `seen` is the tick
    that was taken in last.
    """

    __slots__ = (
        "_aged",
        "_ages",
        "_tick_s",
        "entry",
        "exits",
        "seen",
        "windows",
    )

    def __init__(self, policy: Policy) -> None:
        self._tick_s = policy.tick_s
        both = _both(policy)
        cuts = latency_cuts(policy)
        ttft_cuts = _cuts(both, ("ttft_p95",))
        columns = {("latency", cut): CUTS + i for i, cut in enumerate(cuts)}
        columns |= {("ttft", cut): CUTS + len(cuts) + i for i, cut in enumerate(ttft_cuts)}
        self.entry = tuple(self._bound(rule, 1.0, columns) for rule in policy.rules)
        self.exits = tuple(self._bound(rule, policy.ladder.exit, columns) for rule in policy.rules)
        windows = [bound.window_ticks for bound in self.entry]
        latencies = [b.window_ticks for b in self.entry if b.rule.signal in LATENCIES]
        hold = math.ceil(policy.ladder.hold_s * policy.ladder.multiplier_max / policy.tick_s)
        self.windows = Windows(
            max([hold, self.ticks(LONGEST_LAW_WINDOW_S), *windows]),
            max([self.ticks(60.0), *latencies]),
            cuts,
            ttft_cuts,
        )
        # Of this tick, once somebody asks.
        self._ages: dict[Mode, Histogram] | None = None
        self._aged: dict[tuple[int, int], Row] = {}
        self.seen = Observations(-1)

    def ticks(self, seconds: float) -> int:
        """Seconds as whole ticks, at least one."""
        return max(1, round(seconds / self._tick_s))

    def _bound(self, rule: Rule, ratio: float, columns: dict[tuple[str, int], int]) -> Bound:
        threshold, cut, column = rule.threshold * ratio, 0, 0
        if SIGNALS[rule.signal] == "seconds":
            cut = snap(threshold)
            threshold = edge_s(cut)
            column = columns["ttft" if rule.signal == "ttft_p95" else "latency", cut]
        short = rule.short_window_s if rule.short_window_s is not None else rule.window_s / 12
        return Bound(
            rule=rule,
            threshold=threshold,
            cut=cut,
            column=column,
            window_ticks=self.ticks(rule.window_s),
            short_ticks=self.ticks(short),
            sustained_ticks=round(rule.sustained_s / self._tick_s),
        )

    def observe(self, observations: Observations) -> None:
        """Take in the next tick."""
        self.seen = observations
        self.windows.add(observations)
        self._aged.clear()
        self._ages = None

    def _in_flight(self) -> dict[Mode, Histogram]:
        """Ages of the calls in flight, by mode."""
        ages = self._ages
        if ages is None:
            ages = self._ages = {}
            for entry in self.seen.served:
                if entry.ages:
                    mode = entry.mode
                    ages[mode] = merge((ages[mode], entry.ages)) if mode in ages else entry.ages
        return ages

    def aged(self, row: int, since: int) -> Row:
        """Calls in flight older than each latency cut that were started after tick `since`.

        An old call is a lower bound of a latency: a hang finishes nothing, so without these
        it would not be seen.
        """
        found = self._aged.get((row, since))
        if found is None:
            cuts = self.windows.latency_cuts
            # All modes together is the view of those who do not look at calls in flight.
            ages = self._in_flight().get(MODES[row], EMPTY) if row != ALL else EMPTY
            found = ages.above(cuts)
            before = snap((self.windows.tick - since) * self._tick_s)
            if ages.highest >= before:
                earlier = ages.above((before,))[0]
                found = tuple([max(0, count - earlier) for count in found])
            self._aged[row, since] = found
        return found

    def samples(self, row: int, since: int) -> int:
        """Attempts finished after tick `since`, or in flight beyond the lowest cut."""
        aged = self.aged(row, since)
        return self.windows.since(row, since)[FINISHED] + (aged[0] if aged else 0)

    def starts_per_s(self) -> float:
        """Attempts started a second in all modes, over the last minute."""
        ticks = self.ticks(60.0)
        return self._rate(self.windows.since(ALL, self.windows.tick - ticks)[STARTED], ticks)

    def offered_per_s(self) -> float:
        """Requests offered a second, over the last minute."""
        ticks = self.ticks(60.0)
        return self._rate(sum(self.offered_since(self.windows.tick - ticks)), ticks)

    def _rate(self, count: int, ticks: int) -> float:
        return max(0, count) / (ticks * self._tick_s)

    def offered_since(self, since: int) -> Row:
        """Requests offered after tick `since`, by priority, but for those that are unjudged."""
        low, normal, high = self.windows.since(ALL, since)[OFFERED]
        return max(0, low), max(0, normal), max(0, high)

    def in_flight(self) -> int:
        """Calls in flight now."""
        return self.seen.in_flight

    def mostly_quota(self, row: int, since: int) -> bool:
        """Whether most failures after tick `since` are 429s, the one error that is load."""
        counts = self.windows.since(row, since)
        return 2 * counts[QUOTA] > counts[FAILED]

    def evidence(self, bound: Bound, row: int, since: int, start: int) -> tuple[int, int, float]:
        """Samples beyond a bound, all samples, and the share of them that may be beyond it.

        Args:
            bound: of a latency, first-token or error signal.
            row: whose evidence.
            since: calls in flight count when they were started after this tick.
            start: finished ones count when they finished after this tick.
        """
        counts = self.windows.since(row, start)
        rule = bound.rule
        if rule.signal in LATENCIES:
            aged = self.aged(row, since)
            k, n = counts[bound.column] + aged[bound.column - CUTS], counts[TIMED] + aged[0]
            return k, n, 1.0 - QUANTILES[rule.signal]
        if rule.signal == "ttft_p95":
            return counts[bound.column], counts[FIRST_TOKENS], 1.0 - QUANTILES[rule.signal]
        share = bound.threshold
        if rule.objective is not None:
            share *= 1.0 - rule.objective
        return counts[FAILED], counts[FINISHED], share

    def judge(
        self, bound: Bound, row: int, since: int, *, z: float, min_samples: int
    ) -> bool | None:
        """Whether a signal of a mode (or of `ALL`) is beyond a bound.

        Args:
            bound: which signal, and the threshold.
            row: whose evidence.
            since: evidence starts after this tick; the bound's window may shorten it.
            z, min_samples: see `breach`.
        """
        signal = bound.rule.signal
        if signal in GAUGES:
            return self._gauge(signal) > bound.threshold
        tick = self.windows.tick
        if signal == SPENT:
            return self._spent_usd(bound) > bound.threshold
        start = max(since, tick - bound.window_ticks)
        if signal in SPENDING:
            counts = self.windows.since(row, start)
            if counts[FINISHED] < min_samples:
                return None
            return self._spending(signal, counts, bound.window_ticks) > bound.threshold
        verdict = breach(*self.evidence(bound, row, since, start), z, min_samples)
        if verdict and signal == "burn_rate":
            # Both windows must burn: the short one ends the alarm soon after the fault does.
            short = max(since, tick - bound.short_ticks)
            verdict = breach(*self.evidence(bound, row, since, short), z, min_samples)
        return verdict

    def _gauge(self, signal: str) -> float:
        return self.seen.waiting if signal == "queue_depth" else self.seen.memory_ppm / 1e6

    def _spent_usd(self, bound: Bound) -> float:
        """Dollars settled in a bound's window, in all modes and whenever they were entered."""
        windows = self.windows
        return windows.since(ALL, windows.tick - bound.window_ticks)[NANO] / 1e9

    def _spending(self, signal: str, counts: Row, window_ticks: int) -> float:
        """Mean settled per attempt of the row, times the attempts started in all modes."""
        windows = self.windows
        started = windows.since(ALL, windows.tick - window_ticks)[STARTED]
        per_s = self._rate(started, window_ticks) / counts[FINISHED]
        if signal == "token_cost_per_hour":
            return counts[NANO] / 1e9 * per_s * 3600.0
        if signal == SPENT:
            return counts[NANO] / 1e9 * per_s * SPEND_WINDOW_S
        return counts[TOKENS] * per_s * 60.0

    def measure(self, bound: Bound, row: int, since: int, start: int) -> Measurement:
        """The signal's value, for a person; the exact quantile is computed here only."""
        signal = bound.rule.signal
        windows = self.windows
        if signal in GAUGES:
            return Measurement(value=self._gauge(signal))
        if signal == SPENT:
            return Measurement(value=self._spent_usd(bound))
        if signal in SPENDING:
            counts = windows.since(row, start)
            value = self._spending(signal, counts, bound.window_ticks) if counts[FINISHED] else None
            return Measurement(value=value, n=counts[FINISHED])
        k, n, share = self.evidence(bound, row, since, start)
        if signal in LATENCIES:
            seen = merge((windows.latency(row, start), self._old(row, since)))
            return Measurement(value=seen.quantile(1.0 - share) if seen else None, k=k, n=n)
        if signal == "ttft_p95" or n == 0:
            return Measurement(value=None, k=k, n=n)
        return Measurement(value=k / n * (bound.threshold / share), k=k, n=n)

    def _old(self, row: int, since: int) -> Histogram:
        """Ages that `aged` counts, as a histogram."""
        if not any(self.aged(row, since)):
            return EMPTY
        low = self.windows.latency_cuts[0]
        high = snap((self.windows.tick - since) * self._tick_s)
        counts = self._in_flight()[MODES[row]].counts()
        return Histogram.from_counts({i: c for i, c in counts.items() if low <= i < high})

    def projected(self, bound: Bound, row: int, since: int) -> float | None:
        """What a spending signal would be if all traffic were served as `row` was."""
        counts = self.windows.since(row, since)
        if counts[FINISHED] == 0:
            return None
        return self._spending(bound.rule.signal, counts, bound.window_ticks)


def latency_cuts(policy: Policy) -> tuple[int, ...]:
    """The bucket edges above which a policy's rules count latencies, ascending."""
    return _cuts(_both(policy), LATENCIES)


def _both(policy: Policy) -> list[tuple[Rule, float]]:
    """Each rule, by its entry threshold and by its exit threshold."""
    return [(rule, ratio) for rule in policy.rules for ratio in (1.0, policy.ladder.exit)]


def _cuts(both: list[tuple[Rule, float]], signals: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(sorted({snap(r.threshold * ratio) for r, ratio in both if r.signal in signals}))


def describe(bound: Bound, measured: Measurement, *, lasting: bool = True, ok: bool = False) -> str:
    """A signal against its bound, for a person: "latency_p95 6.2 s > 5 s over 2m".

    Args:
        bound: what it was held against.
        measured: what was seen.
        lasting: whether to name the window.
        ok: the bound was kept.
    """
    rule = bound.rule
    threshold = shown(bound.threshold, rule.signal)
    if ok and measured.n and rule.signal not in SPENDING:
        # Of a small round the counts say more than a quantile or a share would.
        what = "failed" if rule.signal in ERRORS else f"above {threshold}"
        return f"{rule.signal}: {measured.k} of {measured.n} {what}"
    if measured.value is None:
        seen = f"{measured.k} of {measured.n} samples" if measured.n else "nothing seen"
    else:
        seen = shown(measured.value, rule.signal)
    text = f"{rule.signal} {seen} {'within' if ok else '>'} {threshold}"
    if lasting and rule.signal not in GAUGES:
        text += f" over {_span(rule.window_s)}"
    if lasting and rule.sustained_s:
        text += f", for {_span(rule.sustained_s)}"
    return text


def _span(seconds: float) -> str:
    for size, name in ((3600.0, "h"), (60.0, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{name}"
    return f"{seconds:g}s"
