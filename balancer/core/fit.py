"""Whether a policy fits its traffic: which thresholds healthy traffic crosses, and which would fit.

Healthy is what normal mode's ordinary stretches hold (`stretches`). Of a threshold it is asked
whether they cross it, and whether it is so far away that a fault would not. A threshold *fits* when

- of a quantile: fewer than half of the share that it allows were above it, with 95 % confidence;
  no ordinary stretch was in breach of it by three standard deviations; and the quantile itself
  keeps its exit threshold;
- of failures: at least 2 %, twice their share by its upper 95 % bound, and in breach in no stretch;
- of spending: its exit threshold is a fifth above the ordinary stretch in which most was spent.

In each of them a tenth of the ordinary stretches, and one at least, may be otherwise: an incident's
edges are in stretches that are half ordinary.

Gauges (queue depth, memory) are no matter of samples, and are not judged.

What is counted is what the policy's law counts (`samples`).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from .histogram import MAX_INDEX, MIN_INDEX, edge_s
from .observations import Observations
from .policy import Policy, Rule
from .pricing import NANO_USD
from .rules import SIGNALS, SPEND_WINDOW_S, shown
from .samples import allowed, by_requests, sample, value
from .signals import ERRORS, GAUGES, QUANTILES, SPENDING, SPENT, breach
from .stretches import CALLS, DEVIATIONS, LENGTH_S, Stretch, Stretches, ordinary, total

__all__ = ["Finding", "Monitor", "Traffic", "findings", "fitted"]

LEAST_S = 3600.0
"""Least time that is judged."""
LEAST_STRETCHES = 4
"""Least ordinary stretches: an incident needs others to differ from, and their 240 calls are twice
what it takes to say that fewer than half of 5 % are above a threshold."""
KEPT = 24
"""Stretches that a running controller looks back on: two hours, or as many as calls allow."""

Z = 1.64
"""Standard deviations of a confidence of 95 %, one-sided."""
FEW = 10
"""One stretch in so many, and one at least, is let pass."""
LEAST_SHARE = 0.02
ROOM = 1.2

SLOWER, DEARER, FAILING = 5.0, 3.0, 0.4
"""Faults that every policy should see: answers that many times as slow, spending that many times
as high, that share failing."""
_UNSEEN = {
    **dict.fromkeys(QUANTILES, "answers five times as slow"),
    **dict.fromkeys(SPENDING, "three times as much"),
    **dict.fromkeys(ERRORS, "four failures in ten"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A threshold that does not fit.

    Attributes:
        rule: whose.
        loose: whether a fault would not reach it; else healthy traffic crosses it.
        seen: the signal where nothing is wrong, in its unit.
        fits: threshold that would fit; None where there is too little evidence to say.
    """

    rule: Rule
    loose: bool
    seen: float
    fits: float | None

    @property
    def text(self) -> str:
        """For a person, one sentence without its full stop."""
        rule = self.rule
        seen, threshold = shown(self.seen, rule.signal), shown(rule.threshold, rule.signal)
        text = f"{rule.signal} is {seen} where nothing is wrong, "
        if self.loose:
            text += f"{_UNSEEN[rule.signal]} would not reach the threshold of {rule.level.label}, "
            text += threshold
        else:
            text += f"the threshold of {rule.level.label} is {threshold}"
        if self.fits is None:
            return f"{text}; there is too little evidence to say what would fit"
        return f"{text}; {shown(self.fits, rule.signal)} would fit"


class Traffic:
    """What a policy's thresholds are held against.

    Args:
        stretches: of normal mode.
        policy: under which they were served, for its ticks; thresholds are another matter.

    Attributes:
        parts: the ordinary stretches.
        whole: all of them as one.
        stretches: how many there were, ordinary or not.
        seconds: that the ordinary ones took.
    """

    __slots__ = ("_few", "_fits", "_tick_s", "parts", "seconds", "stretches", "whole")

    def __init__(self, stretches: Sequence[Stretch], policy: Policy) -> None:
        self.parts = ordinary(stretches)
        self.whole = total([Stretch(), *self.parts])
        self.stretches = len(stretches)
        self.seconds = self.whole.ticks * policy.tick_s
        self._few = max(1, len(self.parts) // FEW)
        self._tick_s = policy.tick_s
        self._fits: dict[tuple[object, ...], float | None] = {}

    @property
    def missing(self) -> str:
        """What keeps it from being judged, or ""."""
        if 2 * len(self.parts) < self.stretches:
            return (
                f"no steady traffic: only {len(self.parts)} of {self.stretches} stretches are like "
                "the median one, expected at least half; leave out what was an incident"
            )
        if self.seconds < LEAST_S or len(self.parts) < LEAST_STRETCHES:
            return (
                f"too little evidence: {self.whole.finished:,} finished calls of normal mode in "
                f"{self.seconds / 3600.0:.1f} hours; expected at least {LEAST_STRETCHES} stretches "
                f"of {LENGTH_S / 60.0:g} minutes and {CALLS} calls each, and an hour in all, so "
                "that an incident has something to differ from"
            )
        return ""

    def samples(self, rule: Rule, policy: Policy) -> int:
        """Requests, calls or first tokens that a rule counts."""
        return sample(rule, policy, self.whole)[1]

    def sees(self, rule: Rule, policy: Policy) -> bool:
        """Whether there is anything of a rule's signal."""
        if rule.signal in SPENDING:
            return self._highest(rule.signal) > 0.0
        return rule.signal not in GAUGES and self.samples(rule, policy) > 0

    def level(self, rule: Rule, policy: Policy) -> float:
        """A rule's signal where nothing is wrong; of spending, the highest but for a few."""
        if rule.signal in SPENDING:
            return self._highest(rule.signal)
        return value(rule, policy, self.whole)

    def crosses(self, rule: Rule, policy: Policy) -> float | None:
        """The signal, where healthy traffic crosses a threshold: in all, or where it does most."""
        whole = self._above(rule, policy, self.whole, Z)
        if whole is not None:
            return whole
        each = [self._above(rule, policy, part, DEVIATIONS) for part in self.parts]
        above = sorted(value for value in each if value is not None)
        return above[-1 - self._few] if len(above) > self._few else None

    def _above(self, rule: Rule, policy: Policy, part: Stretch, z: float) -> float | None:
        """The signal in a stretch, where it is above a threshold by z standard deviations."""
        if rule.signal in SPENDING:
            mean, deviation = self._spent(rule.signal, part)
            return mean if mean > rule.threshold + z * deviation else None
        k, n, share = sample(rule, policy, part)
        return value(rule, policy, part) if breach(k, n, share, z, 1) else None

    def unseen(self, rule: Rule, policy: Policy) -> bool:
        """Whether a fault that every policy should see would not reach a threshold."""
        if rule.signal in SPENDING:
            return self.level(rule, policy) * DEARER < rule.threshold
        if rule.signal in QUANTILES:
            rule = replace(rule, threshold=rule.threshold / SLOWER)
            k, n, share = sample(rule, policy, self.whole)
            return k <= share * n
        return allowed(rule) >= FAILING

    def fits(self, rule: Rule, policy: Policy) -> float | None:
        """Least threshold of a rule's signal that fits, rounded up to two figures."""
        key = (rule.signal, rule.objective, by_requests(rule, policy), policy.ladder.exit)
        if key not in self._fits:
            self._fits[key] = self._least(rule, policy)
        return self._fits[key]

    def _least(self, rule: Rule, policy: Policy) -> float | None:
        if rule.signal in SPENDING:
            return _up(self.level(rule, policy) * ROOM / policy.ladder.exit, 2)
        if rule.signal in QUANTILES:
            return self._least_duration(rule, policy)
        samples = [sample(rule, policy, part)[:2] for part in self.parts]
        least = sorted(_wilson(k, n, -DEVIATIONS) for k, n in samples)[-1 - self._few]
        k, n, _ = sample(rule, policy, self.whole)
        share = min(0.9, max(LEAST_SHARE, 2.0 * _wilson(k, n, Z), least))
        return _up(share / (1.0 - (rule.objective or 0.0)), 2)

    def _least_duration(self, rule: Rule, policy: Policy) -> float | None:
        exits = policy.ladder.exit

        def fits(cut: int) -> bool:
            at = replace(rule, threshold=edge_s(cut))
            k, n, share = sample(at, policy, self.whole)
            half = n * share / 2.0
            if k > half - Z * math.sqrt(half * (1.0 - share / 2.0)):
                return False
            leaving = replace(rule, threshold=edge_s(cut) * exits)
            if breach(*sample(leaving, policy, self.whole), 0.0, 1):
                return False
            above = (breach(*sample(at, policy, part), DEVIATIONS, 1) for part in self.parts)
            return sum(map(bool, above)) <= self._few

        cut = bisect_left(range(MIN_INDEX, MAX_INDEX + 1), True, key=fits) + MIN_INDEX
        # Where so few calls are above every edge, there are too few of them.
        return _up(edge_s(cut), 2) if cut <= MAX_INDEX else None

    def _highest(self, signal: str) -> float:
        """A signal of spending in the stretch where it is highest, but for a few."""
        return sorted(self._spent(signal, part)[0] for part in self.parts)[-1 - self._few]

    def _spent(self, signal: str, part: Stretch) -> tuple[float, float]:
        """What a signal of spending was in a stretch, and a standard deviation of that."""
        if signal == "token_cost_per_hour":
            scale, amount, squared = 3600.0 / NANO_USD, part.nano_usd, part.nano_squared
        elif signal == SPENT:
            scale, amount, squared = SPEND_WINDOW_S / NANO_USD, part.nano_usd, part.nano_squared
        else:
            scale, amount, squared = 60.0, part.tokens, part.tokens_squared
        scale /= self._tick_s
        return part.per_tick(amount) * scale, part.deviation(squared) * scale


def findings(policy: Policy, traffic: Traffic) -> tuple[Finding, ...]:
    """The thresholds of a policy that do not fit; none where there is too little evidence.

    Of each signal the lowest threshold may be too loose; worse modes are meant to be far.
    """
    if traffic.missing:
        return ()
    found = []
    for lowest, rules in _by_signal(policy, traffic):
        for rule in rules:
            seen = traffic.crosses(rule, policy)
            if seen is not None:
                fits = _scaled(rule, lowest, traffic.fits(lowest, policy))
                found.append(Finding(rule=rule, loose=False, seen=seen, fits=fits))
        fits = traffic.fits(lowest, policy) if traffic.unseen(lowest, policy) else None
        if fits is not None and fits < lowest.threshold:
            seen = traffic.level(lowest, policy)
            found.append(Finding(rule=lowest, loose=True, seen=seen, fits=fits))
    return tuple(found)


def fitted(policy: Policy, traffic: Traffic) -> Mapping[str, float]:
    """Thresholds that fit, by the names of their rules; a signal's keep their ratios.

    Those of failures are left as they are where they fit: how many are borne is no matter of
    traffic. So are those of signals that were not seen, and of gauges.

    Raises:
        ValueError: too little evidence for a quantile; the message says how much is needed.
    """
    found: dict[str, float] = {}
    wrong = {finding.rule.name for finding in findings(policy, traffic)}
    for lowest, rules in _by_signal(policy, traffic):
        if lowest.signal in ERRORS and wrong.isdisjoint(rule.name for rule in rules):
            continue
        fits = traffic.fits(lowest, policy)
        if fits is None:
            half = (1.0 - QUANTILES[lowest.signal]) / 2.0
            raise ValueError(
                f"too little evidence for {lowest.signal}: {traffic.samples(lowest, policy):,} "
                f"samples in normal mode, expected {math.ceil(Z * Z * (1.0 - half) / half):,} or "
                f"more to say that {half:.1%} are above a threshold"
            )
        for rule in rules:
            found[rule.name] = _scaled(rule, lowest, fits) or fits
    return found


class Monitor:
    """Watches, while a controller runs, whether its policy fits. Decides nothing.

    Args:
        policy: the controller's.
    """

    __slots__ = ("_findings", "_policy", "_stretches")

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._stretches = Stretches(policy, KEPT)
        self._findings: tuple[Finding, ...] | None = ()

    def observe(self, observations: Observations) -> None:
        """Take in a tick."""
        if self._stretches.observe(observations):
            self._findings = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Thresholds that healthy traffic crosses, by the last two hours or more.

        Worked out when asked for, once a stretch.
        """
        if self._findings is None:
            found = findings(self._policy, Traffic(self._stretches.closed, self._policy))
            self._findings = tuple(finding for finding in found if not finding.loose)
        return self._findings

    def state(self) -> dict[str, object]:
        """Plain values."""
        return self._stretches.state()

    def restore(self, state: dict[str, object]) -> None:
        """Take back what `state` gave, under this policy or another."""
        self._stretches.restore(state)
        self._findings = None


def _by_signal(policy: Policy, traffic: Traffic) -> Iterator[tuple[Rule, list[Rule]]]:
    """Rules of each signal that was seen, and the one of them with the lowest threshold."""
    groups: dict[tuple[object, ...], list[Rule]] = {}
    for rule in policy.rules:
        if traffic.sees(rule, policy):
            groups.setdefault((rule.signal, rule.objective), []).append(rule)
    for group in groups.values():
        yield min(group, key=lambda rule: rule.threshold), group


def _scaled(rule: Rule, lowest: Rule, fits: float | None) -> float | None:
    """A rule's threshold where the lowest of its signal is `fits`.

    Shares keep the ratio of their odds, so that none of them passes 1.
    """
    if fits is None or rule.threshold == lowest.threshold:
        return fits
    if SIGNALS[rule.signal] not in {"share", "times"}:
        return _up(fits * rule.threshold / lowest.threshold, 3)
    unit = 1.0 - (rule.objective or 0.0)
    odds = _odds(fits * unit) * _odds(allowed(rule)) / _odds(allowed(lowest))
    return _up(odds / (1.0 + odds) / unit, 3)


def _odds(share: float) -> float:
    return share / (1.0 - share)


def _wilson(k: int, n: int, z: float) -> float:
    """Bound of a share, z standard deviations above it, below it for z < 0 (Wilson, 1927)."""
    n = max(1, n)
    p, zz = k / n, z * z / n
    root = math.sqrt(p * (1.0 - p) / n + zz / (4.0 * n))
    return (p + zz / 2.0 + z * root) / (1.0 + zz)


def _up(value: float, figures: int) -> float:
    """The next value with so many figures, not below."""
    digits = figures - 1 - math.floor(math.log10(value))
    # Through text, so that 0.3 stays 0.3 and 1.1000000000000001 is 1.1.
    scaled = round(value * 10.0**digits, 6)
    return float(f"{math.ceil(scaled)}e{-digits}")
