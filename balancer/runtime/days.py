"""The calendar of a live balancer: on which day's prices and models it goes, and what ends soon."""

from __future__ import annotations

import logging
from datetime import date

from ..core.catalog import Catalog
from ..core.doubts import doubts
from ..core.errors import PolicyError
from ..core.policy import Policy
from .ahead import ahead
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
        self._told: set[str] = set()

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
        """A policy's catalog as of today; what ends soon, has ended, or will be dearer is told."""
        day = self._clock.day
        if day is None:
            return policy.catalog
        catalog = policy.catalog.on(day)
        today = date.fromisoformat(day)
        for end in ends(policy, catalog, today):
            self._tell(f"{end.model} {end.ended}", end.text)
        try:
            for text in doubts(policy.on(day)):
                self._tell(text, f"policy {policy.name!r}: {text}")
            for text in ahead(policy, today):
                self._tell(text, text)
        except PolicyError:
            pass  # that of today is told when the policy is taken up
        return catalog

    def _tell(self, what: str, text: str) -> None:
        if what not in self._told:
            self._told.add(what)
            logger.warning("%s", text)

    def later_than(self, catalog: Catalog) -> bool:
        """Whether today is not the day of a catalog."""
        return self._clock.day not in (None, catalog.as_of)

    def changes(self, catalog: Catalog) -> bool:
        """Whether a price or a model has changed since the day of a catalog."""
        day = self._clock.day or ""
        return any(catalog.as_of < turn <= day for turn in catalog.turns())
