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
from balancer.core.histogram import EMPTY, MIN_INDEX, Histogram
from balancer.core.modes import MODES
from balancer.core.observations import FAILURES, ModeObservations, ModeRequests, Observations

from . import spend
from .buckets import count, place_of
from .compiled import compiled, inlined
from .world import AGES, ANSWERED, BUCKETS, FAILED, LATENCY, TTFT, World

__all__ = ["Record", "close_tick"]

_HEAD = 16  # rows, offered, admitted, shed, fallback by priority, waiting, reserved, modes' rows
_KINDS = len(FAILURES)
# Place, started, finished, failures, tokens and cost, rerouted and downgraded, bucket counts.
_ROW = 3 + _KINDS + 5 + 2 + 3
# Mode, begun, bucket counts, unjudged by priority; a count of -1 - k is the k-th row's histogram.
_MODE_ROW = 8
_TIMEOUT = FAILURES.index("timeout")

_advance_ledger = compiled(budget.advance)


class Record:
    """The two buffers, and how to read them.

    Args:
        models: names of the models, in the order of the kernel's rows.
    """

    __slots__ = ("_keys", "buckets", "numbers")

    def __init__(self, models: tuple[str, ...]) -> None:
        self._keys = [(mode, model) for mode in MODES for model in models]
        rows = len(self._keys)
        self.numbers = np.zeros(_HEAD + rows * _ROW + len(MODES) * _MODE_ROW, np.int64)
        self.buckets = np.zeros((rows + len(MODES)) * 3 * 2 * BUCKETS, np.int32)

    def read(self, tick: int, memory_ppm: int) -> Observations:
        """Observations of the tick that was just closed."""
        numbers, buckets = self.numbers, self.buckets
        rows = int(numbers[0])
        size = _HEAD + rows * _ROW + int(numbers[15]) * _MODE_ROW
        values: list[int] = numbers[:size].tolist()
        served = []
        start = 0
        at = _HEAD
        for _ in range(rows):
            place, started, finished = values[at : at + 3]
            failures = tuple(values[at + 3 : at + 3 + _KINDS])
            rest = at + 3 + _KINDS
            prompt, cached, output, thinking, cost, rerouted, downgraded, latency, ttft, ages = (
                values[rest : rest + 10]
            )
            at += _ROW
            mode, model = self._keys[place]
            middle = start + 2 * latency
            last = middle + 2 * ttft
            stop = last + 2 * ages
            served.append(
                ModeObservations(
                    mode,
                    model,
                    started,
                    finished,
                    failures,
                    Histogram(buckets[start:middle].tobytes()) if latency else EMPTY,
                    Histogram(buckets[middle:last].tobytes()) if ttft else EMPTY,
                    Histogram(buckets[last:stop].tobytes()) if ages else EMPTY,
                    prompt,
                    cached,
                    output,
                    thinking,
                    cost,
                    rerouted,
                    downgraded,
                )
            )
            start = stop
        requests = []
        while at < size:
            place, begun, answered, failed, ages, low, normal, high = values[at : at + _MODE_ROW]
            at += _MODE_ROW
            answers = gave_up = under_way = EMPTY
            if answered < 0:
                answers = served[-1 - answered].latency
            elif answered:
                stop = start + 2 * answered
                answers, start = Histogram(buckets[start:stop].tobytes()), stop
            if failed:
                stop = start + 2 * failed
                gave_up, start = Histogram(buckets[start:stop].tobytes()), stop
            if ages < 0:
                under_way = served[-1 - ages].ages
            elif ages:
                stop = start + 2 * ages
                under_way, start = Histogram(buckets[start:stop].tobytes()), stop
            unjudged = (low, normal, high)
            requests.append(
                ModeRequests(MODES[place], begun, answers, gave_up, under_way, unjudged)
            )
        return Observations(
            tick,
            tuple(served),
            (values[1], values[2], values[3]),
            (values[4], values[5], values[6]),
            (values[7], values[8], values[9]),
            (values[10], values[11], values[12]),
            values[13],
            values[14],
            memory_ppm,
            (),
            (),
            tuple(requests),
        )


@compiled
def close_tick(world: World, place: int, numbers: Any, buckets: Any, tick: int) -> None:
    """Write the record of a replica's tick and reset its counts; gauges are as of now.

    Args:
        world: all arrays.
        place: of the replica; all of them, in order, end a tick.
        numbers: `Record.numbers`.
        buckets: `Record.buckets`.
        tick: the tick that ends; ticks must come one by one.
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
            row = numbers[_HEAD + rows * _ROW : _HEAD + (rows + 1) * _ROW]
            written = _write_row(world, place * tallies + kind, row, buckets, written)
            row[0] = kind
            rows += 1
    numbers[0] = rows
    _count_pauses(world, place)
    modes = 0
    for mode in range(len(MODES)):
        felt = world.felt[place * len(MODES) + mode]
        highest = max(felt.high[ANSWERED], felt.high[FAILED], felt.high[AGES])
        mistakes = felt.unjudged[0] + felt.unjudged[1] + felt.unjudged[2]
        if felt.begun or highest >= 0 or felt.ages_row >= 0 or mistakes:
            start = _HEAD + rows * _ROW + modes * _MODE_ROW
            row = numbers[start : start + _MODE_ROW]
            written = _write_mode(world, place * len(MODES) + mode, row, buckets, written)
            row[0] = mode
            modes += 1
    numbers[15] = modes
    for limit in range(len(world.ledger_keys)):
        _advance_ledger(world.ledgers[place, limit], tick + 1)
        if place == 0:
            spend.close(world.spends[limit], tick)
            world.totals[0].overshoot_nano_usd = max(
                world.totals[0].overshoot_nano_usd, world.spends[limit, spend.OVERSHOOT]
            )


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
def _write_row(world: World, place: int, row: Any, buckets: Any, written: int) -> int:
    tally = world.tallies[place]
    row[1] = tally.started
    row[2] = tally.finished
    for kind in range(_KINDS):
        row[3 + kind] = tally.failures[kind]
        tally.failures[kind] = 0
    rest = 3 + _KINDS
    row[rest] = tally.prompt
    row[rest + 1] = tally.cached
    row[rest + 2] = tally.output
    row[rest + 3] = tally.thinking
    row[rest + 4] = tally.nano_usd
    row[rest + 5] = tally.rerouted
    row[rest + 6] = tally.downgraded
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
        row[rest + 7 + which] = size
        written += 2 * size
    size = 0
    if tally.in_flight:
        low, high = _count_ages(world, place)
        size = _pack(world.scratch, low, high, buckets, written)
    row[rest + 9] = size
    return written + 2 * size


@inlined
def _write_mode(world: World, place: int, row: Any, buckets: Any, written: int) -> int:
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
            row[2 + which] = _pack(histogram, low, high, buckets, written)
            written += 2 * row[2 + which]
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
        if counts[bucket]:
            buckets[written + found] = bucket + MIN_INDEX
            found += 1
    for k in range(found):
        bucket = buckets[written + k] - MIN_INDEX
        buckets[written + found + k] = counts[bucket]
        counts[bucket] = 0
    return found
