"""Faults as a scenario file says them: value × window × probability."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from balancer.units import Factor, Seconds, Share, Whole

from .frozen import Duration, Frozen

__all__ = [
    "AlertFault",
    "Fault",
    "GaugeFault",
    "OperatorFault",
    "ProcessFault",
    "TelemetryFault",
    "UpstreamFault",
    "Windowed",
]


class Windowed(Frozen):
    """What every fault has: a window, in which it ramps up over `ramp` and down again."""

    name: str | None = None
    at: Seconds
    duration: Duration = Field(alias="for")
    ramp: Seconds = 0.0
    repeat_every: Duration | None = None
    """The window comes again with this period."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.repeat_every is not None and self.repeat_every < self.duration:
            raise ValueError(
                f"repeat_every {self.repeat_every:g} s is shorter than for {self.duration:g} s; "
                "the windows would overlap"
            )
        if 2 * self.ramp > self.duration:
            raise ValueError(
                f"ramp {self.ramp:g} s, up and down again, is longer than for {self.duration:g} s"
            )
        return self


class UpstreamFault(Windowed):
    """Fault = value × window × probability, for one model or for all.

    kind and its value:
        latency: durations times `factor`, plus `add`
        hang: a call never answers (and is billed as if it had)
        error: a call fails as `error`
        quota: rpm, tpm and rpd times `factor`
        thinking: thinking tokens times `factor`; `ignores_budget` lets them pass it
        output: natural output tokens times `factor`
        price: the true bill times `factor`; usage and price table stay as they were
        cut: a stream ends early without a finish reason

    Errors and hangs strike before a response, or (`where: inside`) after part of it.
    """

    kind: Literal["latency", "hang", "error", "quota", "thinking", "output", "price", "cut"]
    model: str | None = None
    """None: all models."""
    share: Share = 1.0
    """Probability that a call is hit."""
    factor: Factor = 1.0
    add: Seconds = 0.0
    error: Literal["overloaded", "internal", "quota_minute", "quota_day", "reset", "malformed"] = (
        "overloaded"
    )
    where: Literal["before", "inside"] = "before"
    """error, hang: whether it strikes before a response or after part of it was sent."""
    ignores_budget: bool = False
    deterministic: bool = False
    """Whether it strikes the same requests at every attempt, so that a retry fails again."""

    @model_validator(mode="after")
    def _does_something(self) -> UpstreamFault:
        if self.kind == "latency" and self.factor == 1 and self.add == 0:
            raise ValueError("a latency fault needs a factor such as x4, or add such as 2s")
        scaled = self.kind in ("quota", "output", "price")
        if (scaled or (self.kind == "thinking" and not self.ignores_budget)) and self.factor == 1:
            raise ValueError(f"a fault of kind {self.kind} needs a factor such as x4 or 10%")
        if self.where == "inside" and self.kind not in ("error", "hang"):
            raise ValueError(
                f"a fault of kind {self.kind} has no place in a response; leave where out"
            )
        if self.where == "inside" and self.kind == "error" and self.error.startswith("quota"):
            raise ValueError(
                f"error {self.error} is refused before a response; expected where: before, or an "
                "error of overloaded, internal, reset, malformed"
            )
        if self.share == 0:
            raise ValueError("share is 0; a fault that hits no call is no fault")
        return self


class TelemetryFault(Windowed):
    """What the controller is told comes late (`delay`) or not at all (`loss`)."""

    kind: Literal["delay", "loss"]
    by: Seconds = 0.0
    """delay: how late."""
    share: Share = 1.0
    """loss: probability that a tick's observations are lost."""


class AlertFault(Windowed):
    """An external monitor raises an alert for `mode` at `at` and clears it after `for`.

    The messages arrive `delay` later, `copies` times each; `out_of_order` delivers the
    recovery first; `loses_recovery` never delivers it.
    """

    kind: Literal["alert"]
    mode: Literal["soft", "hard", "emergency"]
    delay: Seconds = 60.0
    copies: Annotated[Whole, Field(ge=1, le=100)] = 1
    out_of_order: bool = False
    loses_recovery: bool = False
    lifetime: Seconds = 600.0


class OperatorFault(Windowed):
    """An operator holds a mode."""

    kind: Literal["override"]
    mode: Literal["normal", "soft", "hard", "emergency"]
    reason: str = "scenario"


class GaugeFault(Windowed):
    """Memory in use of the application, as a share."""

    kind: Literal["memory"]
    level: Share


class ProcessFault(Windowed):
    """A simpy process in Python: `path/to/file.py:function`, called with (env, plant, fault)."""

    kind: Literal["process"]
    process: str
    arguments: dict[str, Any] = Field(default_factory=dict)


Fault = Annotated[
    UpstreamFault | TelemetryFault | AlertFault | OperatorFault | GaugeFault | ProcessFault,
    Field(discriminator="kind"),
]
