"""The application as a scenario file says it: what it does without a controller."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from balancer.policy_file import default_model
from balancer.policy_strategy import ThinkingSetting
from balancer.units import Count, Factor, Number, Seconds, Share, Tokens, Whole

from .frozen import Duration, Frozen
from .service_tiers import RequestTier

__all__ = ["Backoff", "Clients", "PromptEstimate", "Reasks"]


class Backoff(Frozen):
    """Delay before retry k (from 0): min(max, initial · factor**k) + U(0, jitter).

    The defaults are google-genai's `HttpRetryOptions`.
    """

    initial: Seconds = 1.0
    factor: Factor = 2.0
    max: Seconds = 60.0
    jitter: Seconds = 1.0


class Reasks(Frozen):
    """Users who got nothing, refused or failed, and ask again.

    The shares are assumptions: half of them, some twenty seconds later (between half of `after`
    and one and a half), and each time anew.
    """

    share: Annotated[Share, Field(lt=1)] = 0.5
    after: Duration = 20.0


class PromptEstimate(Frozen):
    """How far off an application is about the tokens of a prompt that it has not counted.

    What it reserves of a budget rests on the estimate; what it books, on the usage. A rule of
    four characters a token is off by a tenth or so on English text [assumed].
    """

    bias: Annotated[Number, Field(gt=-1, le=10)] = 0.0
    """Mean error, as a share of the true count."""
    error: Annotated[Share, Field(ge=0)] = 0.1
    """Sigma of the lognormal spread about it."""


class Clients(Frozen):
    """What the application does by itself, with or without a controller."""

    model: str = Field(default_factory=default_model)
    """Left out: the model that the default policy's baseline asks for."""
    thinking: ThinkingSetting = None
    output_cap: Tokens | None = None
    service_tier: RequestTier = "standard"
    """That calls ask for whose class asks for none, where the plan leaves it to them."""
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
    """Most calls the application keeps in flight, over all its replicas; the rest wait."""
    reasks: Reasks = Reasks()
    overhead: Seconds = 0.003
    """The client's own time for a call: google-genai costs 2 to 3 ms of a core [T]."""
    prompt_estimate: PromptEstimate = PromptEstimate()
