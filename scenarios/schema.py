"""The scenario format: one page of YAML says traffic, upstream, clients, faults, expectations.

Every model here refuses unknown keys. Durations come out in seconds, shares in 0..1, money
in dollars; `balancer.units` reads them as users write them.
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from balancer.policy_schema import ThinkingSetting
from balancer.units import Count, Factor, Quantity, Seconds, Share, Tokens

__all__ = [
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
    "OperatorFault",
    "PatternPart",
    "ProcessFault",
    "Quantiles",
    "QueueUpstream",
    "Quota",
    "Ramp",
    "Scenario",
    "Spike",
    "Step",
    "TelemetryFault",
    "TokenDistribution",
    "UpstreamFault",
    "Workload",
]


class Frozen(BaseModel):
    """Immutable, and strict about keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False
    )


def _positive(seconds: float) -> float:
    if seconds <= 0:
        raise ValueError(f"found {seconds:g} s, expected a duration above 0")
    return seconds


Duration = Annotated[Seconds, AfterValidator(_positive)]
"""Seconds, more than none."""


# --- traffic ------------------------------------------------------------------------------


class Step(Frozen):
    """From `at` on, the level of traffic is `factor`, until another step or a ramp."""

    kind: Literal["step"]
    at: Seconds
    factor: Factor


class Ramp(Frozen):
    """From `at` the level moves linearly to `factor`, reaches it after `over`, and stays."""

    kind: Literal["ramp"]
    at: Seconds
    over: Duration
    factor: Factor


class Spike(Frozen):
    """Between `at` and `at + for`, the rate is multiplied by `factor`."""

    kind: Literal["spike"]
    at: Seconds
    duration: Duration = Field(alias="for")
    factor: Factor


class Diurnal(Frozen):
    """The rate is multiplied by 1 + amplitude·cos(2π (t − peak_at) / period)."""

    kind: Literal["diurnal"]
    amplitude: Share
    period: Duration = 86_400.0
    peak_at: Seconds = 0.0


PatternPart = Annotated[Step | Ramp | Spike | Diurnal, Field(discriminator="kind")]


class Arrivals(Frozen):
    """When requests come.

    A process of unit rate (constant, Poisson, or gamma gaps of a given CV; or a recorded
    trace) is stretched by the rate: `rate` times the level that steps and ramps of `pattern`
    move (it starts at 1), times every spike and diurnal in force. A trace keeps its own
    gaps; `rate_scale` and `pattern` replay it faster or slower, and it starts again when it
    ends before the scenario does.
    """

    process: Literal["constant", "poisson", "gamma"] = "poisson"
    rate: Annotated[float, Field(gt=0, le=100_000)] = 5.5
    cv: Annotated[float, Field(gt=0, le=10)] = 1.0
    pattern: tuple[PatternPart, ...] = ()
    trace: str | None = None
    format: Literal["azure", "burstgpt", "mooncake"] | None = None
    rate_scale: Factor = 1.0
    """Requests of a trace are replayed this many times faster."""

    @model_validator(mode="after")
    def _trace_has_a_format(self) -> Arrivals:
        if (self.trace is None) != (self.format is None):
            given, missing = ("format", "trace") if self.trace is None else ("trace", "format")
            raise ValueError(f"{given} is given without {missing}; a trace needs both")
        if self.rate_scale == 0:
            raise ValueError("rate_scale is 0; expected a factor above 0 such as x2")
        return self


class Lognormal(Frozen):
    """Lognormal through two quantiles, cut at `max`."""

    p50: Tokens
    p95: Tokens
    max: Tokens = 1_000_000

    @model_validator(mode="after")
    def _ordered(self) -> Lognormal:
        if not 0 < self.p50 <= self.p95 <= self.max:
            raise ValueError(
                f"found p50 {self.p50}, p95 {self.p95}, max {self.max}; "
                "expected 0 < p50 <= p95 <= max"
            )
        return self


class Quantiles(Frozen):
    """Empirical: linear between the given quantiles (0..1 → tokens)."""

    quantiles: Annotated[dict[Share, Tokens], Field(min_length=2, max_length=1000)]

    @model_validator(mode="after")
    def _grow(self) -> Quantiles:
        points = sorted(self.quantiles.items())
        if points[0][0] != 0 or points[-1][0] != 1:
            raise ValueError("expected quantiles from 0 (the least) to 1 (the most)")
        if any(later < earlier for (_, earlier), (_, later) in pairwise(points)):
            raise ValueError("expected tokens that do not fall from one quantile to the next")
        return self


class Constant(Frozen):
    """Always the same."""

    constant: Tokens


def _plain_is_constant(found: Any) -> Any:
    return {"constant": found} if isinstance(found, int | float | str) else found


def _form(found: Any) -> str:
    for tag in ("quantiles", "constant"):
        if tag in found if isinstance(found, dict) else hasattr(found, tag):
            return tag
    return "lognormal"


TokenDistribution = Annotated[
    Annotated[Lognormal, Tag("lognormal")]
    | Annotated[Quantiles, Tag("quantiles")]
    | Annotated[Constant, Tag("constant")],
    Discriminator(_form),
    BeforeValidator(_plain_is_constant),
]
"""How many tokens: {p50, p95}, {quantiles: {0: ., 0.5: ., 1: .}}, or one number."""


class Class(Frozen):
    """One kind of request: a share of the common traffic, or traffic with arrivals of its own."""

    name: str
    share: Share = 1.0
    priority: Literal["low", "normal", "high"] = "normal"
    key: str | None = None
    """Budget key (tenant)."""
    prompt: TokenDistribution | None = None
    """None: from the trace, or the calibrated conversation workload."""
    cached: Share = 0.0
    """Share of the prompt read from the cache."""
    output: TokenDistribution | None = None
    thinking: TokenDistribution | None = None
    """Tokens a model would think if it chose freely."""
    arrivals: Arrivals | None = None
    """Its own, beside the common ones: a batch job, a client that runs away."""

    @model_validator(mode="after")
    def _own_arrivals_are_a_process(self) -> Class:
        if self.arrivals is None:
            return self
        if self.arrivals.trace is not None:
            raise ValueError("arrivals of a class are a process; a trace is of the whole workload")
        if "share" in self.model_fields_set:
            raise ValueError("found share and arrivals; a class with its own arrivals has no share")
        return self


class Workload(Frozen):
    """All traffic of the scenario."""

    arrivals: Arrivals = Arrivals()
    classes: Annotated[tuple[Class, ...], Field(min_length=1, max_length=100)] = (
        Class(name="chat"),
    )

    @model_validator(mode="after")
    def _shares_add_up(self) -> Workload:
        total = sum(entry.share for entry in self.classes if entry.arrivals is None)
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares of the classes add up to {total:.4%}, expected 100%")
        names = [entry.name for entry in self.classes]
        if len(set(names)) < len(names):
            raise ValueError(f"found class names {', '.join(names)}, expected each once")
        return self


# --- upstream -----------------------------------------------------------------------------


class Quota(Frozen):
    """Per project and model; None is unlimited. Tokens are input tokens."""

    rpm: Annotated[Tokens, Field(gt=0)] | None = None
    tpm: Annotated[Tokens, Field(gt=0)] | None = None
    rpd: Annotated[Tokens, Field(gt=0)] | None = None


class ModelProfile(Frozen):
    """How one model behaves when healthy."""

    ttft_p50: Seconds
    ttft_p95: Seconds
    tokens_per_s: Annotated[float, Field(gt=0)]
    """Median speed of output, thinking included."""
    speed_sigma: Annotated[float, Field(ge=0, le=3)] = 0.15
    """Sigma of the lognormal spread of a call's speed."""
    thinking_factor: Factor = 1.0
    """Natural thinking of this model, as a multiple of the workload's."""
    thinks_unasked: bool = True
    """Whether it thinks when nothing is said about thinking."""
    capacity: Annotated[float, Field(gt=0)] | None = None
    """Calls in flight beyond which it slows: durations times (calls / capacity) ** slowdown."""
    slowdown: Annotated[float, Field(ge=0, le=10)] = 1.0
    overload_limit: Annotated[float, Field(gt=0)] | None = None
    """Calls in flight beyond which the excess share is refused with 503."""
    error_share: Share = 0.0
    """503s when healthy."""
    error_latency: Seconds = 0.3
    """Time a refusal takes."""
    quota: Quota = Quota()
    quality: Share = 1.0
    """Declared quality of a full answer: an assumption, printed as such."""

    @model_validator(mode="after")
    def _ordered(self) -> ModelProfile:
        if not 0 < self.ttft_p50 <= self.ttft_p95:
            raise ValueError(
                f"found ttft_p50 {self.ttft_p50:g} s and ttft_p95 {self.ttft_p95:g} s, "
                "expected 0 < ttft_p50 <= ttft_p95"
            )
        return self


class GeminiUpstream(Frozen):
    """Gemini models; a named model starts from its calibrated profile (`profiles.yaml`)."""

    kind: Literal["gemini"] = "gemini"
    models: dict[str, dict[str, Any]] = {}
    """What differs from the calibrated profile, by model."""
    concise_factor: Share = 0.6
    """Assumption: what the concise instruction leaves of an answer's natural length."""


class QueueUpstream(Frozen):
    """A plain queue, to check the simulator against theory."""

    kind: Literal["queue"]
    servers: Annotated[int, Field(gt=0, le=100_000)] = 1
    service: Literal["exponential", "deterministic", "general"] = "exponential"
    mean: Duration = 1.0
    cv2: Annotated[float, Field(ge=0, le=100)] = 1.0
    """Squared CV of a general service (lognormal)."""
    discipline: Literal["fifo", "processor_sharing"] = "fifo"
    bound: Annotated[int, Field(ge=0)] | None = None
    """Most waiting in the queue (beside those in service); the others are refused."""
    cancels: bool = True
    """Whether a caller that gives up takes its work out of the queue or server."""
    mean_patience: Duration | None = None
    """Exponential patience in the queue (abandonment), by its mean."""


# --- clients ------------------------------------------------------------------------------


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
    concurrency: Annotated[int, Field(gt=0)] | None = None
    """Most calls the application keeps in flight; the rest wait."""


# --- faults -------------------------------------------------------------------------------


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
    copies: Annotated[int, Field(ge=1, le=100)] = 1
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
    arguments: dict[str, Any] = {}


Fault = Annotated[
    UpstreamFault | TelemetryFault | AlertFault | OperatorFault | GaugeFault | ProcessFault,
    Field(discriminator="kind"),
]


# --- expectations -------------------------------------------------------------------------


class Reaches(Frozen):
    """The mode is at least `mode` within `within` of the start of the fault named `of`."""

    mode: Literal["soft", "hard", "emergency"]
    within: Duration
    of: str | None = None
    """Name of a fault; None: the first."""


class Recovers(Frozen):
    """Back in normal within `within` of the end of the fault named `of` (None: the last)."""

    within: Duration
    of: str | None = None


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


class SecondsBound(Bound):
    """A bound on a time, such as 12s."""

    at_least: Seconds | None = None
    at_most: Seconds | None = None


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
    cost_saved: ShareBound | None = None
    """Share of the counterfactual's cost."""
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


# --- the whole ----------------------------------------------------------------------------


class Scenario(Frozen):
    """A scenario file."""

    scenario: str
    """Its name."""
    title: str
    teaches: str = ""
    source: str = ""
    duration: Duration = 3600.0
    warm_up: Seconds = 300.0
    """Requests that come earlier are left out of every metric."""
    starts_at: datetime | None = None
    """Wall time of second 0, for daily quotas; None: midnight Pacific."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    replications: Annotated[Count, Field(ge=1, le=100_000)] = 10
    policy: str | dict[str, Any] | None = None
    workload: Workload = Workload()
    upstream: Annotated[GeminiUpstream | QueueUpstream, Field(discriminator="kind")] = (
        GeminiUpstream()
    )
    clients: Clients = Clients()
    faults: tuple[Fault, ...] = ()
    expectations: tuple[Expectation, ...] = ()

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
