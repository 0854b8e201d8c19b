"""What answers are worth to their users, as a scenario file says it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from balancer.units import Share, Usd

from .frozen import Duration, Frozen

__all__ = ["Worth"]


class Worth(Frozen):
    """The terms of a run's utility: assumptions, which `docs/explanation/comparison.md` argues.

    Utility = answer · (quality of complete answers in time - waiting · seconds waited) - bill.
    """

    answer: Annotated[Usd, Field(gt=0, le=1e6)] = 0.03
    """Dollars that a complete answer of quality 1 is worth when it comes in time."""
    waiting: Share = 0.005
    """Share of that lost with every second a user waits, answered in the end or not."""
    within: Duration = 60.0
    """An answer later than this is worth nothing."""
