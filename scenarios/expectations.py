"""Expectations as a scenario file says them."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, model_validator

from balancer.units import Quantity, Seconds, Share, parse_quantity

from .frozen import Duration, Frozen

__all__ = [
    "Bound",
    "Expectation",
    "Reaches",
    "Recovers",
    "SavingBound",
    "SecondsBound",
    "ShareBound",
]

NO_HARM = 0.001
"""What `no_harm: true` tolerates: a tenth of a point of availability."""


class Reaches(Frozen):
    """The mode is at least `mode` within `within` of the start of the fault named `of`."""

    mode: Literal["soft", "hard", "emergency"]
    within: Duration
    of: str | None = None
    """Name of a fault; None: the first."""


class Recovers(Frozen):
    """Back in normal within `within` of the end of the fault named `of` (None: the last).

    Where it is the traffic that troubles, `after` says when it no longer does. Runs that never left
    normal have nothing to recover from and say nothing, unless `if_left` says that this is as good.
    """

    within: Duration
    of: str | None = None
    after: Duration | None = None
    if_left: bool = False

    @model_validator(mode="after")
    def _one_start(self) -> Self:
        if self.of is not None and self.after is not None:
            raise ValueError("found of and after, expected one of them")
        return self


class Bound(Frozen):
    """A bound on a metric of the runs, at least one-sided."""

    at_least: Quantity | None = None
    at_most: Quantity | None = None

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("expected at_least or at_most")
        if self.at_least is not None and self.at_most is not None and self.at_most < self.at_least:
            raise ValueError(f"at_most {self.at_most:g} is below at_least {self.at_least:g}")
        return self


class ShareBound(Bound):
    """A bound on a share, such as 99.5%."""

    at_least: Share | None = None
    at_most: Share | None = None


class SavingBound(ShareBound):
    """A bound on the share of an arm's cost that is saved: static's, unless another is named."""

    against: Literal["static", "none", "cheapest"] = "static"


class SecondsBound(Bound):
    """A bound on a time, such as 12s."""

    at_least: Seconds | None = None
    at_most: Seconds | None = None


def _tolerance(found: object) -> float:
    """Points of availability as a share: "0.5pp" is 0.005, true the usual 0.1."""
    if found is True:
        return NO_HARM
    text = found.strip() if isinstance(found, str) else ""
    try:
        share = parse_quantity(text) if text.endswith("pp") else math.nan
    except ValueError:
        share = math.nan
    if not 0.0 <= share <= 1.0:
        raise ValueError(
            f"found {found!r}, expected true, or from 0pp to 100pp of availability such as 0.1pp"
        )
    return share


class Expectation(Frozen):
    """Exactly one of these.

    `metric` names any metric of `verdict.json` and stands with `at_least` or `at_most`, in
    any unit ("99.5%", "12s", "$50"); the other keys have their bounds inside.
    """

    reaches: Reaches | None = None
    recovers: Recovers | None = None
    never_above: Literal["normal", "soft", "hard"] | None = None
    budget_never_exceeded: Literal[True] | None = None
    transitions_per_hour: Bound | None = None
    no_harm: Annotated[float, BeforeValidator(_tolerance)] | None = None
    """Availability is no more than this share below that of the arm "static"."""
    cost_saved: SavingBound | None = None
    availability: ShareBound | None = None
    latency_p95: SecondsBound | None = None
    quality: ShareBound | None = None
    retry_amplification: Bound | None = None
    metric: str | None = None
    at_least: Quantity | None = None
    at_most: Quantity | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Expectation:
        sides = {"at_least", "at_most"}
        given = [
            name
            for name in type(self).model_fields
            if name not in sides and getattr(self, name) is not None
        ]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"found {found}, expected exactly one kind of expectation an item")
        bounded = self.at_least is not None or self.at_most is not None
        if bounded != (given == ["metric"]):
            raise ValueError(
                "metric needs at_least or at_most beside it"
                if given == ["metric"]
                else f"at_least and at_most belong inside {given[0]}"
            )
        return self
