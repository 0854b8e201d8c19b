"""The traffic of a scenario: its requests by arrival, a chunk at a time.

Arrivals are a process of unit rate (constant, Poisson, gamma gaps, or a trace) stretched by
the rate curve; classes share one, unless a class has its own. What each request asks for is drawn
by its index (`sim.traffic.asked`), and so are the gaps: where one chunk ends and the next begins
changes nothing, and a run of any length needs the memory of a chunk.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from balancer.core.errors import ScenarioError
from scenarios.schema import Arrivals, Scenario

from ..streams import replication_key
from .arrivals import stretch, unit_arrivals
from .asked import REQUEST, Table, asked_of, fill, scenario_keys, spread
from .rate_curve import curve, integral
from .replay import Replay, replay

__all__ = ["CHUNK", "REQUEST", "Traffic", "check_traffic", "generate", "scenario_keys"]

CHUNK = 1 << 20
"""Requests of a chunk: 32 MB, and a second of simulation."""

_MOST_REQUESTS = 1_000_000_000
"""Of a run: more would take an hour, and somebody has mistaken a unit."""
_MOST_IN_MEMORY = 50_000_000
_NOBODY = np.zeros(0, REQUEST)


class Traffic:
    """The requests of one replication, to be gone through as often as there are arms.

    Those that fit into one chunk are drawn once and kept; more are drawn anew each time.

    Args:
        scenario: its workload, up to its duration.
        key: stream key of the replication, see `sim.streams.replication_key`.
        base: directory a relative trace path starts from; None is the current.
        chunk: requests of all chunks but the last.

    Raises:
        TraceError: a trace that cannot be read; names the line. While it is gone through.
        ScenarioError: more requests than any run takes, or none of the trace after the warm-up;
            likewise.
    """

    def __init__(
        self, scenario: Scenario, key: int, base: Path | None = None, *, chunk: int = CHUNK
    ) -> None:
        self._scenario = scenario
        self._key = key
        self._base = base
        self._chunk = chunk
        self._whole: Table | None = None

    def __iter__(self) -> Iterator[Table]:
        """Chunks of `REQUEST` records by arrival, none of them empty."""
        if self._whole is not None:
            yield self._whole
            return
        _check_counts(self._scenario, _MOST_REQUESTS)
        first = 0
        for requests in _cut(_merged(self._streams()), self._chunk):
            if self._scenario.replicas > 1:
                spread(self._key, first, requests, self._scenario.replicas)
            if first == 0 and len(requests) < self._chunk:
                self._whole = requests
            yield requests
            first += len(requests)

    def _streams(self) -> list[Iterator[Table]]:
        """Requests of the classes that share their arrivals, and of each other class."""
        workload, key = self._scenario.workload, self._key
        common = [at for at, entry in enumerate(workload.classes) if entry.arrivals is None]
        sources = [(workload.arrivals, common, key)]
        for place, entry in enumerate(workload.classes):
            if entry.arrivals is not None:
                # A key of its own leaves the common traffic as it is without the class.
                sources.append((entry.arrivals, [place], replication_key(key, place)))
        most = max(1, self._chunk // len(sources))
        return [self._stream(*source, most) for source in sources]

    def _stream(
        self, arrivals: Arrivals, places: list[int], key: int, most: int
    ) -> Iterator[Table]:
        """Requests of the classes at `places`, which share these arrivals; `most` at once."""
        recorded = self._recorded if arrivals.trace is not None else None
        asked = asked_of(self._scenario, places, recorded)
        first = 0
        for times in self._times(arrivals, key, recorded, most):
            requests = np.zeros(len(times), REQUEST)
            requests["s"] = times
            fill(key, first, requests, asked)
            yield requests
            first += len(requests)

    def _times(
        self, arrivals: Arrivals, key: int, recorded: Replay | None, most: int
    ) -> Iterator[Table]:
        if recorded is not None:
            for first in range(0, len(recorded.s), most):
                yield recorded.s[first : first + most]
            return
        segments = curve(arrivals.pattern, arrivals.rate, self._scenario.duration)
        for times in unit_arrivals(arrivals, key, integral(segments), most):
            stretch(times, segments)
            yield times

    @cached_property
    def _recorded(self) -> Replay | None:
        return replay(self._scenario, self._base)


def generate(scenario: Scenario, key: int, base: Path | None = None) -> Table:
    """All requests of one replication at once, for whoever looks them up by index.

    Args and raises are those of `Traffic`; fewer requests fit.

    Returns:
        `REQUEST` records by arrival.
    """
    _check_counts(scenario, _MOST_IN_MEMORY)
    return _together(list(Traffic(scenario, key, base)) or [_NOBODY])


def check_traffic(scenario: Scenario, base: Path | None = None) -> None:
    """Refuse traffic that a run would refuse, without drawing it.

    Raises:
        TraceError, ScenarioError: as of `Traffic`.
    """
    replay(scenario, base)
    _check_counts(scenario, _MOST_REQUESTS)


def _check_counts(scenario: Scenario, most: int) -> None:
    """Refuse more requests than that of a process; traces have a limit of their own."""
    workload = scenario.workload
    for arrivals in (workload.arrivals, *(entry.arrivals for entry in workload.classes)):
        if arrivals is None or arrivals.trace is not None:
            continue
        expected = integral(curve(arrivals.pattern, arrivals.rate, scenario.duration))
        if expected > most:
            raise ScenarioError(
                f"{expected:,.0f} requests are more than the {most:,} that fit; lower the "
                "rate or the duration",
                where="workload.arrivals",
            )


def _merged(streams: Sequence[Iterator[Table]]) -> Iterator[Table]:
    """Requests of several streams by time; of those at one moment, the first stream's first."""
    if len(streams) == 1:
        yield from streams[0]
        return
    held = [next(stream, _NOBODY) for stream in streams]
    going = [place for place, requests in enumerate(held) if len(requests)]
    while going:
        # Whoever is still to come comes no earlier than the last known of the own stream.
        known_s = min(held[place]["s"][-1] for place in going)
        late = [place for place in going if held[place]["s"][-1] == known_s]
        for place in late:
            following = next(streams[place], _NOBODY)
            held[place] = np.concatenate([held[place], following])
            if not len(following):
                going.remove(place)
        until_s = min((held[place]["s"][-1] for place in going), default=math.inf)
        ready = [np.searchsorted(requests["s"], until_s) for requests in held]
        found = np.concatenate([requests[:end] for requests, end in zip(held, ready, strict=True)])
        held = [requests[end:] for requests, end in zip(held, ready, strict=True)]
        yield found[np.argsort(found["s"], kind="stable")]


def _cut(pieces: Iterable[Table], size: int) -> Iterator[Table]:
    """The same requests in chunks of one size; the last may be smaller."""
    kept: list[Table] = []
    count = 0
    for piece in pieces:
        kept.append(piece)
        count += len(piece)
        if count >= size:
            joined = _together(kept)
            whole = count - count % size
            for first in range(0, whole, size):
                yield joined[first : first + size]
            # A copy, so that what is left of a chunk does not keep all of it.
            kept = [joined[whole:].copy()] if whole < count else []
            count -= whole
    if count:
        yield _together(kept)


def _together(pieces: Sequence[Table]) -> Table:
    # To copy records takes as long as to draw them.
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
