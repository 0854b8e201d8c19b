"""The calendar of a live balancer: on which day's prices and models it goes, and what ends soon."""

from __future__ import annotations

import logging
from datetime import date

from ..core.catalog import Catalog
from ..core.errors import PolicyError
from ..core.policy import Policy
from .clock import Timekeeper
from .ends import ends

__all__ = ["Days"]

logger = logging.getLogger("balancer")


class Days:
    """See the module. A clock without a calendar holds the day that a policy was read for.

    Args:
        clock: says which day it is.
    """

    __slots__ = ("_clock", "_told")

    def __init__(self, clock: Timekeeper) -> None:
        self._clock = clock
        self._told: set[tuple[str, bool]] = set()

    def policy(self, policy: Policy) -> Policy:
        """A policy as of today; as it is where the prices or models of today make none of it."""
        day = self._clock.day
        try:
            return policy if day is None else policy.on(day)
        except PolicyError as error:
            logger.warning(
                "policy %r would be refused now, and is kept; calls are priced as of today: %s",
                policy.name,
                error,
            )
            return policy

    def catalog(self, policy: Policy) -> Catalog:
        """A policy's catalog as of today; models in use that end soon, or have ended, are told."""
        day = self._clock.day
        if day is None:
            return policy.catalog
        catalog = policy.catalog.on(day)
        for end in ends(policy, catalog, date.fromisoformat(day)):
            if (end.model, end.ended) not in self._told:
                self._told.add((end.model, end.ended))
                logger.warning("%s", end.text)
        return catalog

    def later_than(self, catalog: Catalog) -> bool:
        """Whether today is not the day of a catalog."""
        return self._clock.day not in (None, catalog.as_of)

    def changes(self, catalog: Catalog) -> bool:
        """Whether a price or a model has changed since the day of a catalog."""
        day = self._clock.day or ""
        return any(catalog.as_of < turn <= day for turn in catalog.turns())
