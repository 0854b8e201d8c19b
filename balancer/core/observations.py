"""What happened in one tick, as whole numbers that add up.

Replicas, or ticks, merge by addition: because nothing here is a float, the sum is the same
in any order and every replica that reads it takes the same decision.

`ModeObservations`, `ModeRequests` and `Observations` are named tuples and not dataclasses: one
of each is built every tick and the tuple costs less than half as much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from operator import add, sub
from typing import NamedTuple

from .errors import MisuseError
from .histogram import EMPTY, Histogram, merge
from .modes import Mode

__all__ = [
    "FAILURES",
    "ILLNESSES",
    "NO_FAILURES",
    "Alert",
    "ModeObservations",
    "ModeRequests",
    "Observations",
    "Override",
    "merge_replicas",
    "merge_ticks",
]

FAILURES = (
    "overloaded",  # 503
    "internal",  # 500
    "quota_minute",  # 429 that passes within minutes
    "quota_day",  # 429 that is terminal until the daily reset
    "timeout",  # the caller's own deadline
    "reset",  # connection lost before or inside the response
    "cut",  # a stream that ended without a finish reason
    "empty",  # a billed answer without text: thinking ate the output cap
    "malformed",  # an answer that does not parse
    "rejected",  # the caller's mistake: a 4xx to the request as written, or its own limit
    "edited",  # our mistake: a 4xx to a request that a plan had changed
    "closed",  # a project that nobody but its owner can open: billing, spend cap, our own key
    "flex_full",  # a 503 or a timeout of a call that was sent as flex, which may be put off
)
"""Kinds of failed attempts, in the order of `ModeObservations.failures`."""

ILLNESSES = FAILURES.index("rejected")
"""So many kinds, the first ones, are the upstream's fault and signs of illness. The others are
the caller's mistakes, ours, the owner's, and what flex may do to whoever asks for it: they are
counted apart and drive no mode.
"""

NO_FAILURES = (0,) * len(FAILURES)

Counts = tuple[int, int, int]
"""Counts in the order of `Priority`."""

NONE_UNJUDGED: Counts = (0, 0, 0)


class ModeObservations(NamedTuple):
    """What was served in one mode by one model during a tick.

    Attributes:
        mode: the mode of the plan under which the attempts were made.
        model: the model that was called.
        started: attempts started.
        finished: attempts finished, failed ones included.
        failures: failed attempts by kind, in the order of `FAILURES`.
        latency: seconds from the request's first attempt to the outcome, for complete
            answers and timeouts only: a storm of quick 503s must not lower it. Of calls that
            were sent as flex neither this nor `ttft` and `ages` say anything: they may queue
            for 15 minutes while all is well.
        ttft: seconds to the first token of an answer.
        ages: a gauge, not a count: ages in seconds of the calls in flight at the tick's end.
        prompt_tokens, cached_tokens, output_tokens, thinking_tokens: settled in this tick;
            prompt includes cached, output excludes thinking.
        nano_usd: settled cost, estimated from usage and prices, in 1e-9 dollars.
        rerouted: answers that another model than the one called gave. No failures.
        downgraded: answers that were served in another tier than they were sent in. No failures.
    """

    mode: Mode
    model: str
    started: int = 0
    finished: int = 0
    failures: tuple[int, ...] = NO_FAILURES
    latency: Histogram = EMPTY
    ttft: Histogram = EMPTY
    ages: Histogram = EMPTY
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    nano_usd: int = 0
    rerouted: int = 0
    downgraded: int = 0

    @property
    def failed(self) -> int:
        """Failed attempts of all kinds."""
        return sum(self.failures)

    @property
    def ill(self) -> int:
        """Attempts that failed by the upstream's fault."""
        return sum(self.failures[:ILLNESSES])

    @property
    def unjudged(self) -> int:
        """Attempts that failed by another's fault, and say nothing of the upstream."""
        failures = self.failures
        return 0 if failures is NO_FAILURES else sum(failures[ILLNESSES:])

    @property
    def judged(self) -> int:
        """Attempts that say something of the upstream: finished, and not failed by another's."""
        failures = self.failures
        return self.finished if failures is NO_FAILURES else self.finished - self.unjudged


class ModeRequests(NamedTuple):
    """What the users of one mode felt during a tick: requests, each with all of its attempts.

    A request begins with its first attempt: one that is shed, or given up while it waits for a
    place, never does. Of all that have begun so far

        begun = answered + failed + unjudged + given up by their callers + in flight (`ages.total`)

    Durations are seconds from the start of the first attempt, retries, backoff and fallbacks
    within. Attempts that are sent as flex are not felt: a request begins with its first other one.

    Attributes:
        mode: that the request was begun in, whatever its later attempts are served in.
        begun: requests that began.
        answered: requests that a model answered, by seconds to the answer.
        failed: requests given up without a model's answer (all tries used, deadline over, the
            next try refused by a budget), by seconds to the end. A static answer is no model's.
            A call that its caller cancelled is no failure.
        ages: a gauge: ages of the requests that have begun and not ended, those between two
            attempts among them.
        unjudged: requests that ended by another's fault than the upstream's, by priority: the
            caller's mistake, our edit, or a project that is closed (`ILLNESSES`). They are
            neither failures nor given up, and no demand.
    """

    mode: Mode
    begun: int = 0
    answered: Histogram = EMPTY
    failed: Histogram = EMPTY
    ages: Histogram = EMPTY
    unjudged: Counts = NONE_UNJUDGED


@dataclass(frozen=True, slots=True, order=True)
class Alert:
    """A message of an external monitor that asks for a mode, or takes that back.

    Messages may come late, twice or out of order: of one key, the newest `at_tick` holds. Within
    one tick a recovery is newer than a trigger, whichever came first.

    Attributes:
        key: identifies the alert from trigger to recovery.
        at_tick: when the monitor raised or cleared it, on the controller's tick scale.
        mode: the least mode it asks for.
        raised: True for a trigger, False for a recovery.
        lifetime_ticks: how long a raised alert holds when no recovery ever comes.
    """

    key: str
    at_tick: int
    mode: Mode
    raised: bool = True
    lifetime_ticks: int = 600


@dataclass(frozen=True, slots=True, order=True)
class Override:
    """An operator's order to hold a mode, or to stop holding one.

    Attributes:
        at_tick: when it was given; of several, the newest holds.
        until_tick: the first tick at which it no longer holds. An order that ends at or
            before it was given takes back whatever held before.
        mode: the mode to hold.
        reason: why, for the journal.
        number: of the order among those of its giver; of one tick, the highest holds. Journals
            from before there were numbers read as 0, and of those the longest holds.
    """

    at_tick: int
    until_tick: int
    mode: Mode
    reason: str
    number: int = 0


class Observations(NamedTuple):
    """Everything the controller may know about one tick.

    Attributes:
        tick: index of the tick, floor(clock / tick length).
        served: one entry per (mode, model) that had anything to say, in that order.
        offered, admitted, shed, fallback: requests by priority, in the order of
            `Priority`; admitted + shed = offered, and fallback counts those of the shed
            or failed that got the static answer.
        waiting: gauge: requests waiting to start (the queue depth), not in flight.
        reserved_nano_usd: gauge: held in the budget ledger for calls in flight.
        memory_ppm: gauge: memory in use, in millionths of what there is.
        alerts, overrides: received during the tick, in any order.
        requests: one entry per mode that had anything to say, in the modes' order.
        ticks: how many ticks the counts are of: this one, and those just before it that a late
            ticker closed with it. What was counted then cannot be told apart any more.
    """

    tick: int
    served: tuple[ModeObservations, ...] = ()
    offered: Counts = (0, 0, 0)
    admitted: Counts = (0, 0, 0)
    shed: Counts = (0, 0, 0)
    fallback: Counts = (0, 0, 0)
    waiting: int = 0
    reserved_nano_usd: int = 0
    memory_ppm: int = 0
    alerts: tuple[Alert, ...] = ()
    overrides: tuple[Override, ...] = ()
    requests: tuple[ModeRequests, ...] = ()
    ticks: int = 1

    @property
    def in_flight(self) -> int:
        """Calls in flight at the end of the tick."""
        return sum(entry.ages.total for entry in self.served)

    @property
    def unjudged(self) -> Counts:
        """Requests by priority that ended in this tick by another's fault than the upstream's."""
        found = NONE_UNJUDGED
        for entry in self.requests:
            if entry.unjudged is not NONE_UNJUDGED:
                low, normal, high = map(add, found, entry.unjudged)
                found = low, normal, high
        return found

    @property
    def demand(self) -> Counts:
        """Requests by priority that the upstream is to serve: those offered less the unjudged.

        It is known only at its end whose fault a request was, so one that came in an earlier tick
        may make this negative; sums over ticks are right.
        """
        unjudged = self.unjudged
        if unjudged is NONE_UNJUDGED:
            return self.offered
        low, normal, high = map(sub, self.offered, unjudged)
        return low, normal, high


def merge_replicas(parts: Iterable[Observations]) -> Observations:
    """What several replicas saw in the same tick: counts and gauges add, memory is the worst.

    Of `ticks` it is the most: what all of them counted lies within what the latest one closed.

    Raises:
        MisuseError: no parts, or parts of different ticks.
    """
    parts = list(parts)
    ticks = {part.tick for part in parts}
    if len(ticks) != 1:
        raise MisuseError(f"replicas merge within one tick; got ticks {sorted(ticks)}")
    return _sum(
        parts,
        served=_merge_served(parts, ages=lambda entries: merge(e.ages for e in entries)),
        requests=_merge_requests(parts, ages=lambda entries: merge(e.ages for e in entries)),
        waiting=sum(part.waiting for part in parts),
        reserved_nano_usd=sum(part.reserved_nano_usd for part in parts),
        memory_ppm=max(part.memory_ppm for part in parts),
        ticks=max(part.ticks for part in parts),
    )


def merge_ticks(parts: Iterable[Observations]) -> Observations:
    """What one replica saw over several ticks: counts add, `ticks` among them; gauges keep the
    last. Ticks that nobody observed lie between two parts and are in neither.

    Raises:
        MisuseError: no parts, or ticks that do not grow.
    """
    parts = list(parts)
    ticks = [part.tick for part in parts]
    if not ticks or any(later <= earlier for earlier, later in pairwise(ticks)):
        raise MisuseError(f"ticks merge in growing order; got {ticks}")
    last = parts[-1]
    final_ages = {(entry.mode, entry.model): entry.ages for entry in last.served}
    final_requests = {entry.mode: entry.ages for entry in last.requests}
    return _sum(
        parts,
        served=_merge_served(
            parts, ages=lambda entries: final_ages.get((entries[0].mode, entries[0].model), EMPTY)
        ),
        requests=_merge_requests(
            parts, ages=lambda entries: final_requests.get(entries[0].mode, EMPTY)
        ),
        waiting=last.waiting,
        reserved_nano_usd=last.reserved_nano_usd,
        memory_ppm=last.memory_ppm,
        ticks=sum(part.ticks for part in parts),
    )


def _merge_served(
    parts: list[Observations], *, ages: Callable[[list[ModeObservations]], Histogram]
) -> tuple[ModeObservations, ...]:
    by_key: dict[tuple[Mode, str], list[ModeObservations]] = {}
    for part in parts:
        for entry in part.served:
            by_key.setdefault((entry.mode, entry.model), []).append(entry)
    return tuple(
        ModeObservations(
            mode=mode,
            model=model,
            started=sum(e.started for e in entries),
            finished=sum(e.finished for e in entries),
            failures=_add_all(e.failures for e in entries),
            latency=merge(e.latency for e in entries),
            ttft=merge(e.ttft for e in entries),
            ages=ages(entries),
            prompt_tokens=sum(e.prompt_tokens for e in entries),
            cached_tokens=sum(e.cached_tokens for e in entries),
            output_tokens=sum(e.output_tokens for e in entries),
            thinking_tokens=sum(e.thinking_tokens for e in entries),
            nano_usd=sum(e.nano_usd for e in entries),
            rerouted=sum(e.rerouted for e in entries),
            downgraded=sum(e.downgraded for e in entries),
        )
        for (mode, model), entries in sorted(by_key.items())
    )


def _merge_requests(
    parts: list[Observations], *, ages: Callable[[list[ModeRequests]], Histogram]
) -> tuple[ModeRequests, ...]:
    by_mode: dict[Mode, list[ModeRequests]] = {}
    for part in parts:
        for entry in part.requests:
            by_mode.setdefault(entry.mode, []).append(entry)
    return tuple(
        ModeRequests(
            mode,
            sum(e.begun for e in entries),
            merge(e.answered for e in entries),
            merge(e.failed for e in entries),
            ages(entries),
            _by_priority(e.unjudged for e in entries),
        )
        for mode, entries in sorted(by_mode.items())
    )


def _add_all(rows: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*rows, strict=True)))


def _by_priority(rows: Iterable[Counts]) -> Counts:
    low, normal, high = _add_all(rows)
    return low, normal, high


def _sum(
    parts: list[Observations],
    *,
    served: tuple[ModeObservations, ...],
    requests: tuple[ModeRequests, ...],
    waiting: int,
    reserved_nano_usd: int,
    memory_ppm: int,
    ticks: int,
) -> Observations:
    return Observations(
        tick=parts[-1].tick,
        served=served,
        offered=_by_priority(part.offered for part in parts),
        admitted=_by_priority(part.admitted for part in parts),
        shed=_by_priority(part.shed for part in parts),
        fallback=_by_priority(part.fallback for part in parts),
        waiting=waiting,
        reserved_nano_usd=reserved_nano_usd,
        memory_ppm=memory_ppm,
        alerts=tuple(sorted({alert for part in parts for alert in part.alerts})),
        overrides=tuple(sorted({order for part in parts for order in part.overrides})),
        requests=requests,
        ticks=ticks,
    )
