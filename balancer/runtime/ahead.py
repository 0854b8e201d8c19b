"""What the prices and models of a day that is to come will do to a policy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from ..core.doubts import doubts
from ..core.errors import PolicyError
from ..core.policy import Policy
from .ends import WITHIN_DAYS

__all__ = ["ahead", "doubts_from"]


def doubts_from(policy: Policy, day: date) -> tuple[str, ...]:
    """What is doubtful in a policy today, and what will be from a day to come on.

    Args:
        policy: whose thresholds and models.
        day: today.

    Raises:
        PolicyError: today's prices make none of it.
    """
    return (*doubts(policy.on(day.isoformat())), *ahead(policy, day))


def ahead(policy: Policy, day: date, within_days: int = WITHIN_DAYS) -> Iterator[str]:
    """What will be wrong with a policy from a day on that is not wrong today, a sentence each.

    Args:
        policy: whose thresholds and models.
        day: today.
        within_days: how far ahead.

    Raises:
        PolicyError: today's prices make none of it.
    """
    last = (day + min(timedelta(days=within_days), date.max - day)).isoformat()
    doubts_today = set(doubts(policy.on(day.isoformat())))
    for turn in policy.catalog.turns():
        if not day.isoformat() < turn <= last:
            continue
        try:
            coming = doubts(policy.on(turn))
        except PolicyError as error:
            yield f"from {turn} on the policy would be refused: {error.problem}"
            continue
        yield from (f"from {turn} on: {text}" for text in coming if text not in doubts_today)
        doubts_today.update(coming)
