"""The end of a tick: what was counted becomes one flat record of numbers, and starts anew.

The record holds a head, a row for each (mode, model) with anything to say, and then one for the
requests of each such mode; histograms stand in a second buffer, packed as
`balancer.core.histogram.Histogram` keeps them, one after another. Where one model alone served a
mode, its requests' histograms are mostly the same as that model's: then they are written once.
Python turns both into `Observations`; this file has the only account of the layout.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from balancer.core import budget
from balancer.core.histogram import EMPTY, MIN_INDEX, Histogram, Known
from balancer.core.modes import MODES
from balancer.core.observations import (
    FAILURES,
    NO_FAILURES,
    NONE_UNJUDGED,
    ModeObservations,
    ModeRequests,
    Observations,
)

from ..compiled import compiled, inlined
from . import spend
from .buckets import count, place_of
from .world import AGES, ANSWERED, BUCKETS, FAILED, LATENCY, TTFT, World

__all__ = ["Record", "close_tick"]

# Rows, offered, admitted, shed, fallback by priority, waiting, reserved, modes' rows, 32-bit words
# of histograms.
_HEAD = 17
_KINDS = len(FAILURES)
# Place, started, finished, tokens and cost, rerouted and downgraded, bucket counts, failures in all
# and by kind; then what is above the cuts of latencies and of ages: all samples, and those above
# each cut.
_TOKENS, _SIZES, _FAILED = 3, 10, 13
_ROW = _FAILED + 1 + _KINDS
# Mode, begun, bucket counts, unjudged by priority; then what is above the cuts of all three. A
# bucket count of -1 - k is the k-th row's histogram.
_MODE_ROW = 8
_TIMEOUT = FAILURES.index("timeout")

_advance_ledger = compiled(budget.advance)


class Record:
    """The two buffers, and how to read them.

    Args:
        models: names of the models, in the order of the kernel's rows.
        cuts: bucket edges above which the samples of latencies and ages are counted, ascending.
    """

    __slots__ = ("_cuts", "_keys", "buckets", "cuts", "numbers")

    def __init__(self, models: tuple[str, ...], cuts: tuple[int, ...]) -> None:
        self._keys = [(mode, model) for mode in MODES for model in models]
        self._cuts = cuts
        self.cuts = np.array(cuts, np.int64)
        rows, counts = len(self._keys), 1 + len(cuts)
        of_rows, of_modes = rows * (_ROW + 2 * counts), len(MODES) * (_MODE_ROW + 3 * counts)
        self.numbers = np.zeros(_HEAD + of_rows + of_modes, np.int64)
        self.buckets = np.zeros((rows + len(MODES)) * 3 * 2 * BUCKETS, np.int32)

    def read(self, tick: int, memory_ppm: int, size: int) -> Observations:
        """Observations of the tick that was just closed.

        Args:
            tick: its index.
            memory_ppm: gauge.
            size: what `close_tick` returned.
        """
        # Named tuples' own constructors take several times as long.
        new = tuple.__new__
        values: list[int] = self.numbers[:size].tolist()
        packed = self.buckets[: values[16]].tobytes()
        counts = 1 + len(self._cuts)
        served = []
        start = 0
        at = _HEAD
        for _ in range(values[0]):
            kinds = at + _ROW - _KINDS
            (
                place, started, finished, prompt, cached, output, thinking, cost, rerouted,
                downgraded, latency, ttft, ages, failed,
            ) = values[at:kinds]  # fmt: skip
            at += _ROW
            failures = tuple(values[kinds:at]) if failed else NO_FAILURES
            # In bytes, of which an index and a count take eight.
            middle = start + 8 * latency
            last = middle + 8 * ttft
            stop = last + 8 * ages
            latencies = firsts = under_way = EMPTY
            if latency:
                latencies = Histogram(packed[start:middle], self._known(values, at))
            if ttft:
                firsts = Histogram(packed[middle:last])
            at += counts
            if ages:
                under_way = Histogram(packed[last:stop], self._known(values, at))
            at += counts
            start = stop
            mode, model = self._keys[place]
            row = (
                mode, model, started, finished, failures, latencies, firsts, under_way, prompt,
                cached, output, thinking, cost, rerouted, downgraded,
            )  # fmt: skip
            served.append(new(ModeObservations, row))
        requests = []
        while at < size:
            place, begun, *sizes, low, normal, high = values[at : at + _MODE_ROW]
            at += _MODE_ROW
            found = [EMPTY, EMPTY, EMPTY]
            for which, buckets in enumerate(sizes):
                if buckets < 0:
                    only = served[-1 - buckets]
                    found[which] = only.latency if which == ANSWERED else only.ages
                elif buckets:
                    stop = start + 8 * buckets
                    found[which] = Histogram(packed[start:stop], self._known(values, at))
                    start = stop
                at += counts
            unjudged = (low, normal, high) if low or normal or high else NONE_UNJUDGED
            requests.append(new(ModeRequests, (MODES[place], begun, *found, unjudged)))
        everything = (
            tick, tuple(served), tuple(values[1:4]), tuple(values[4:7]), tuple(values[7:10]),
            tuple(values[10:13]), values[13], values[14], memory_ppm, (), (), tuple(requests), 1,
        )  # fmt: skip
        return new(Observations, everything)

    def _known(self, values: list[int], at: int) -> Known:
        """What is written there of a histogram's samples: all of them, and those above each cut."""
        cuts = self._cuts
        return cuts, (values[at], tuple(values[at + 1 : at + 1 + len(cuts)]))


@compiled
def close_tick(world: World, place: int, numbers: Any, buckets: Any, cuts: Any, tick: int) -> int:
    """Write the record of a replica's tick and reset its counts; gauges are as of now.

    Args:
        world: all arrays.
        place: of the replica; all of them, in order, end a tick.
        numbers: `Record.numbers`.
        buckets: `Record.buckets`.
        cuts: `Record.cuts`.
        tick: the tick that ends; ticks must come one by one.

    Returns:
        How many of the numbers were written.
    """
    replica = world.replicas[place]
    for priority in range(3):
        numbers[1 + priority] = replica.offered[priority]
        numbers[4 + priority] = replica.admitted[priority]
        numbers[7 + priority] = replica.shed[priority]
        numbers[10 + priority] = replica.fallback[priority]
        replica.offered[priority] = 0
        replica.admitted[priority] = 0
        replica.shed[priority] = 0
        replica.fallback[priority] = 0
    numbers[13] = replica.waiting
    numbers[14] = replica.reserved_nano_usd
    replica.starts = 0
    rows = 0
    written = 0
    at = _HEAD
    tallies = len(MODES) * len(world.upstream.models)
    for kind in range(tallies):
        if kind % len(world.upstream.models) == 0:
            timed, flying = _speakers(world, place * tallies + kind)
        tally = world.tallies[place * tallies + kind]
        if tally.started or tally.finished or tally.in_flight:
            felt = world.felt[(place * tallies + kind) // len(world.upstream.models)]
            if timed == 1 and tally.high[LATENCY] >= 0:
                felt.answers_row = rows
            if flying == 1 and tally.in_flight:
                felt.ages_row = rows
            row = numbers[at : at + _ROW + 2 * (1 + len(cuts))]
            written = _write_row(world, place * tallies + kind, row, buckets, cuts, written)
            row[0] = kind
            rows += 1
            at += len(row)
    numbers[0] = rows
    _count_pauses(world, place)
    modes = 0
    for mode in range(len(MODES)):
        felt = world.felt[place * len(MODES) + mode]
        highest = max(felt.high[ANSWERED], felt.high[FAILED], felt.high[AGES])
        mistakes = felt.unjudged[0] + felt.unjudged[1] + felt.unjudged[2]
        if felt.begun or highest >= 0 or felt.ages_row >= 0 or mistakes:
            row = numbers[at : at + _MODE_ROW + 3 * (1 + len(cuts))]
            written = _write_mode(world, place * len(MODES) + mode, row, buckets, cuts, written)
            row[0] = mode
            modes += 1
            at += len(row)
    numbers[15] = modes
    numbers[16] = written
    for limit in range(len(world.ledger_keys)):
        _advance_ledger(world.ledgers[place, limit], tick + 1)
        if place == 0:
            spend.close(world.spends[limit], tick)
            world.totals[0].overshoot_nano_usd = max(
                world.totals[0].overshoot_nano_usd, world.spends[limit, spend.OVERSHOOT]
            )
    return at


@inlined
def _speakers(world: World, first: int) -> tuple[int, int]:
    """How many models of a mode have latencies and how many have calls in flight.

    One that timed out counts twice: its latencies are not only those of answers. So does every
    one with calls in flight while a request is between two attempts: it has an age too.
    """
    timed = 0
    flying = 0
    paused = world.state[0].pauses > 0
    for place in range(first, first + len(world.upstream.models)):
        tally = world.tallies[place]
        if tally.high[LATENCY] >= 0:
            timed += 2 if tally.failures[_TIMEOUT] or tally.unlike else 1
        if tally.in_flight:
            flying += 2 if paused else 1
    return timed, flying


@inlined
def _write_row(world: World, place: int, row: Any, buckets: Any, cuts: Any, written: int) -> int:
    tally = world.tallies[place]
    row[1] = tally.started
    row[2] = tally.finished
    failed = 0
    for kind in range(_KINDS):
        failed += tally.failures[kind]
        row[_FAILED + 1 + kind] = tally.failures[kind]
        tally.failures[kind] = 0
    row[_FAILED] = failed
    row[_TOKENS] = tally.prompt
    row[_TOKENS + 1] = tally.cached
    row[_TOKENS + 2] = tally.output
    row[_TOKENS + 3] = tally.thinking
    row[_TOKENS + 4] = tally.nano_usd
    row[_TOKENS + 5] = tally.rerouted
    row[_TOKENS + 6] = tally.downgraded
    tally.started = 0
    tally.finished = 0
    tally.prompt = 0
    tally.cached = 0
    tally.output = 0
    tally.thinking = 0
    tally.nano_usd = 0
    tally.rerouted = 0
    tally.downgraded = 0
    tally.unlike = 0
    for which in (LATENCY, TTFT):
        size = _pack(
            world.histograms[place, which], tally.low[which], tally.high[which], buckets, written
        )
        tally.low[which] = BUCKETS
        tally.high[which] = -1
        row[_SIZES + which] = size
        if which == LATENCY:
            _count_above(buckets, written, size, cuts, row, _ROW)
        written += 2 * size
    size = 0
    if tally.in_flight:
        low, high = _count_ages(world, place)
        size = _pack(world.scratch, low, high, buckets, written)
    row[_SIZES + 2] = size
    _count_above(buckets, written, size, cuts, row, _ROW + 1 + len(cuts))
    return written + 2 * size


@inlined
def _write_mode(world: World, place: int, row: Any, buckets: Any, cuts: Any, written: int) -> int:
    felt = world.felt[place]
    row[1] = felt.begun
    felt.begun = 0
    for priority in range(3):
        row[5 + priority] = felt.unjudged[priority]
        felt.unjudged[priority] = 0
    for which in range(3):
        histogram = world.felt_histograms[place, which]
        low, high = felt.low[which], felt.high[which]
        felt.low[which] = BUCKETS
        felt.high[which] = -1
        if which == ANSWERED and felt.answers_row >= 0:
            row[2 + which] = -1 - felt.answers_row
            for bucket in range(low, high + 1):
                histogram[bucket] = 0
        elif which == AGES and felt.ages_row >= 0:
            row[2 + which] = -1 - felt.ages_row
        else:
            size = _pack(histogram, low, high, buckets, written)
            row[2 + which] = size
            first = _MODE_ROW + which * (1 + len(cuts))
            _count_above(buckets, written, size, cuts, row, first)
            written += 2 * size
    felt.answers_row = -1
    felt.ages_row = -1
    return written


@inlined
def _count_pauses(world: World, replica: int) -> None:
    """Count the ages of a replica's requests between two attempts among those of their modes."""
    state = world.state[0]
    for k in range(state.pauses):
        pause = world.pauses[k]
        if pause.felt // len(MODES) == replica:
            bucket = place_of(state.now_s - pause.since_s)
            count(world.felt[pause.felt], world.felt_histograms[pause.felt], AGES, bucket)


@inlined
def _count_ages(world: World, place: int) -> tuple[int, int]:
    """Count the ages of the calls in flight of one (mode, model) into the scratch histogram.

    They are those of the requests too, and count among the mode's where it has more of them.
    """
    state = world.state[0]
    scratch = world.scratch
    felt = world.felt[place // len(world.upstream.models)]
    low = BUCKETS
    high = -1
    for k in range(state.flights):
        flight = world.flights[k]
        if flight.tally == place:
            bucket = place_of(state.now_s - flight.since_s)
            scratch[bucket] += 1
            low = min(low, bucket)
            high = max(high, bucket)
    if felt.ages_row < 0:
        ages = world.felt_histograms[place // len(world.upstream.models), AGES]
        for bucket in range(low, high + 1):
            ages[bucket] += scratch[bucket]
        felt.low[AGES] = min(felt.low[AGES], low)
        felt.high[AGES] = max(felt.high[AGES], high)
    return low, high


@compiled
def _pack(counts: Any, low: int, high: int, buckets: Any, written: int) -> int:
    """Move the non-zero counts into the buffer, indices first; returns how many there are."""
    found = 0
    for bucket in range(low, high + 1):
        # Written whether or not it is to stay: a branch that goes either way costs more.
        buckets[written + found] = bucket + MIN_INDEX
        found += int(counts[bucket] != 0)
    for k in range(found):
        bucket = buckets[written + k] - MIN_INDEX
        buckets[written + found + k] = counts[bucket]
        counts[bucket] = 0
    return found


@inlined
def _count_above(buckets: Any, written: int, size: int, cuts: Any, counts: Any, first: int) -> None:
    """Write the number of samples of a packed histogram, and of those above each cut."""
    total = 0
    cut = 0
    for k in range(written, written + size):
        while cut < len(cuts) and buckets[k] >= cuts[cut]:
            counts[first + 1 + cut] = total
            cut += 1
        total += buckets[size + k]
    while cut < len(cuts):
        counts[first + 1 + cut] = total
        cut += 1
    counts[first] = total
    for place in range(first + 1, first + 1 + len(cuts)):
        counts[place] = total - counts[place]
