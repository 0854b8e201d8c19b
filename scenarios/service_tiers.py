"""How an upstream serves flex, priority and provisioned throughput, as a scenario file says it.

Google publishes prices, the 15 minutes, the 503 and the silent downgrade; every number here but the
15 minutes and the 30 seconds is an assumption, and this is the place where they are.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from balancer.units import Factor, Number, Share, Usd, show_seconds

from .frozen import Duration, Frozen

__all__ = [
    "DEFAULT_PRIORITY_SHARE",
    "REQUEST_TYPES",
    "FlexService",
    "PriorityService",
    "Provisioned",
    "RequestTier",
    "RequestType",
    "ServiceTiers",
]

RequestTier = Literal["standard", "flex", "priority"]
"""Tiers that a request may ask for: `balancer.core.tiers.REQUEST_TIERS`."""

RequestType = Literal["dedicated", "shared"]
"""What a call to Vertex AI says of provisioned throughput, in the words of its header
`X-Vertex-AI-LLM-Request-Type`: nothing but that, or nothing of that."""

REQUEST_TYPES = ("", *get_args(RequestType))
"""The same in the order of their codes; the first is a call that says nothing."""

DEFAULT_PRIORITY_SHARE = 0.3
"""Of a model's quota, where no usage tier says it [assumed]."""


class FlexService(Frozen):
    """Flex: calls that run where others leave room."""

    share: Annotated[Share, Field(gt=0)] = 0.5
    """Of the places that standard and priority leave of a model's capacity [assumed]. Without a
    capacity there is always room."""
    queue: Factor = 20.0
    """Most calls that wait for a place, as a multiple of the capacity; the others are refused with
    503 at once [assumed]."""
    longest: Duration = 900.0
    """A call that has waited for so long is refused with 503: the 15 minutes of the docs [D]."""


class PriorityService(Frozen):
    """Priority: calls that go first, as far as a project's share of them goes."""

    share: Share | None = None
    """Of a model's quota of calls and input tokens a minute; the calls beyond it are served as
    standard. None: the usage tier's, or 30 % without one [assumed]. A model without a quota serves
    all of them, but none where the share is 0."""


_SHORTEST_WINDOW_S, _LONGEST_WINDOW_S = 1.0, 3600.0


class Provisioned(Frozen):
    """Provisioned throughput of one model on Vertex AI: paid by the hour, used or not."""

    tokens_per_s: Annotated[Number, Field(gt=0, le=1e9)]
    """In input tokens; other tokens burn it in the proportion of their prices."""
    usd_per_hour: Usd
    window: Duration = 30.0
    """In any such period of the upstream's clock, no more than its seconds' worth is served [D: up
    to 30 s for one family of models, for others anything from 1 s to minutes]."""

    @model_validator(mode="after")
    def _period(self) -> Provisioned:
        if not _SHORTEST_WINDOW_S <= self.window <= _LONGEST_WINDOW_S:
            raise ValueError(f"window: found {show_seconds(self.window)}, expected from 1s to 1h")
        return self


class ServiceTiers(Frozen):
    """What the tiers of a request mean."""

    flex: FlexService = FlexService()
    priority: PriorityService = PriorityService()
