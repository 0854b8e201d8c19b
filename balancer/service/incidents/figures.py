"""What a journal says of an episode: before, during and after, added up in one pass."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ...core.histogram import EMPTY, Histogram, merge
from ...core.incidents import Incident
from ...core.modes import Mode
from ...core.observations import FAILURES, Alert, ModeObservations
from ...core.policy import BudgetLimit
from .journal_window import Line

__all__ = ["AROUND_S", "Crossing", "Figures", "Heard", "Phase", "figures"]

AROUND_S = 600.0
"""How long before and after an episode is looked at, for comparison."""
MOST_TICKS = 200_000
"""Most ticks of an episode that are added up: more than two days of seconds."""
_MOST_ALERTS = 500
_MOST_CROSSINGS = 100
_MERGE_AT = 256


@dataclass(slots=True)
class Phase:
    """Counts of a stretch of time.

    Attributes:
        seconds: scenario seconds that the journal has of it.
        offered, admitted, shed, fallback: requests, low priority first.
        started, answers: attempts started, and those that gave a complete answer.
        failures: failed attempts, in the order of `FAILURES`.
        unjudged: requests that ended by another's fault than the upstream's.
        latency: of answers and timeouts.
        nano_usd: settled.
        finished, spent: attempts and nano-dollars by mode.
    """

    seconds: float = 0.0
    offered: list[int] = field(default_factory=lambda: [0, 0, 0])
    admitted: list[int] = field(default_factory=lambda: [0, 0, 0])
    shed: list[int] = field(default_factory=lambda: [0, 0, 0])
    fallback: list[int] = field(default_factory=lambda: [0, 0, 0])
    started: int = 0
    failures: list[int] = field(default_factory=lambda: [0] * len(FAILURES))
    unjudged: int = 0
    finished: list[int] = field(default_factory=lambda: [0] * len(Mode))
    spent: list[int] = field(default_factory=lambda: [0] * len(Mode))
    _latencies: list[Histogram] = field(default_factory=list)

    @property
    def answers(self) -> int:
        """Attempts that gave a complete answer."""
        return sum(self.finished) - sum(self.failures)

    @property
    def nano_usd(self) -> int:
        """Settled."""
        return sum(self.spent)

    @property
    def latency(self) -> Histogram:
        """Latency of answers and timeouts."""
        self._latencies = [merge(self._latencies)] if self._latencies else [EMPTY]
        return self._latencies[0]

    def add(self, line: Line) -> None:
        """Take in a tick."""
        observations = line.entry.observations
        self.seconds += line.ends_s - line.begins_s
        for total, row in (
            (self.offered, observations.offered),
            (self.admitted, observations.admitted),
            (self.shed, observations.shed),
            (self.fallback, observations.fallback),
        ):
            for priority, count in enumerate(row):
                total[priority] += count
        self.unjudged += sum(observations.unjudged)
        for entry in observations.served:
            self._add(entry)

    def _add(self, entry: ModeObservations) -> None:
        self.started += entry.started
        self.finished[entry.mode] += entry.finished
        self.spent[entry.mode] += entry.nano_usd
        for kind, count in enumerate(entry.failures):
            self.failures[kind] += count
        if entry.latency:
            self._latencies.append(entry.latency)
            if len(self._latencies) >= _MERGE_AT:
                self._latencies = [merge(self._latencies)]


@dataclass(slots=True, kw_only=True)
class Crossing:
    """A rule that was broken, and how far at worst.

    Attributes:
        rule: its name.
        first_s: when it first led to a mode, in scenario seconds.
        times: how often it did.
        value, threshold: at worst; in the signal's unit.
        text: the reason at worst.
    """

    rule: str
    first_s: float
    times: int
    value: float | None
    threshold: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Heard:
    """An alert from outside that came in.

    Attributes:
        at_s: scenario second.
        alert: what it said.
    """

    at_s: float
    alert: Alert


@dataclass(slots=True, kw_only=True)
class Figures:
    """What the journal has of an episode.

    Attributes:
        before, during, after: the ten minutes before, the episode from leaving normal to being
            back, and the ten minutes after.
        from_s, to_s: of the episode; scenario seconds.
        crossings: rules that led to a mode, in order.
        alerts: from outside.
        budgets: limits of the last policy.
        first_s: where the journal begins within the stretch; None: it has none of it.
        last_s: where it ends.
        speed: scenario seconds in a wall second.
        cut: whether the episode has more ticks than are added up.
    """

    from_s: float
    to_s: float
    before: Phase = field(default_factory=Phase)
    during: Phase = field(default_factory=Phase)
    after: Phase = field(default_factory=Phase)
    crossings: list[Crossing] = field(default_factory=list)
    alerts: list[Heard] = field(default_factory=list)
    budgets: tuple[BudgetLimit, ...] = ()
    first_s: float | None = None
    last_s: float | None = None
    speed: float = 1.0
    cut: bool = False

    def saved_nano_usd(self) -> float | None:
        """What degraded calls would have cost more at the mean cost of normal ones; an estimate.

        Normal ones are those of the ten minutes before and of the episode itself. None without.
        """
        count = self.before.finished[Mode.NORMAL] + self.during.finished[Mode.NORMAL]
        if count == 0:
            return None
        mean = (self.before.spent[Mode.NORMAL] + self.during.spent[Mode.NORMAL]) / count
        degraded = [mode for mode in Mode if mode is not Mode.NORMAL]
        return sum(self.during.finished[mode] * mean - self.during.spent[mode] for mode in degraded)


def figures(incident: Incident, to_s: float, lines: Iterable[Line]) -> Figures:
    """Add up an episode.

    Args:
        incident: the episode.
        to_s: its end; for one that goes on, now. Scenario seconds.
        lines: of the journal, from `AROUND_S` before to as long after.
    """
    drawn = Figures(from_s=incident.began_s, to_s=to_s)
    reasons: Sequence[object] = ()
    ticks = 0
    for line in lines:
        drawn.first_s = line.begins_s if drawn.first_s is None else drawn.first_s
        drawn.last_s = line.ends_s
        drawn.speed = line.speed
        # The tick that ended with the first degraded decision was still served normally.
        if line.ends_s <= drawn.from_s + 1e-6:
            drawn.before.add(line)
        elif line.ends_s <= to_s + 1e-6:
            ticks += 1
            if ticks > MOST_TICKS:
                drawn.cut = True
                continue
            drawn.during.add(line)
            drawn.budgets = line.policy.budgets
        else:
            drawn.after.add(line)
            continue
        if line.ends_s < drawn.from_s - 1e-6:
            continue
        decision = line.entry.decision
        if decision.reasons != reasons:
            reasons = decision.reasons
            _cross(drawn, line)
        for alert in line.entry.observations.alerts:
            if len(drawn.alerts) < _MOST_ALERTS:
                drawn.alerts.append(Heard(line.ends_s, alert))
    return drawn


def _cross(drawn: Figures, line: Line) -> None:
    for reason in line.entry.decision.reasons:
        if reason.kind != "rule" or reason.threshold is None or reason.value is None:
            continue
        crossing = next((other for other in drawn.crossings if other.rule == reason.rule), None)
        if crossing is None:
            if len(drawn.crossings) < _MOST_CROSSINGS:
                drawn.crossings.append(
                    Crossing(
                        rule=reason.rule,
                        first_s=line.ends_s,
                        times=1,
                        value=reason.value,
                        threshold=reason.threshold,
                        text=reason.text,
                    )
                )
            continue
        crossing.times += 1
        worse = (
            crossing.value is None or math.isnan(crossing.value) or reason.value > crossing.value
        )
        if worse:
            crossing.value, crossing.threshold, crossing.text = (
                reason.value,
                reason.threshold,
                reason.text,
            )
