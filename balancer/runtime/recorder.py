"""What happens between two ticks: appended by callers without a lock, added up in batches.

Callers only append to lists and put flights into a set, which the interpreter does in one
step; whoever closes the tick takes what is there by one slice and one deletion. So nothing is
lost between threads, nobody waits, and an append from a finaliser cannot deadlock. When the
lists grow long before the tick is over, the caller who notices adds them up, which bounds the
memory and lets the busiest pay.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from ..core.histogram import EMPTY, Histogram, bucket_index
from ..core.modes import Mode
from ..core.observations import FAILURES, Alert, ModeObservations, Observations, Override
from ..core.pricing import cost_nano_usd

__all__ = [
    "ABANDONED",
    "ADMITTED",
    "ANSWER",
    "CALL",
    "FALLBACK",
    "LONGEST_CALL_S",
    "MOST_PENDING",
    "SHED",
    "STARTED",
    "UNPRICED",
    "Ended",
    "Flight",
    "Over",
    "Place",
    "Recorder",
]

logger = logging.getLogger("balancer")

CALL, ADMITTED, SHED, STARTED, FALLBACK = range(5)
"""First item of what is appended to `Recorder.begun`:

    (CALL, priority, place)      a request that is offered, admitted and started at once
    (ADMITTED, priority)         a request that is offered and admitted
    (SHED, priority, fell_back)  one that is offered and shed, with a static answer or without
    (STARTED, place)             an attempt that starts
    (FALLBACK, priority)         a failed request that got the static answer
"""

ANSWER = -1
ABANDONED = -2
"""Outcomes beside the indices of `FAILURES`."""

UNPRICED = -1
"""Cost of an attempt that is still to be computed from its usage."""

MOST_PENDING = 16_384
"""Entries above which a caller adds them up."""

LONGEST_CALL_S = 3600.0
"""A call in flight for longer was forgotten by its caller: it is counted as abandoned."""

_PATIENT = 4 * MOST_PENDING
_MOST_MODELS = 64
_OTHER = "other"
_TIMEOUT = FAILURES.index("timeout")
_UNSEEN = (_TIMEOUT, FAILURES.index("reset"), ABANDONED)

Place = tuple[Mode, str]
"""Mode and model that an attempt is charged to."""

Price = tuple[int, int, int, int, int, int, int]

Ended = tuple["Flight", float, int, int, int, int, int, float | None, int]
"""A finished attempt: flight, raw end, outcome, prompt, cached, output and thinking tokens,
seconds of raw clock to its first token or None, nano-dollars or `UNPRICED`."""

Over = tuple[Mode, int, int, str | None]
"""An admitted request that is over: its plan's mode, nano-dollars and tokens (prompt, output and
thinking) of all its attempts, and its session."""


class Flight(Protocol):
    """A call in flight.

    Attributes:
        place: what it is charged to.
        since: raw clock when its request's first attempt started.
        began: raw clock when this attempt started.
    """

    @property
    def place(self) -> Place:
        """What it is charged to."""

    @property
    def since(self) -> float:
        """Raw clock when its request's first attempt started."""

    @property
    def began(self) -> float:
        """Raw clock when this attempt started."""


class _Cell:
    """Counts of one place in this tick."""

    __slots__ = (
        "cached", "failures", "finished", "latency", "nano_usd", "output", "prompt", "started",
        "thinking", "ttft",
    )  # fmt: skip

    def __init__(self) -> None:
        self.started = self.finished = 0
        self.prompt = self.cached = self.output = self.thinking = self.nano_usd = 0
        self.failures = [0] * len(FAILURES)
        self.latency: dict[int, int] = {}
        self.ttft: dict[int, int] = {}


class Recorder:
    """Counts of the tick under way, and the calls in flight.

    Args:
        speed: scenario seconds in a second of the raw clock.
        price: price row of a model, for attempts that come without a cost.

    Attributes:
        begun, ended: appended to by callers.
        flights: calls in flight.
        over: appended to by requests, while there are `over_watchers`.
        waiting: gauge: callers that wait for a place before they start, a token each.
        watchers: called with every batch of finished attempts and their nano-dollars, by whoever
            adds it up.
        over_watchers: called with every batch of requests that are over, likewise.
    """

    __slots__ = (
        "_admitted", "_cells", "_fallback", "_lock", "_offered", "_price", "_shed", "_speed",
        "begun", "ended", "flights", "over", "over_watchers", "waiting", "watchers",
    )  # fmt: skip

    def __init__(self, speed: float, price: Callable[[str], Price]) -> None:
        self._speed = speed
        self._price = price
        self.watchers: tuple[Callable[[Sequence[Ended], Sequence[int]], object], ...] = ()
        self.over_watchers: tuple[Callable[[Sequence[Over]], object], ...] = ()
        self.clear()

    def clear(self) -> None:
        """Forget everything, calls in flight included, as the child of a fork must."""
        self.begun: list[tuple[object, ...]] = []
        self.ended: list[Ended] = []
        self.over: list[Over] = []
        self.flights: set[Flight] = set()
        self.waiting: set[object] = set()
        self._lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._cells: dict[Place, _Cell] = {}
        self._offered, self._admitted = [0, 0, 0], [0, 0, 0]
        self._shed, self._fallback = [0, 0, 0], [0, 0, 0]

    def relieve(self) -> None:
        """Add up what is pending, on a caller's time; without waiting unless it is too much."""
        patient = len(self.ended) > _PATIENT or len(self.begun) > _PATIENT
        # The bound on waiting spares a finaliser that runs inside the holder of the lock.
        if self._lock.acquire(timeout=1.0) if patient else self._lock.acquire(blocking=False):
            try:
                self._fold()
            finally:
                self._lock.release()

    def _fold(self) -> None:
        # What is appended while this runs stays for the next time.
        ended = self.ended[:]
        del self.ended[: len(ended)]
        begun = self.begun[:]
        del self.begun[: len(begun)]
        over = self.over[:]
        del self.over[: len(over)]
        for event, count in Counter(begun).items():
            self._count(event, count)
        if ended:
            nano_usd = self._add_up(ended)
            for watcher in self.watchers:
                _tell(watcher, ended, nano_usd)
        if over:
            for over_watcher in self.over_watchers:
                _tell(over_watcher, over)

    def _count(self, event: tuple[object, ...], count: int) -> None:
        kind = event[0]
        if kind == STARTED:
            self._cell(event[1]).started += count  # type: ignore[arg-type]
            return
        priority = event[1]
        assert isinstance(priority, int)
        if kind == FALLBACK:
            self._fallback[priority] += count
            return
        self._offered[priority] += count
        if kind == SHED:
            self._shed[priority] += count
            if event[2]:
                self._fallback[priority] += count
            return
        self._admitted[priority] += count
        if kind == CALL:
            self._cell(event[2]).started += count  # type: ignore[arg-type]

    def _cell(self, place: Place) -> _Cell:
        cell = self._cells.get(place)
        if cell is None:
            if len(self._cells) >= _MOST_MODELS:
                place = (place[0], _OTHER)
            cell = self._cells.setdefault(place, _Cell())
        return cell

    def _add_up(self, batch: list[Ended]) -> list[int]:
        """Count attempts; what each of them cost."""
        speed, price, cells = self._speed, self._price, self._cells
        costs: list[int] = []
        for flight, at, kind, prompt, cached, output, thinking, first, nano_usd in batch:
            place = flight.place
            cell = cells.get(place) or self._cell(place)
            cell.finished += 1
            if kind >= 0:
                cell.failures[kind] += 1
            if kind < 0 or kind == _TIMEOUT:
                index = bucket_index((at - flight.since) * speed)
                latency = cell.latency
                latency[index] = latency.get(index, 0) + 1
                if first is not None and kind == ANSWER:
                    index = bucket_index(first * speed)
                    cell.ttft[index] = cell.ttft.get(index, 0) + 1
            if nano_usd < 0:
                nano_usd = cost_nano_usd(price(place[1]), prompt, cached, output, thinking)  # noqa: PLW2901
            cell.prompt += prompt
            cell.cached += cached
            cell.output += output
            cell.thinking += thinking
            cell.nano_usd += nano_usd
            costs.append(nano_usd)
        return costs

    def take(
        self,
        tick: int,
        now: float,
        *,
        reserved_nano_usd: int = 0,
        memory_ppm: int = 0,
        alerts: tuple[Alert, ...] = (),
        overrides: tuple[Override, ...] = (),
    ) -> Observations:
        """Observations of a tick: what was counted since the last call, and gauges as of now.

        Args:
            tick: its index.
            now: raw clock.
            reserved_nano_usd, memory_ppm, alerts, overrides: handed through.
        """
        with self._lock:
            self._fold()
            cells = self._cells
            offered, admitted = self._offered, self._admitted
            shed, fallback = self._shed, self._fallback
            self._reset()
        ages: dict[Place, dict[int, int]] = {}
        for flight in list(self.flights):
            age_s = (now - flight.since) * self._speed
            if age_s > LONGEST_CALL_S:
                self._forget(flight, now)
                continue
            counts = ages.setdefault(flight.place, {})
            index = bucket_index(age_s)
            counts[index] = counts.get(index, 0) + 1
        return Observations(
            tick,
            tuple(
                _served(place, cells.get(place), ages.get(place))
                for place in sorted(cells.keys() | ages.keys())
            ),
            (offered[0], offered[1], offered[2]),
            (admitted[0], admitted[1], admitted[2]),
            (shed[0], shed[1], shed[2]),
            (fallback[0], fallback[1], fallback[2]),
            len(self.waiting),
            reserved_nano_usd,
            memory_ppm,
            tuple(sorted(set(alerts))),
            tuple(sorted(set(overrides))),
        )

    def _forget(self, flight: Flight, now: float) -> None:
        """Nobody will finish it: it ends with the next tick."""
        try:
            self.flights.remove(flight)
        except KeyError:  # it ended just now
            return
        self.ended.append((flight, now, ABANDONED, 0, 0, 0, 0, None, 0))


def _tell(watcher: Callable[..., object], *batch: object) -> None:
    try:
        watcher(*batch)
    except Exception:
        logger.exception("a watcher of calls failed; they are counted all the same")


def _served(place: Place, cell: _Cell | None, ages: dict[int, int] | None) -> ModeObservations:
    mode, model = place
    aged = Histogram.from_counts(ages) if ages else EMPTY
    if cell is None:
        return ModeObservations(mode, model, ages=aged)
    return ModeObservations(
        mode,
        model,
        cell.started,
        cell.finished,
        tuple(cell.failures),
        Histogram.from_counts(cell.latency),
        Histogram.from_counts(cell.ttft),
        aged,
        cell.prompt,
        cell.cached,
        cell.output,
        cell.thinking,
        cell.nano_usd,
    )
