"""A probe: serve a share of the requests in a milder mode, judge it, widen it to the whole.

The share is what brings a verdict in about a minute. What holds for a small share need not hold for
a larger one, so each share is judged anew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from ..modes import MODES, Mode
from ..policy import Policy
from ..rules import shown
from ..signals import LATENCIES, Bound, Signals, describe
from ..windows import FINISHED, NANO, TOKENS
from .evidence import verdict
from .felt import Round
from .standards import allowed, counted, sample, spent, told

__all__ = ["Outcome", "Probe", "first_share"]

REQUESTS, WITHIN_S = 15.0, 60.0
"""A probe's share is what brings so many requests in so long."""
LEAST_SHARE = 0.02
WIDER = 4.0
ENTERED_AT = 0.5
"""A share from which on the target is entered."""
SCARCE_PER_S = 0.2
"""Below this rate a probe is served everything, above it at most half to begin with."""
LEAST_PROBED = 12
"""Requests that a probe takes where no rule counts requests."""
EXPECTED, LEAST_PER_S = 10.0, 0.001
"""A probe waits for so many requests before it gives up; where none are let in, as if few came."""
LEAST_PAID = 10
"""Attempts that what a target costs is projected from."""
COST_SPREAD = 2.2
"""Mean square of a request's cost over the square of its mean (exponential: 2)."""

FIELDS = ("target", "since", "share", "first", "patience", "heard", "begun", "tried")


def first_share(per_s: float) -> float:
    """The share a probe begins with at so many requests a second."""
    share = max(LEAST_SHARE, REQUESTS / (WITHIN_S * max(per_s, 1e-9)))
    if share <= ENTERED_AT:
        return share
    return ENTERED_AT if per_s > SCARCE_PER_S else 1.0


class Outcome(NamedTuple):
    """What came of a share.

    Attributes:
        well: whether the target is.
        texts: why, for a person.
    """

    well: bool
    texts: tuple[str, ...]


class Probe:
    """The probe under way, if any.

    Attributes:
        target: the mode that is tried; None: there is no probe.
        since: the tick it began at.
        share: of the requests.
        first: the share it began with.
        patience: ticks in which ten requests would be served in the target.
        heard: the tick of the last request begun in the target.
        begun: requests begun under the present share, up to each tick since it is served.
        tried: bad and all requests under it, by rule.
    """

    __slots__ = (*FIELDS, "_policy", "_signals")

    def __init__(self, policy: Policy, signals: Signals) -> None:
        self._policy = policy
        self._signals = signals
        self.target: Mode | None = None
        self.since = self.patience = self.heard = 0
        self.begun = [0]
        self.share = self.first = 0.0
        self.tried: list[list[int]] = []

    def begin(self, tick: int, target: Mode, per_s: float) -> None:
        """Try a mode, of so many requests a second."""
        self.target, self.since, self.first = target, tick, first_share(per_s)
        self.patience = self._signals.ticks(EXPECTED / max(self.first * per_s, LEAST_PER_S))
        self._serve(tick, self.first)

    def widen(self, tick: int) -> None:
        """Serve a larger share, and begin to count."""
        self._serve(tick, min(1.0, WIDER * self.share))

    def _serve(self, tick: int, share: float) -> None:
        self.share, self.heard, self.begun = share, tick, [0]
        self.tried = [[0, 0] for _ in self._policy.rules]

    @property
    def whole(self) -> bool:
        """Whether the share is one from which the target is entered."""
        return self.share >= ENTERED_AT

    def hear(self, tick: int, seen: Round | None) -> int:
        """Count what began in the target, once a tick; the ticks since anything did."""
        begun = 0 if seen is None else seen.begun
        self.begun.append(self.begun[-1] + begun)
        if begun:
            self.heard = tick
        return tick - self.heard

    def weigh(
        self, target: Mode, tests: tuple[tuple[int, Bound], ...], seen: Round | None, per_s: float
    ) -> Outcome | None:
        """Judge the present share; None: not known yet.

        Args:
            target: the mode that is tried.
            tests: the rules it is left by, with their numbers.
            seen: what its users felt in this tick.
            per_s: requests a second, in all modes.
        """
        well = True
        most = 0
        texts: list[str] = []
        for number, bound in tests:
            if counted(bound):
                k, n = self._add(number, bound, seen)
                found = verdict(k, n, allowed(bound))
                if found is False:
                    return Outcome(False, (told(bound, k, n),))
                ripe = max(k, min(n, self._ripe(bound)))
                well = well and verdict(k, ripe, allowed(bound)) is True
                most = max(most, n)
                texts.append(told(bound, k, n))
            elif spent(bound):
                paid = self._signals.ledger.since(target, self.since)[FINISHED] >= LEAST_PAID
                too_much = self._too_much(number, target, per_s) if paid else None
                if too_much is not None:
                    return Outcome(False, (too_much,))
                well = well and paid
            else:
                broken = self._broken(bound, target)
                if broken is not None:
                    return Outcome(False, (broken,))
        if most == 0:
            well = well and self.begun[-1] >= LEAST_PROBED
        return Outcome(True, tuple(texts)) if well else None

    def _add(self, number: int, bound: Bound, seen: Round | None) -> tuple[int, int]:
        counts = self.tried[number]
        if seen is not None:
            k, n = sample(bound, seen)
            counts[0] += k
            counts[1] += n
        return counts[0], counts[1]

    def _ripe(self, bound: Bound) -> int:
        """Requests that began long enough ago to be late: the others may yet be.

        Not all that are decided: of those that began just now the quick ones are answered first,
        and would speak for the slow ones.
        """
        ripens = 0
        if bound.rule.signal in LATENCIES:
            ripens = math.ceil(bound.threshold / self._policy.tick_s)
        return self.begun[-1 - ripens] if ripens < len(self.begun) else 0

    def _too_much(self, number: int, target: Mode, per_s: float) -> str | None:
        """What all requests would cost if they were served as the target's were, if too much.

        By requests and not by attempts: those that failed and were followed by another cost too.
        """
        signals = self._signals
        bound = signals.exits[number]
        signal = bound.rule.signal
        counts = signals.ledger.since(target, self.since)
        n = counts[FINISHED]
        if signal == "token_cost_per_hour":
            value = counts[NANO] / 1e9 * per_s / n * 3600.0
        else:
            value = counts[TOKENS] * per_s / n * 60.0
        if value <= bound.threshold * (1.0 + math.sqrt(COST_SPREAD / n)):
            return None
        return f"{signal} would be {shown(value, signal)} > {shown(bound.threshold, signal)}"

    def _broken(self, bound: Bound, target: Mode) -> str | None:
        """A rule that is taken literally, if the target breaks it."""
        signals, settings = self._signals, self._policy.ladder
        since = self.since
        if not signals.judge(bound, target, since, z=settings.z, min_samples=settings.min_samples):
            return None
        return describe(bound, signals.measure(bound, target, since, since), lasting=False)

    def state(self) -> dict[str, object]:
        """Plain values."""
        values = {name: getattr(self, name) for name in FIELDS}
        return values | {
            "begun": list(self.begun),
            "tried": [list(counts) for counts in self.tried],
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """Take back what `state` gave."""
        for name in FIELDS:
            setattr(self, name, state[name])
        self.target = None if self.target is None else MODES[self.target]
        self.begun = list(self.begun)
        self.tried = [list(counts) for counts in self.tried]
