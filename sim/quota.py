"""Quotas as Gemini counts them: calls and input tokens a minute, calls a day.

The minute is a sliding one, in cells of a second. The day turns at midnight Pacific. A
refused call is not counted.
"""

from __future__ import annotations

from typing import Any

from balancer.core.observations import FAILURES

from .compiled import compiled

__all__ = ["CELLS", "take"]

CELLS = 60
"""One-second cells of the sliding minute."""

_MINUTE = FAILURES.index("quota_minute")
_DAY = FAILURES.index("quota_day")
_CALLS, _TOKENS = 0, 1
_DAY_DELAY_S = 40.0  # [D] per-day refusals carry short delays too, whatever they are worth


@compiled
def take(
    model: Any, minutes: Any, midnights: Any, now_s: float, prompt_tokens: int, factor: float
) -> tuple[int, float]:
    """Count a call against its model's quotas, or refuse it.

    Args:
        model: record of the model: its limits (negative: none) and running sums.
        minutes: the model's cells, shape (2, CELLS): calls and input tokens by second.
        midnights: seconds at which the day turns, ascending.
        now_s: time; must not go back.
        prompt_tokens: input of the call.
        factor: what a fault leaves of the limits.

    Returns:
        -1 and 0 when granted; else the failure's index in `FAILURES` and the retry delay.
    """
    if model.rpd >= 0:
        while model.day < len(midnights) and now_s >= midnights[model.day]:
            model.day += 1
            model.calls_today = 0
        if model.calls_today >= model.rpd * factor:
            return _DAY, _DAY_DELAY_S
    if model.rpm >= 0 or model.tpm >= 0:
        _roll(model, minutes, int(now_s))
        calls_over = model.minute_calls + 1 - model.rpm * factor if model.rpm >= 0 else 0.0
        tokens_over = (
            model.minute_tokens + prompt_tokens - model.tpm * factor if model.tpm >= 0 else 0.0
        )
        if calls_over > 0 or tokens_over > 0:
            return _MINUTE, _frees_after_s(model, minutes, now_s, calls_over, tokens_over)
        cell = model.second % CELLS
        minutes[_CALLS, cell] += 1
        minutes[_TOKENS, cell] += prompt_tokens
        model.minute_calls += 1
        model.minute_tokens += prompt_tokens
    model.calls_today += 1
    return -1, 0.0


@compiled
def _roll(model: Any, minutes: Any, second: int) -> None:
    """Forget the seconds that have left the minute."""
    first = max(model.second + 1, second - CELLS + 1)
    for passed in range(first, second + 1):
        cell = passed % CELLS
        model.minute_calls -= minutes[_CALLS, cell]
        model.minute_tokens -= minutes[_TOKENS, cell]
        minutes[_CALLS, cell] = 0
        minutes[_TOKENS, cell] = 0
    model.second = max(model.second, second)


@compiled
def _frees_after_s(
    model: Any, minutes: Any, now_s: float, calls_over: float, tokens_over: float
) -> float:
    """Seconds until enough of the minute has passed; a whole minute if it never is."""
    for second in range(model.second - CELLS + 1, model.second + 1):
        cell = second % CELLS
        calls_over -= minutes[_CALLS, cell]
        tokens_over -= minutes[_TOKENS, cell]
        if calls_over <= 0 and tokens_over <= 0:
            return float(second + CELLS - now_s)
    return float(CELLS)
