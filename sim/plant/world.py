"""The layout of everything the kernel works on: record types, and the arrays they fill.

A slot is a request that is under way. Its call upstream stands at the same place in `calls`.
A call that its client gave up on moves to a slot of its own until the upstream is done.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from balancer.core.histogram import MAX_INDEX, MIN_INDEX
from balancer.core.modes import MODES, PRIORITIES
from balancer.core.observations import FAILURES
from balancer.core.tiers import REQUEST_TIERS

from .upstream_records import Upstream

__all__ = [
    "AGES",
    "ANSWERED",
    "ASK",
    "BUCKETS",
    "CLIENT",
    "EVERYBODY",
    "FAILED",
    "FELT",
    "FLIGHT",
    "GATE",
    "GATES",
    "IN_PRIORITY",
    "LATENCY",
    "LONGEST_CHAIN",
    "MOST_MODELS",
    "PAUSE",
    "PLAN",
    "REPLICA",
    "SLOT",
    "STATE",
    "TALLY",
    "TOTALS",
    "TTFT",
    "World",
]

LONGEST_CHAIN = 8
"""Most models one plan may name."""

MOST_MODELS = 32
"""Most models that may be called in one run: bits of `SLOT`'s dead."""

EVERYBODY, IN_PRIORITY = -1, -2
"""Whose a budget is that is no key's: all calls, or those that are sent in the priority tier."""

ASK = 256
"""Attempts of a user's k-th asking are numbered from k times this, which no asking reaches."""

GATES = len(MODES) + 1
"""Most rows of a gate: every mode, and the refusal."""

BUCKETS = MAX_INDEX - MIN_INDEX + 1
"""Buckets of a histogram."""

LATENCY, TTFT = range(2)
"""Histograms kept of each (mode, model)."""

ANSWERED, FAILED, AGES = range(3)
"""Histograms kept of the requests of each mode; ages are counted as a tick ends."""

STATE = np.dtype(
    [
        ("now_s", "f8"),
        ("arrivals", "i8"),  # requests that have come
        ("first", "i8"),  # index of the first request of the chunk at hand
        ("more", "?"),  # whether another chunk may follow
        ("live", "i8"),  # requests under way
        ("events", "i8"),  # of the current day
        ("sequence", "i8"),
        ("day", "i8"),  # of the calendar, see `sim.plant.events`
        ("days_per_s", "f8"),
        ("day_s", "f8"),
        ("later", "i8"),  # events of later days
        ("free_later", "i8"),  # head of the list of free places for them
        ("free", "i8"),  # head of the list of free slots
        ("free_slots", "i8"),
        ("flights", "i8"),  # calls in flight, as clients see it, but for flex
        ("pauses", "i8"),  # requests between two attempts
    ],
    align=True,
)
"""What the whole world has one of."""

REPLICA = np.dtype(
    [
        ("flights", "i8"),  # calls in flight, as its clients see it
        ("flexing", "i8"),  # of them, those that were sent as flex
        ("first_waiting", "i8"),
        ("last_waiting", "i8"),
        ("waiting", "i8"),
        ("retry_tokens", "f8"),
        ("reserved_nano_usd", "i8"),
        # the decision in force
        ("mode", "i8"),
        ("max_in_flight", "i8"),
        ("max_starts", "i8"),
        ("starts", "i8"),  # in this tick
        # this tick's requests, by priority
        ("offered", "i8", (len(PRIORITIES),)),
        ("admitted", "i8", (len(PRIORITIES),)),
        ("shed", "i8", (len(PRIORITIES),)),
        ("fallback", "i8", (len(PRIORITIES),)),
    ],
    align=True,
)
"""One process of the application, with a controller of its own."""

CLIENT = np.dtype(
    [
        ("backoff_initial_s", "f8"),
        ("backoff_factor", "f8"),
        ("backoff_max_s", "f8"),
        ("backoff_jitter_s", "f8"),
        ("honours_retry_delay", "?"),
        ("retry_budget", "f8"),  # negative: none
        ("patience_s", "f8"),
        ("concurrency", "i8"),  # of one replica
        ("overhead_s", "f8"),  # the client's own time, for each call
        ("estimate_bias", "f8"),  # of prompt tokens, as a factor
        ("estimate_sigma", "f8"),
        ("reask_share", "f8"),
        ("reask_after_s", "f8"),
        ("horizon_s", "f8"),  # nobody asks again after it
        ("warm_up_s", "f8"),
        ("worth_within_s", "f8"),  # later answers are worth nothing
        ("keeps_latencies", "?"),
    ],
    align=True,
)

SLOT = np.dtype(
    [
        ("first_start_s", "f8"),  # NaN until the first attempt starts
        ("started_s", "f8"),
        ("gives_up_s", "f8"),
        ("reserved_nano_usd", "i8"),
        ("generation", "i4"),  # events of an earlier one are stale
        ("dead", "u4"),  # bits of the models that are out for the day
        ("link", "i2"),  # place in the plan's models, counting on over their end
        ("plan", "i2"),  # row of its plan
        ("replica", "i2"),  # of its request, as are key and mistake
        ("key", "i1"),
        ("mistake", "?"),
        ("flight", "i4"),  # place among the flights, or the pauses; -1 is none
        ("previous", "i4"),  # among those waiting
        ("next", "i4"),  # among those waiting, or free
        ("mode", "i1"),
        ("priority", "i1"),
        ("outcome", "i1"),  # of the attempt under way, or the last
        ("counts", "?"),  # came after warm-up
    ],
    align=True,
)
"""Fits a line of the cache: at the end of a call it is long out of the nearest ones."""

FLIGHT = np.dtype([("since_s", "f8"), ("tally", "i4"), ("slot", "i4")], align=True)

PAUSE = np.dtype([("since_s", "f8"), ("felt", "i4"), ("slot", "i4")], align=True)
"""A request that has begun and is not in flight: in backoff, or waiting for a place again."""

PLAN = np.dtype(
    [
        ("models", "i4", (LONGEST_CHAIN,)),
        ("caps", "i4", (LONGEST_CHAIN,)),  # most output tokens of each
        ("budgets", "i4", (LONGEST_CHAIN,)),  # most thinking tokens of each
        ("length", "i4"),
        # of each model's calls, by what the caller wrote and by priority
        ("tiers", "i1", (LONGEST_CHAIN, len(REQUEST_TIERS), len(PRIORITIES))),
        ("concise", "f8"),
        ("quality_ppm", "i8"),  # what its edits leave of an answer's quality
        ("timeout_s", "f8"),
        ("flex_timeout_s", "f8"),
        ("retries", "i4"),
        ("static_fallback", "?"),
    ],
    align=True,
)

GATE = np.dtype([("below", "f8"), ("mode", "i4"), ("admitted", "?")], align=True)

TALLY = np.dtype(
    [
        ("started", "i8"),
        ("finished", "i8"),
        ("failures", "i8", (len(FAILURES),)),
        ("prompt", "i8"),
        ("cached", "i8"),
        ("output", "i8"),
        ("thinking", "i8"),
        ("nano_usd", "i8"),
        ("rerouted", "i8"),
        ("downgraded", "i8"),
        ("unlike", "i8"),  # flex answers that are felt: its latencies are not all of the mode's
        ("in_flight", "i8"),  # but for flex
        # span of buckets touched, by histogram
        ("low", "i8", (2,)),
        ("high", "i8", (2,)),
    ],
    align=True,
)

FELT = np.dtype(
    [
        ("begun", "i8"),
        ("unjudged", "i8", (len(PRIORITIES),)),
        # the tick's only row whose latencies, or ages, are those of all the mode's requests; or -1
        ("answers_row", "i8"),
        ("ages_row", "i8"),
        # span of buckets touched, by histogram
        ("low", "i8", (3,)),
        ("high", "i8", (3,)),
    ],
    align=True,
)
"""A tick's requests of one mode."""

TOTALS = np.dtype(
    [
        ("offered", "i8", (len(PRIORITIES),)),
        ("reasked", "i8"),
        ("admitted", "i8", (len(PRIORITIES),)),
        ("shed", "i8", (len(PRIORITIES),)),
        ("answered", "i8", (len(PRIORITIES),)),
        ("failed", "i8", (len(PRIORITIES),)),
        ("refused", "i8"),
        ("fallback", "i8"),
        ("truncated", "i8"),
        ("attempts", "i8"),
        ("fallback_attempts", "i8"),
        ("rerouted", "i8"),
        ("downgraded", "i8"),
        ("attempts_finished", "i8"),
        ("attempts_failed", "i8"),
        ("prompt_tokens", "i8"),
        ("cached_tokens", "i8"),
        ("output_tokens", "i8"),
        ("thinking_tokens", "i8"),
        ("true_nano_usd", "i8"),
        ("observed_nano_usd", "i8"),
        ("quality_ppm_sum", "i8"),
        ("good_quality_ppm_sum", "i8"),
        ("sibling_quality_ppm_sum", "i8"),
        ("waiting_s", "f8"),
        ("admitted_by_mode", "i8", (len(MODES),)),
        ("latency_sum_s", "f8"),
        ("overshoot_nano_usd", "i8"),
    ],
    align=True,
)


class World(NamedTuple):
    """All arrays of one run.

    Attributes:
        state: one record of `STATE`.
        replicas: records of `REPLICA`: the application's processes.
        client: one record of `CLIENT`.
        requests: the chunk at hand of the records of `sim.traffic.workload.REQUEST`; what
            of a request is still needed once it has come is in its slot and call.
        slots: records of `SLOT`.
        calls: records of `sim.plant.upstream.CALL`, one a slot.
        events: heap of `sim.plant.events.EVENT` by (time, sequence): those of the current day.
        later: records of `sim.plant.events.LATER`: events of later days, chained.
        days: the first of each chain; -1 where there is none.
        flights: records of `FLIGHT`, dense, in no order.
        pauses: records of `PAUSE`, likewise.
        plans: records of `PLAN`: those of a request that asks for the first model, mode by mode,
            then of the second. Only models and what bounds their calls differ by what is asked.
        gates: records of `GATE`, shape (replicas, priorities, GATES).
        upstream: the upstream's own arrays.
        jobs: heap of `sim.plant.processor_sharing.JOB`.
        ledgers: rows of `balancer.core.budget`, shape (replicas, limits, width).
        ledger_keys: budget key of each limit, `EVERYBODY` or `IN_PRIORITY`.
        spends: true spend for each limit, see `sim.plant.spend`.
        tallies: records of `TALLY`, replica by replica, each mode by mode, each over all models.
        histograms: counts by tally, LATENCY or TTFT, and bucket.
        scratch: one histogram, all zero between uses.
        felt: records of `FELT`, replica by replica, each mode by mode.
        felt_histograms: counts by mode's place, ANSWERED, FAILED or AGES, and bucket.
        totals: one record of `TOTALS`.
        latency: request latencies by bucket.
        latencies: seconds of each request so far, if they are kept; NaN has none.
    """

    state: Any
    replicas: Any
    client: Any
    requests: Any
    slots: Any
    calls: Any
    events: Any
    later: Any
    days: Any
    flights: Any
    pauses: Any
    plans: Any
    gates: Any
    upstream: Upstream
    jobs: Any
    ledgers: Any
    ledger_keys: Any
    spends: Any
    tallies: Any
    histograms: Any
    scratch: Any
    felt: Any
    felt_histograms: Any
    totals: Any
    latency: Any
    latencies: Any
