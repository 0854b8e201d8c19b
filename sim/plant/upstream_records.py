"""What an upstream is made of: its calls, models, faults and settings, as records."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from balancer.core.tiers import SERVED_TIERS

__all__ = [
    "ANSWER",
    "CALL",
    "FAULT",
    "FAULT_KINDS",
    "GEMINI",
    "LONGEST_HOLD_S",
    "MODEL",
    "PROCESSOR_SHARING",
    "QUEUED",
    "SETTINGS",
    "Upstream",
]

GEMINI, QUEUED, PROCESSOR_SHARING = range(3)
"""Kinds of upstream."""

ANSWER = -1
"""Outcome of a complete answer; the others are indices of `FAILURES`."""

LONGEST_HOLD_S = 600.0
"""A call that hangs holds its place upstream for this long [assumed]."""

FAULT_KINDS = ("latency", "hang", "error", "quota", "thinking", "output", "price", "cut")
"""Kinds of faults, in the order of their codes."""

CALL = np.dtype(
    [
        # of this half is asked when the call ends
        ("attempt", "i4"),
        ("prompt", "i4"),
        ("cached", "i4"),
        ("output", "i4"),  # natural length of the answer
        ("answered", "i4"),  # the fate from here on: tokens of the answer
        ("thought", "i4"),
        ("delivered_ppm", "i4"),  # share of the wanted answer, in millionths
        ("quality_ppm", "i4"),  # of the answer, by model, thinking and share delivered
        ("ttft_s", "f8"),
        ("estimate_nano_usd", "i8"),  # by usage and price table
        ("bill_nano_usd", "i8"),  # what is charged
        ("model", "i1"),  # asked
        ("outcome", "i1"),
        ("inside", "?"),  # a failure, or a hang, comes after part of the response
        ("served", "?"),  # work was done, and is billed
        ("held", "?"),  # counts among the calls in flight upstream
        ("refuser", "i1"),  # of a refusal by quota: index of `sim.plant.quota.REFUSERS`
        ("tier", "i1"),  # asked: index of `REQUEST_TIERS`
        ("served_tier", "i1"),  # of `SERVED_TIERS`; `sim.plant.service_tiers.WAITS`: none yet
        # the rest of what the caller asks
        ("thinking", "i4"),  # tokens it would think if it chose freely
        ("cap", "i4"),  # max_output_tokens
        ("budget", "i4"),  # most thinking tokens
        ("own_tier", "i1"),  # that its caller wrote
        ("put_off", "?"),  # an attempt found flex full, and is no retry
        ("request_type", "i1"),  # index of `scenarios.service_tiers.REQUEST_TYPES`
        ("index", "i8"),
        ("concise", "f8"),  # what the instruction leaves of the natural length
        ("gives_up_s", "f8"),  # when the caller leaves
        # the rest of the fate
        ("duration_s", "f8"),  # until the caller sees the outcome; infinite: never
        ("holds_s", "f8"),  # until the upstream is done with it
        ("retry_after_s", "f8"),
    ],
    align=True,
)
"""One call: what was asked, and what becomes of it."""

MODEL = np.dtype(
    [
        ("ttft_s", "f8"),
        ("ttft_sigma", "f8"),
        ("tokens_per_s", "f8"),
        ("speed_sigma", "f8"),
        ("thinking_factor", "f8"),
        ("capacity", "f8"),
        ("slowdown", "f8"),
        ("overload_limit", "f8"),
        ("error_share", "f8"),
        ("error_latency_s", "f8"),
        ("quality_ppm", "i8"),
        ("thinking_loss", "f8"),  # of quality, when it does not think at all
        ("output_limit", "i8"),
        ("prices", "i8", (len(SERVED_TIERS), 7)),  # by service tier
        ("serves", "i8"),  # row of the model that serves in its place: its own, or of its successor
        ("flex_share", "f8"),  # of the places that others leave of the capacity
        ("flex_queue", "f8"),  # most flex calls that wait
        ("flex_longest_s", "f8"),
        ("bought_nano_usd", "i8"),  # worth of a window's provisioned throughput; 0: there is none
        ("window_s", "f8"),
        # running
        ("in_flight", "i8"),  # of standard and priority
        ("hurried", "i8"),  # of priority
        ("flexing", "i8"),
        ("waiting", "i8"),  # flex calls; who they are is kept by whoever calls `resume`
        ("first_waiting", "i8"),
        ("last_waiting", "i8"),
        ("window", "i8"),
        ("burnt_nano_usd", "i8"),  # in the window
    ],
    align=True,
)
"""One model: its healthy behaviour and its load."""

FAULT = np.dtype(
    [
        ("active", "?"),
        ("kind", "i1"),
        ("model", "i2"),  # -1: all
        ("share", "f8"),
        ("factor", "f8"),
        ("add_s", "f8"),
        ("error", "i1"),  # index of `FAILURES`
        ("inside", "?"),  # an error or hang strikes after part of the response
        ("ignores_budget", "?"),
        ("deterministic", "?"),
    ],
    align=True,
)
"""One fault: a value and a probability; its window is kept by whoever switches it."""

SETTINGS = np.dtype([("kind", "i8"), ("key", "u8"), ("limited", "?")], align=True)
"""What holds for all calls; `limited`: whether any quota or spend limit is declared."""


class Upstream(NamedTuple):
    """Everything the upstream's functions work on, as arrays.

    Attributes:
        settings: one record of `SETTINGS`.
        models: records of `MODEL`.
        quotas: records of `sim.plant.quota.QUOTA`: one a model, that of the
            project, and one a model again: what may be served as priority.
        cells: of sliding quotas, shape (2 models + 1, 2, CELLS); one cell where none slides.
        spending: one record of `sim.plant.spend_limit.SPENDING`.
        spent: its cells.
        midnights: seconds at which the day turns for daily quotas.
        faults: records of `FAULT`.
        queue: one record of `QUEUE`.
        servers: heap of times at which a queue's servers are free.
        room: heap of times at which callers leave a queue's bounded waiting room.
    """

    settings: Any
    models: Any
    quotas: Any
    cells: Any
    spending: Any
    spent: Any
    midnights: Any
    faults: Any
    queue: Any
    servers: Any
    room: Any
