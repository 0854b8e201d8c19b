"""How an upstream serves the service tiers flex and priority, as a scenario file says it.

Google publishes prices, the 15 minutes, the 503 and the silent downgrade; every number here but the
15 minutes is an assumption, and this is the place where they are.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from balancer.units import Factor, Share

from .frozen import Duration, Frozen

__all__ = [
    "DEFAULT_PRIORITY_SHARE",
    "FlexService",
    "PriorityService",
    "RequestTier",
    "ServiceTiers",
]

RequestTier = Literal["standard", "flex", "priority"]
"""Tiers that a request may ask for: `balancer.core.tiers.REQUEST_TIERS`."""

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


class ServiceTiers(Frozen):
    """What the tiers of a request mean."""

    flex: FlexService = FlexService()
    priority: PriorityService = PriorityService()
