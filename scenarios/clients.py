"""The application as a scenario file says it: what it does without a controller."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from balancer.policy_schema import ThinkingSetting
from balancer.units import Count, Factor, Seconds, Share, Tokens, Whole

from .frozen import Duration, Frozen

__all__ = ["Backoff", "Clients"]


class Backoff(Frozen):
    """Delay before retry k (from 0): min(max, initial · factor**k) + U(0, jitter).

    The defaults are google-genai's `HttpRetryOptions`.
    """

    initial: Seconds = 1.0
    factor: Factor = 2.0
    max: Seconds = 60.0
    jitter: Seconds = 1.0


class Clients(Frozen):
    """What the application does by itself, with or without a controller."""

    model: str = "gemini-2.5-flash"
    thinking: ThinkingSetting = None
    output_cap: Tokens | None = None
    timeout: Duration = 60.0
    retries: Annotated[Count, Field(le=20)] = 0
    """Attempts after the first; google-genai makes none unless told to, then 4."""
    backoff: Backoff = Backoff()
    honours_retry_delay: bool = False
    retry_budget: Share | None = None
    """Retries may be at most this share of requests (token bucket); None: no bound."""
    patience: Duration = 120.0
    """The user gives up this long after asking."""
    concurrency: Annotated[Whole, Field(gt=0)] | None = None
    """Most calls the application keeps in flight; the rest wait."""
