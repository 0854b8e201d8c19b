"""Quotas: calls and input tokens a minute, calls a day, by model and for a whole project.

How the minute is counted is a property that an upstream declares, because no source says it
for Gemini and results depend on it (`docs/explanation/quotas.md`):

- *sliding*: at any moment, what was counted in the 60 s before it, in cells of 1/64 s. The
  window is a cell longer at most and never shorter, so no 60 s hold more than the limit.
- *calendar*: what was counted since the clock's minute began.
- *bucket*: a token bucket that fills at the quota's rate and holds `burst` of it.

The day turns at midnight Pacific. A call is granted when every limit grants it, and is
counted then; a quota that counts refused calls counts it in any case.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from balancer.core.observations import FAILURES

from ..compiled import compiled

__all__ = [
    "BUCKET",
    "CELLS",
    "COUNTINGS",
    "MINUTE_S",
    "MODEL_PROVISIONED",
    "MODEL_REQUESTS",
    "MODEL_TOKENS",
    "PROJECT_REQUESTS",
    "PROJECT_SPEND",
    "PROJECT_TOKENS",
    "QUOTA",
    "REFUSERS",
    "SLIDING",
    "grants",
    "new_row",
    "take",
    "take_own",
]

COUNTINGS = ("sliding", "calendar", "bucket")
"""Ways to count a minute, in the order of their codes."""
SLIDING, CALENDAR, BUCKET = range(len(COUNTINGS))

REFUSERS = (
    "",
    "model_requests",
    "model_tokens",
    "project_requests",
    "project_tokens",
    "project_spend",
    "model_provisioned",
)
"""Limits that may refuse a call, in the order of their codes; the first is none of them."""
(
    MODEL_REQUESTS,
    MODEL_TOKENS,
    PROJECT_REQUESTS,
    PROJECT_TOKENS,
    PROJECT_SPEND,
    MODEL_PROVISIONED,
) = range(1, len(REFUSERS))

MINUTE_S = 60.0
_CELLS_PER_S = 64  # a power of two, so that no cell's edge is rounded
CELLS = int(MINUTE_S) * _CELLS_PER_S + 1
"""Cells of a sliding minute: those that lie in it wholly, and the one that does in part."""

_MINUTE = FAILURES.index("quota_minute")
_DAY = FAILURES.index("quota_day")
_DAY_DELAY_S = 40.0  # [D] per-day refusals carry short delays too, whatever they are worth
# A caller that waits as long as it was told must not come a rounding error too early.
_SOON = 1e-6

QUOTA = np.dtype(
    [
        ("rpm", "i8"),  # limits; negative: none
        ("tpm", "i8"),
        ("rpd", "i8"),
        ("counting", "i8"),  # index of `COUNTINGS`
        ("counts_refused", "?"),
        ("phase_s", "f8"),  # second 0 of the run is so far into a minute of the clock
        ("burst_s", "f8"),  # what a bucket holds, as the time in which it fills
        # running
        ("cell", "i8"),  # of a sliding minute; or which minute of the clock
        ("calls", "i8"),  # counted in the minute
        ("tokens", "i8"),
        ("free_calls", "f8"),  # in the bucket
        ("free_tokens", "f8"),
        ("filled_s", "f8"),  # when the bucket was looked at last
        ("day", "i8"),
        ("calls_today", "i8"),
    ],
    align=True,
)
"""One quota, of a model or of the project, and what has been counted against it."""


def new_row(
    *,
    rpm: int | None,
    tpm: int | None,
    rpd: int | None,
    counting: str,
    counts_refused: bool,
    burst_s: float,
    phase_s: float,
) -> np.ndarray[Any, Any]:
    """A record of `QUOTA` of which nothing is used; None is no limit."""
    row = np.zeros(1, QUOTA)
    for name, limit in (("rpm", rpm), ("tpm", tpm), ("rpd", rpd)):
        row[name] = -1 if limit is None else limit
    row["counting"] = COUNTINGS.index(counting)
    row["counts_refused"] = counts_refused
    row["burst_s"] = burst_s
    row["phase_s"] = phase_s
    row["free_calls"] = row["free_tokens"] = np.inf  # full, whatever a fault leaves of it
    return row


@compiled
def take(
    own: Any,
    own_cells: Any,
    shared: Any,
    shared_cells: Any,
    midnights: Any,
    now_s: float,
    prompt_tokens: int,
    factor: float,
    spend_wait_s: float,
) -> tuple[int, float, int]:
    """Count a call against its model's quota and its project's, or refuse it.

    Args:
        own, shared: records of `QUOTA`: the model's, and that of all models together.
        own_cells, shared_cells: their cells, shape (2, CELLS): calls and input tokens. Only
            a sliding quota uses them.
        midnights: seconds at which the day turns, ascending.
        now_s: time; must not go back.
        prompt_tokens: input of the call.
        factor: what a fault leaves of the limits.
        spend_wait_s: how long the project's spend limit refuses calls; 0 when it does not.

    Returns:
        -1, 0 and 0 when granted; else the failure's index in `FAILURES`, the retry delay, and
        who refused: an index of `REFUSERS`. Of several refusals the one that lasts longest.
    """
    refusal, delay_s, tokens = grants(own, own_cells, midnights, now_s, prompt_tokens, factor)
    refuser = MODEL_REQUESTS + tokens if refusal >= 0 else 0
    found, wait_s, tokens = grants(shared, shared_cells, midnights, now_s, prompt_tokens, factor)
    if found >= 0 and refusal != _DAY and (found == _DAY or wait_s > delay_s):
        refusal, delay_s, refuser = found, wait_s, PROJECT_REQUESTS + tokens
    if refusal != _DAY and spend_wait_s > delay_s:
        refusal, delay_s, refuser = _MINUTE, spend_wait_s, PROJECT_SPEND
    if refusal < 0 or own.counts_refused:
        _count(own, own_cells, prompt_tokens)
    if refusal < 0 or shared.counts_refused:
        _count(shared, shared_cells, prompt_tokens)
    return refusal, delay_s, refuser


@compiled
def take_own(
    quota: Any, cells: Any, midnights: Any, now_s: float, prompt_tokens: int, factor: float
) -> bool:
    """Count a call against one quota, if that grants it."""
    refusal, _, _ = grants(quota, cells, midnights, now_s, prompt_tokens, factor)
    if refusal < 0:
        _count(quota, cells, prompt_tokens)
    return refusal < 0


@compiled
def grants(
    quota: Any, cells: Any, midnights: Any, now_s: float, prompt_tokens: int, factor: float
) -> tuple[int, float, int]:
    """Whether one quota grants a call, which is not counted yet.

    Returns:
        -1, 0 and 0 if so; else the failure's index, the retry delay, and 1 where input
        tokens and not calls ran out.
    """
    if quota.rpd >= 0:
        while quota.day < len(midnights) and now_s >= midnights[quota.day]:
            quota.day += 1
            quota.calls_today = 0
        if quota.calls_today >= quota.rpd * factor:
            return _DAY, _DAY_DELAY_S, 0
    if quota.rpm < 0 and quota.tpm < 0:
        return -1, 0.0, 0
    if quota.counting == BUCKET:
        return _fill(quota, now_s, prompt_tokens, factor)
    if quota.counting == CALENDAR:
        _turn(quota, now_s)
    else:
        _roll(quota, cells, now_s)
    calls_over = quota.calls + 1 - quota.rpm * factor if quota.rpm >= 0 else 0.0
    tokens_over = quota.tokens + prompt_tokens - quota.tpm * factor if quota.tpm >= 0 else 0.0
    if calls_over <= 0 and tokens_over <= 0:
        return -1, 0.0, 0
    tokens = 0 if calls_over > 0 else 1
    if quota.counting == CALENDAR:
        return _MINUTE, (quota.cell + 1) * MINUTE_S - quota.phase_s - now_s, tokens
    return _MINUTE, _frees_after_s(quota, cells, now_s, calls_over, tokens_over), tokens


@compiled
def _count(quota: Any, cells: Any, prompt_tokens: int) -> None:
    """Count a call; `grants` has brought the quota up to now."""
    quota.calls_today += 1
    if quota.counting == BUCKET:
        # A refused call empties the bucket at most: nothing is owed.
        quota.free_calls = max(0.0, quota.free_calls - 1.0)
        quota.free_tokens = max(0.0, quota.free_tokens - prompt_tokens)
        return
    quota.calls += 1
    quota.tokens += prompt_tokens
    if quota.counting == SLIDING and (quota.rpm >= 0 or quota.tpm >= 0):
        cell = quota.cell % CELLS
        cells[0, cell] += 1
        cells[1, cell] += prompt_tokens


# --- sliding ------------------------------------------------------------------------------


@compiled
def _roll(quota: Any, cells: Any, now_s: float) -> None:
    """Forget what has left the minute."""
    now = int(now_s * _CELLS_PER_S + _SOON)
    for passed in range(max(quota.cell + 1, now - CELLS + 1), now + 1):
        cell = passed % CELLS
        quota.calls -= cells[0, cell]
        quota.tokens -= cells[1, cell]
        cells[0, cell] = 0
        cells[1, cell] = 0
    quota.cell = max(quota.cell, now)


@compiled
def _frees_after_s(
    quota: Any, cells: Any, now_s: float, calls_over: float, tokens_over: float
) -> float:
    """Seconds until enough of the minute has passed; a whole minute if it never is."""
    for counted in range(quota.cell - CELLS + 1, quota.cell + 1):
        cell = counted % CELLS
        calls_over -= cells[0, cell]
        tokens_over -= cells[1, cell]
        if calls_over <= 0 and tokens_over <= 0:
            return float((counted + CELLS) / _CELLS_PER_S - now_s)
    return MINUTE_S


# --- calendar -----------------------------------------------------------------------------


@compiled
def _turn(quota: Any, now_s: float) -> None:
    """Begin again with the clock's minute."""
    minute = int((now_s + quota.phase_s + _SOON) / MINUTE_S)
    if minute > quota.cell:
        quota.cell = minute
        quota.calls = 0
        quota.tokens = 0


# --- bucket -------------------------------------------------------------------------------


@compiled
def _fill(quota: Any, now_s: float, prompt_tokens: int, factor: float) -> tuple[int, float, int]:
    """Fill the bucket up to now, and see whether it holds a call; returns as `grants`."""
    passed_s = max(0.0, now_s - quota.filled_s)
    quota.filled_s = max(quota.filled_s, now_s)
    calls_s = tokens_s = 0.0
    if quota.rpm >= 0:
        per_s = quota.rpm * factor / MINUTE_S
        quota.free_calls = min(per_s * quota.burst_s, quota.free_calls + per_s * passed_s)
        calls_s = _wait_s(1.0, quota.free_calls, per_s, quota.burst_s)
    if quota.tpm >= 0:
        per_s = quota.tpm * factor / MINUTE_S
        quota.free_tokens = min(per_s * quota.burst_s, quota.free_tokens + per_s * passed_s)
        tokens_s = _wait_s(float(prompt_tokens), quota.free_tokens, per_s, quota.burst_s)
    if calls_s <= 0 and tokens_s <= 0:
        return -1, 0.0, 0
    return _MINUTE, max(calls_s, tokens_s), 0 if calls_s > 0 else 1


@compiled
def _wait_s(wanted: float, free: float, per_s: float, burst_s: float) -> float:
    """Seconds until a bucket holds what is wanted; a minute if it never will."""
    if wanted <= free + _SOON:
        return 0.0
    if wanted > per_s * burst_s + _SOON:
        return MINUTE_S
    return (wanted - free) / per_s
