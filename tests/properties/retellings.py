"""The same ticks told otherwise: by several replicas, at another time, or with mistakes on top."""

from __future__ import annotations

import random
import re
from itertools import pairwise
from operator import add
from typing import Any

from balancer.core.decisions import Decision
from balancer.core.histogram import Histogram
from balancer.core.observations import (
    FAILURES,
    ILLNESSES,
    NO_FAILURES,
    ModeObservations,
    ModeRequests,
    Observations,
)

__all__ = ["split", "with_mistakes", "without_ticks"]

COUNTS = (
    "started",
    "finished",
    "prompt_tokens",
    "cached_tokens",
    "output_tokens",
    "thinking_tokens",
    "nano_usd",
    "rerouted",
    "downgraded",
)


def split(whole: Observations, parts: int, chance: random.Random) -> list[Observations]:
    """What each of several replicas would have seen of a tick; together they saw it all."""

    def count(total: int) -> list[int]:
        return _shares(total, parts, chance)

    served: list[list[ModeObservations]] = [[] for _ in range(parts)]
    for entry in whole.served:
        columns = {name: count(getattr(entry, name)) for name in COUNTS}
        failures = [count(kind) for kind in entry.failures]
        histograms = {
            name: _split_histogram(getattr(entry, name), parts, chance)
            for name in ("latency", "ttft", "ages")
        }
        for part in range(parts):
            values: dict[str, Any] = {name: found[part] for name, found in columns.items()}
            values |= {name: found[part] for name, found in histograms.items()}
            values["failures"] = tuple(kind[part] for kind in failures)
            served[part].append(ModeObservations(entry.mode, entry.model, **values))
    requests: list[list[ModeRequests]] = [[] for _ in range(parts)]
    for felt in whole.requests:
        begun = count(felt.begun)
        felt_histograms = (felt.answered, felt.failed, felt.ages)
        pieces = [_split_histogram(histogram, parts, chance) for histogram in felt_histograms]
        low, normal, high = (count(total) for total in felt.unjudged)
        for part in range(parts):
            unjudged = (low[part], normal[part], high[part])
            answered, failed, ages = (piece[part] for piece in pieces)
            here = ModeRequests(felt.mode, begun[part], answered, failed, ages, unjudged)
            requests[part] += [here] if here != ModeRequests(felt.mode) else []
    by_priority = {
        name: list(zip(*(count(n) for n in getattr(whole, name)), strict=True))
        for name in ("offered", "admitted", "shed", "fallback")
    }
    waiting, reserved = count(whole.waiting), count(whole.reserved_nano_usd)
    fullest = chance.randrange(parts)
    keeps = [chance.randrange(1, 2**parts) for _ in (*whole.alerts, *whole.overrides)]
    return [
        Observations(
            whole.tick,
            served=tuple(entry for entry in served[part] if _says_anything(entry)),
            requests=tuple(requests[part]),
            waiting=waiting[part],
            reserved_nano_usd=reserved[part],
            memory_ppm=whole.memory_ppm if part == fullest else whole.memory_ppm // 2,
            alerts=tuple(a for a, k in zip(whole.alerts, keeps, strict=False) if k >> part & 1),
            overrides=tuple(
                order
                for order, keep in zip(whole.overrides, keeps[len(whole.alerts) :], strict=True)
                if keep >> part & 1
            ),
            ticks=whole.ticks,
            **{name: values[part] for name, values in by_priority.items()},
        )
        for part in range(parts)
    ]


def with_mistakes(whole: Observations, chance: random.Random) -> Observations:
    """The same tick, in which others made mistakes as well: any number, and ended at once."""
    served, requests = list(whole.served), []
    offered, admitted = list(whole.offered), list(whole.admitted)
    for felt in whole.requests:
        counts = [chance.choice((0, 1, 7, 300)) for _ in offered]
        requests.append(
            felt._replace(
                begun=felt.begun + sum(counts),
                unjudged=tuple(map(add, felt.unjudged, counts)),
            )
        )
        # An edit of ours that is refused is an attempt more.
        again = chance.choice((0, 2))
        for priority, count in enumerate(counts):
            offered[priority] += count
            admitted[priority] += count
        kinds = [0] * len(FAILURES)
        for _ in range(sum(counts) + again):
            kinds[chance.randrange(ILLNESSES, len(FAILURES))] += 1
        served = [
            entry._replace(
                started=entry.started + sum(kinds),
                finished=entry.finished + sum(kinds),
                failures=tuple(map(add, entry.failures, kinds)),
            )
            if place == [other.mode for other in served].index(felt.mode)
            else entry
            for place, entry in enumerate(served)
        ]
    return whole._replace(
        served=tuple(served),
        requests=tuple(requests),
        offered=tuple(offered),  # type: ignore[arg-type]
        admitted=tuple(admitted),  # type: ignore[arg-type]
    )


def _shares(total: int, parts: int, chance: random.Random) -> list[int]:
    edges = sorted(chance.randint(0, total) for _ in range(parts - 1))
    return [high - low for low, high in pairwise([0, *edges, total])]


def _split_histogram(whole: Histogram, parts: int, chance: random.Random) -> list[Histogram]:
    found: list[dict[int, int]] = [{} for _ in range(parts)]
    for index, total in whole.counts().items():
        for part, here in enumerate(_shares(total, parts, chance)):
            found[part][index] = here
    return [Histogram.from_counts(counts) for counts in found]


def _says_anything(entry: ModeObservations) -> bool:
    return entry != ModeObservations(entry.mode, entry.model, failures=NO_FAILURES)


def without_ticks(decision: Decision, by: int) -> tuple[object, ...]:
    """A decision as it would read `by` ticks earlier."""
    reasons = tuple(
        (
            reason.kind,
            re.sub(r"tick (\d+)", lambda found: f"tick {int(found[1]) - by}", reason.text),
            *(reason.rule, reason.value, reason.threshold, reason.k, reason.n),
        )
        for reason in decision.reasons
    )
    return decision.tick - by, *decision[1:5], reasons, decision.mixes, decision.gates
