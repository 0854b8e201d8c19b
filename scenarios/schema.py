"""The scenario format: one page of YAML says traffic, upstream, clients, faults, expectations.

Every model here is `Frozen`, which refuses unknown keys; `balancer.documents` words the message.
Durations come out in seconds, shares in 0..1, money in dollars; `balancer.units` reads them as
users write them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from balancer.names import Name
from balancer.units import Count, Day, Seconds, Whole

from .clients import Backoff, Clients
from .expectations import Bound, Expectation, Recovers, SavingBound
from .faults import (
    AlertFault,
    Fault,
    GaugeFault,
    OperatorFault,
    ProcessFault,
    TelemetryFault,
    UpstreamFault,
)
from .frozen import Duration, Frozen
from .monitors import Monitors
from .traffic import (
    Arrivals,
    Class,
    Constant,
    Diurnal,
    Lognormal,
    PatternPart,
    Quantiles,
    Ramp,
    Spike,
    Step,
    TokenDistribution,
    TraceColumns,
    Workload,
)
from .upstreams import Actions, GeminiUpstream, ModelProfile, QueueUpstream, Quota, SpendLimit
from .worth import Worth

__all__ = [
    "Actions",
    "AlertFault",
    "Arrivals",
    "Backoff",
    "Bound",
    "Class",
    "Clients",
    "Constant",
    "Diurnal",
    "Expectation",
    "Fault",
    "GaugeFault",
    "GeminiUpstream",
    "Lognormal",
    "ModelProfile",
    "Monitors",
    "OperatorFault",
    "PatternPart",
    "ProcessFault",
    "Quantiles",
    "QueueUpstream",
    "Quota",
    "Ramp",
    "Recovers",
    "SavingBound",
    "Scenario",
    "SpendLimit",
    "Spike",
    "Step",
    "TelemetryFault",
    "TokenDistribution",
    "TraceColumns",
    "UpstreamFault",
    "Workload",
    "Worth",
]

LAST_YEAR = 2199
"""Of a scenario's start."""


class Scenario(Frozen):
    """A scenario file."""

    scenario: Name
    """Its name."""
    title: str
    teaches: str = ""
    source: str = ""
    duration: Duration = 3600.0
    warm_up: Seconds = 300.0
    """Requests that come earlier are left out of every metric."""
    starts_at: datetime | None = None
    """Wall time of second 0, for daily quotas and exported telemetry; None: midnight Pacific."""
    date: Day | None = None
    """Whose prices hold, and on which models have ended; None: the day of the model table."""
    seed: Annotated[Whole, Field(ge=0, lt=2**63)] = 1
    replications: Annotated[Count, Field(ge=1, le=100_000)] = 24
    policy: str | dict[str, Any] | None = None
    workload: Workload = Workload()
    upstream: Annotated[GeminiUpstream | QueueUpstream, Field(discriminator="kind")] = (
        GeminiUpstream()
    )
    clients: Clients = Field(default_factory=Clients)
    replicas: Annotated[Whole, Field(ge=1, le=1000)] = 1
    """Processes the application runs as, each with its share of the traffic and a controller and a
    budget ledger of its own, as in processes that share nothing."""
    decision_lag: Seconds = 0.1
    """From the end of a tick until what was decided governs new requests [assumed]."""
    worth: Worth = Worth()
    monitors: Monitors = Monitors()
    faults: tuple[Fault, ...] = ()
    expectations: tuple[Expectation, ...] = ()

    @field_validator("starts_at")
    @classmethod
    def _in_reach(cls, found: datetime | None) -> datetime | None:
        # Days are counted from it, in other time zones, too, and telemetry counts from 1970.
        if found is not None:
            moment = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
            if moment < datetime(1970, 1, 1, tzinfo=UTC) or moment.year > LAST_YEAR:
                raise ValueError(f"found {found}, expected a time from 1970 to {LAST_YEAR}")
        return found

    @property
    def start(self) -> datetime | None:
        """Second 0 with its time zone, which is UTC where the file names none."""
        start = self.starts_at
        return start.replace(tzinfo=UTC) if start is not None and start.tzinfo is None else start

    @property
    def asked_models(self) -> tuple[str, ...]:
        """Models that requests ask for, in the order in which they are declared."""
        return tuple(self.workload.models) or (self.clients.model,)

    @field_validator("upstream", mode="before")
    @classmethod
    def _gemini_unless_said(cls, found: Any) -> Any:
        return {"kind": "gemini", **found} if isinstance(found, dict) else found

    @model_validator(mode="after")
    def _windows(self) -> Scenario:
        if self.warm_up >= self.duration:
            raise ValueError(
                f"warm_up {self.warm_up:g} s is not shorter than duration {self.duration:g} s"
            )
        for place, fault in enumerate(self.faults):
            if fault.at >= self.duration:
                raise ValueError(
                    f"faults.{place} starts at {fault.at:g} s, after the end of the scenario "
                    f"at {self.duration:g} s"
                )
        return self
