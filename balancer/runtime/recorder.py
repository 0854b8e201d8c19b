"""What happens between two ticks: appended by callers without a lock, added up in batches.

Callers only append to lists and put flights into a set, which the interpreter does in one
step; whoever closes the tick takes what is there by one slice and one deletion. A request that
ends is appended before it is taken out of those under way, so that it is always in one of both.
So nothing is
lost between threads, nobody waits, and an append from a finaliser cannot deadlock. When the
lists grow long before the tick is over, the caller who notices adds them up, which bounds the
memory and lets the busiest pay.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from ..core.histogram import EMPTY, Histogram, bucket_index
from ..core.modes import MODES
from ..core.observations import (
    FAILURES,
    Alert,
    ModeObservations,
    ModeRequests,
    Observations,
    Override,
)
from ..core.pricing import cost_nano_usd
from .flights import (
    ABANDONED,
    ANSWER,
    CALL,
    DOWNGRADED,
    FALLBACK,
    REROUTED,
    SHED,
    STARTED,
    UNJUDGED,
    UNTIMED,
    WITHDRAWN,
    Done,
    Ended,
    Flight,
    Over,
    Place,
    UnderWay,
)
from .listeners import Listeners

__all__ = ["LONGEST_CALL_S", "MOST_PENDING", "Recorder"]

MOST_PENDING = 16_384
"""Entries above which a caller adds them up."""

LONGEST_CALL_S = 3600.0
"""A call in flight for longer was forgotten by its caller: it is counted as abandoned."""

_PATIENT = 4 * MOST_PENDING
_MOST_MODELS = 64
_OTHER = "other"
_TIMEOUT = FAILURES.index("timeout")
_UNSEEN = (_TIMEOUT, FAILURES.index("reset"), ABANDONED)

Price = tuple[int, int, int, int, int, int, int]


class _Cell:
    """Counts of one place in this tick."""

    __slots__ = (
        "cached", "downgraded", "failures", "finished", "latency", "nano_usd", "output", "prompt",
        "rerouted", "started", "thinking", "ttft",
    )  # fmt: skip

    def __init__(self) -> None:
        self.started = self.finished = self.rerouted = self.downgraded = 0
        self.prompt = self.cached = self.output = self.thinking = self.nano_usd = 0
        self.failures = [0] * len(FAILURES)
        self.latency: dict[int, int] = {}
        self.ttft: dict[int, int] = {}


class _Requests:
    """Requests of one mode in this tick."""

    __slots__ = ("answered", "begun", "failed", "unjudged")

    def __init__(self) -> None:
        self.begun = 0
        self.answered: dict[int, int] = {}
        self.failed: dict[int, int] = {}
        self.unjudged = [0, 0, 0]

    def end(self, kind: int, index: int, priority: int) -> None:
        """Count one that is over, in its bucket; nobody counts those that their callers gave up."""
        if kind >= UNJUDGED:
            self.unjudged[priority] += 1
        elif kind != ABANDONED:
            counts = self.answered if kind == ANSWER else self.failed
            counts[index] = counts.get(index, 0) + 1

    @property
    def says_something(self) -> bool:
        """Whether any began or ended."""
        return bool(self.begun or self.answered or self.failed or any(self.unjudged))


class Recorder:
    """Counts of the tick under way, and the calls in flight.

    Args:
        speed: scenario seconds in a second of the raw clock.
        price: price row of a model, for attempts that come without a cost.
        listeners: are told of every batch that is added up, by whoever adds it up.

    Attributes:
        begun, ended: appended to by callers.
        done: appended to by requests.
        flights: calls in flight, but for those that were sent as flex.
        flex: those.
        under_way: requests that have begun and not ended.
        over: appended to by requests, while somebody listens to that.
        waiting: gauge: callers that wait for a place before they start, a token each.
    """

    __slots__ = (
        "_admitted", "_cells", "_fallback", "_listeners", "_lock", "_offered", "_price",
        "_requests", "_shed", "_speed", "begun", "done", "ended", "flex", "flights", "over",
        "under_way", "waiting",
    )  # fmt: skip

    def __init__(self, speed: float, price: Callable[[str], Price], listeners: Listeners) -> None:
        self._speed = speed
        self._price = price
        self._listeners = listeners
        self.clear()

    def clear(self) -> None:
        """Forget everything, calls in flight included, as the child of a fork must."""
        self.begun: list[tuple[object, ...]] = []
        self.ended: list[Ended] = []
        self.done: list[Done] = []
        self.over: list[Over] = []
        self.flights: set[Flight] = set()
        self.flex: set[Flight] = set()
        self.under_way: set[UnderWay] = set()
        self.waiting: set[object] = set()
        self._lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._cells: dict[Place, _Cell] = {}
        self._requests = [_Requests() for _ in MODES]
        self._offered, self._admitted = [0, 0, 0], [0, 0, 0]
        self._shed, self._fallback = [0, 0, 0], [0, 0, 0]

    def relieve(self) -> None:
        """Add up what is pending, on a caller's time; without waiting unless it is too much."""
        patient = max(len(self.ended), len(self.begun), len(self.done)) > _PATIENT
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
        done = self.done[:]
        del self.done[: len(done)]
        for request, at, outcome in done:
            self._begin(request)
            if not request.over:
                request.over = True
                index = bucket_index((at - request.since) * self._speed)
                self._requests[request.mode].end(outcome, index, request.priority)
        for event, count in Counter(begun).items():
            self._count(event, count)
        if ended:
            nano_usd = self._add_up(ended)
            self._listeners.ended.tell(ended, nano_usd)
        if over:
            self._listeners.over.tell(over)

    def _begin(self, request: UnderWay) -> None:
        """Count a request that is seen for the first time."""
        if not request.begun:
            request.begun = True
            self._requests[request.mode].begun += 1

    def _count(self, event: tuple[object, ...], count: int) -> None:
        kind = event[0]
        if kind == STARTED:
            self._cell(event[1]).started += count  # type: ignore[arg-type]
            return
        if kind == REROUTED:
            self._cell(event[1]).rerouted += count  # type: ignore[arg-type]
            return
        if kind == DOWNGRADED:
            self._cell(event[1]).downgraded += count  # type: ignore[arg-type]
            return
        if kind == WITHDRAWN:
            # One that started in a tick before was counted there.
            cell = self._cell(event[1])  # type: ignore[arg-type]
            cell.started = max(0, cell.started - count)
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
            place: Place = event[2]  # type: ignore[assignment]
            self._cell(place).started += count
            self._requests[place[0]].begun += count

    def _cell(self, place: Place) -> _Cell:
        cell = self._cells.get(place)
        if cell is None:
            if len(self._cells) >= _MOST_MODELS:
                place = (place[0], _OTHER)
            cell = self._cells.setdefault(place, _Cell())
        return cell

    def _add_up(self, batch: list[Ended]) -> list[int]:
        """Count attempts; what each of them cost."""
        speed, price, cells, requests = self._speed, self._price, self._cells, self._requests
        costs: list[int] = []
        for flight, at, kind, prompt, cached, output, thinking, first, nano_usd in batch:
            place = flight.place
            cell = cells.get(place) or self._cell(place)
            cell.finished += 1
            if kind >= 0:
                cell.failures[kind] += 1
            index = bucket_index((at - flight.since) * speed)
            if flight.alone:
                requests[place[0]].end(kind, index, flight.priority)
            if (UNTIMED < kind < 0 or kind == _TIMEOUT) and not flight.flex:
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
        ticks: int = 1,
    ) -> Observations:
        """Observations up to a tick: what was counted since the last call, and gauges as of now.

        Args:
            tick: its index.
            now: raw clock.
            reserved_nano_usd, memory_ppm, alerts, overrides, ticks: handed through.
        """
        with self._lock:
            self._fold()
            waits = self._count_under_way(now)
            cells, requests = self._cells, self._requests
            offered, admitted = self._offered, self._admitted
            shed, fallback = self._shed, self._fallback
            self._reset()
        ages: dict[Place, dict[int, int]] = {}
        for flight in list(self.flights):
            age_s, forgotten = self._age_s(flight, now)
            if forgotten:
                self._forget(self.flights, flight, now)
                continue
            index = bucket_index(age_s)
            _add(ages.setdefault(flight.place, {}), index)
            if flight.alone:
                _add(waits[flight.place[0]], index)
        for flight in list(self.flex):
            if (now - flight.since) * self._speed > LONGEST_CALL_S:
                self._forget(self.flex, flight, now)
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
            tuple(
                ModeRequests(
                    mode,
                    requests[mode].begun,
                    Histogram.from_counts(requests[mode].answered),
                    Histogram.from_counts(requests[mode].failed),
                    Histogram.from_counts(waits[mode]),
                    (low, normal, high),
                )
                for mode in MODES
                for low, normal, high in (requests[mode].unjudged,)
                if requests[mode].says_something or waits[mode]
            ),
            ticks,
        )

    def _count_under_way(self, now: float) -> list[dict[int, int]]:
        """Ages of the requests under way, by mode; those that nobody will end are forgotten."""
        ages: list[dict[int, int]] = [{} for _ in MODES]
        under_way = list(self.under_way)
        # What ended since the fold is counted with the next tick.
        ending = [request for request, _, _ in self.done]
        for request in {*under_way, *ending}:
            if request.over:
                continue
            self._begin(request)
            age_s, forgotten = self._age_s(request, now)
            if forgotten:
                request.over = True
                self.under_way.discard(request)
            else:
                _add(ages[request.mode], bucket_index(age_s))
        return ages

    def _age_s(self, what: Flight | UnderWay, now: float) -> tuple[float, bool]:
        """Age of what is under way, and whether it was forgotten by its caller; who was waited for
        as long has forgotten it too.
        """
        # First: who resumes it sets the other one before.
        aged = what.aged
        elapsed_s = (now - what.since) * self._speed
        return elapsed_s if aged is None else aged * self._speed, elapsed_s > LONGEST_CALL_S

    def _forget(self, flights: set[Flight], flight: Flight, now: float) -> None:
        """Nobody will finish it: it ends with the next tick."""
        aged = flight.aged
        try:
            flights.remove(flight)
        except KeyError:  # it ended just now
            return
        end = now if aged is None else flight.since + aged
        self.ended.append((flight, end, ABANDONED, 0, 0, 0, 0, None, 0))


def _add(counts: dict[int, int], index: int) -> None:
    counts[index] = counts.get(index, 0) + 1


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
        cell.rerouted,
        cell.downgraded,
    )
