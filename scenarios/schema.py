"""The scenario format: one page of YAML says traffic, upstream, clients, faults, expectations.

Every model here refuses unknown keys. Durations come out in seconds, shares in 0..1, money
in dollars; `balancer.units` reads them as users write them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from balancer.units import Factor, Seconds, Share, Tokens, Usd

__all__ = [
    "AlertFault",
    "Arrivals",
    "Backoff",
    "Class",
    "Clients",
    "Expectation",
    "Fault",
    "GeminiUpstream",
    "ModelProfile",
    "PatternPart",
    "QueueUpstream",
    "Quota",
    "Scenario",
    "Tokens_",
    "UpstreamFault",
    "Workload",
]


class Frozen(BaseModel):
    """Immutable, and strict about keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


# --- traffic ------------------------------------------------------------------------------


class Step(Frozen):
    """From `at` on, the base rate times `factor` (until another step)."""

    kind: Literal["step"]
    at: Seconds
    factor: Factor


class Ramp(Frozen):
    """From `at` the factor moves linearly, reaching `factor` after `over`, and stays."""

    kind: Literal["ramp"]
    at: Seconds
    over: Seconds
    factor: Factor


class Spike(Frozen):
    """Between `at` and `at + for`, the rate is multiplied by `factor`."""

    kind: Literal["spike"]
    at: Seconds
    duration: Seconds = Field(alias="for")
    factor: Factor


class Diurnal(Frozen):
    """The rate is multiplied by 1 + amplitude·cos(2π (t − peak_at) / period)."""

    kind: Literal["diurnal"]
    amplitude: Share
    period: Seconds = 86_400.0
    peak_at: Seconds = 0.0


PatternPart = Annotated[Step | Ramp | Spike | Diurnal, Field(discriminator="kind")]


class Arrivals(Frozen):
    """When requests come.

    A process of unit rate (constant, Poisson, or gamma gaps of a given CV; or a recorded
    trace) is stretched by the rate: `rate` times every part of `pattern`. A trace keeps its
    own gaps; `rate_scale` and `pattern` replay it faster or slower, and it starts again
    when it ends before the scenario does.
    """

    process: Literal["constant", "poisson", "gamma"] = "poisson"
    rate: Annotated[float, Field(gt=0, le=100_000)] = 5.5
    cv: Annotated[float, Field(gt=0, le=10)] = 1.0
    pattern: tuple[PatternPart, ...] = ()
    trace: str | None = None
    format: Literal["azure", "burstgpt", "mooncake"] | None = None
    rate_scale: Factor = 1.0
    """Requests of a trace are replayed this many times faster."""


class Lognormal(Frozen):
    """Lognormal through two quantiles, cut at `max`."""

    p50: Tokens
    p95: Tokens
    max: Tokens = 1_000_000


class Quantiles(Frozen):
    """Empirical: linear between the given quantiles (0..1 → tokens)."""

    quantiles: dict[float, Tokens]


class Constant(Frozen):
    """Always the same."""

    constant: Tokens


Tokens_ = Lognormal | Quantiles | Constant


class Class(Frozen):
    """One kind of request."""

    name: str
    share: Share = 1.0
    priority: Literal["low", "normal", "high"] = "normal"
    key: str | None = None
    """Budget key (tenant)."""
    prompt: Tokens_ | None = None
    """None: from the trace, or the calibrated conversation workload."""
    cached: Share = 0.0
    """Share of the prompt read from the cache."""
    output: Tokens_ | None = None
    thinking: Tokens_ | None = None
    """Tokens a model would think if it chose freely."""


class Workload(Frozen):
    """All traffic of the scenario."""

    arrivals: Arrivals = Arrivals()
    classes: tuple[Class, ...] = (Class(name="chat"),)


# --- upstream -----------------------------------------------------------------------------


class Quota(Frozen):
    """Per project and model; None is unlimited. Tokens are input tokens."""

    rpm: Annotated[int, Field(gt=0)] | None = None
    tpm: Annotated[int, Field(gt=0)] | None = None
    rpd: Annotated[int, Field(gt=0)] | None = None


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
    mean: Seconds = 1.0
    cv2: Annotated[float, Field(ge=0, le=100)] = 1.0
    """Squared CV of a general service (lognormal)."""
    discipline: Literal["fifo", "processor_sharing"] = "fifo"
    bound: Annotated[int, Field(ge=0)] | None = None
    """Most waiting in the queue (beside those in service); the others are refused."""
    cancels: bool = True
    """Whether a caller that gives up takes its work out of the queue or server."""
    mean_patience: Seconds | None = None
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
    thinking: int | str | None = None
    output_cap: Tokens | None = None
    timeout: Seconds = 60.0
    retries: Annotated[int, Field(ge=0, le=20)] = 0
    """Attempts after the first; google-genai makes none unless told to, then 4."""
    backoff: Backoff = Backoff()
    honours_retry_delay: bool = False
    retry_budget: Share | None = None
    """Retries may be at most this share of requests (token bucket); None: no bound."""
    patience: Seconds = 120.0
    """The user gives up this long after asking."""
    concurrency: Annotated[int, Field(gt=0)] | None = None
    """Most calls the application keeps in flight; the rest wait."""


# --- faults -------------------------------------------------------------------------------


class Windowed(Frozen):
    """What every fault has: a window, in which it ramps up over `ramp` and down again."""

    name: str | None = None
    at: Seconds
    duration: Seconds = Field(alias="for")
    ramp: Seconds = 0.0
    repeat_every: Seconds | None = None
    """The window comes again with this period."""


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
    """A simpy process in Python: `path/to/file.py:function`, called as function(env, plant, fault)."""

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
    within: Seconds
    of: str | None = None
    """Name of a fault; None: the first."""


class Recovers(Frozen):
    """Back in normal within `within` of the end of the fault named `of` (None: the last)."""

    within: Seconds
    of: str | None = None


class Bound(Frozen):
    """A bound on a metric of the runs."""

    at_least: float | None = None
    at_most: float | None = None


class Expectation(Frozen):
    """Exactly one of these.

    Metrics are the names in `verdict.json`; shares may be written "99.5%", times "12s".
    `against: counterfactual` bounds the difference to the run without a controller.
    """

    reaches: Reaches | None = None
    recovers: Recovers | None = None
    never_above: Literal["normal", "soft", "hard"] | None = None
    budget_never_exceeded: bool | None = None
    transitions_per_hour: Bound | None = None
    cost_saved: Bound | None = None
    """Share of the counterfactual's cost."""
    availability: Bound | None = None
    latency_p95: Bound | None = None
    quality: Bound | None = None
    retry_amplification: Bound | None = None
    metric: str | None = None
    at_least: float | None = None
    at_most: float | None = None


# --- the whole ----------------------------------------------------------------------------


class Scenario(Frozen):
    """A scenario file."""

    scenario: str
    """Its name."""
    title: str
    teaches: str = ""
    source: str = ""
    duration: Seconds = 3600.0
    warm_up: Seconds = 300.0
    """Requests that come earlier are left out of every metric."""
    starts_at: datetime | None = None
    """Wall time of second 0, for daily quotas; None: midnight Pacific."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    replications: Annotated[int, Field(ge=1, le=100_000)] = 10
    policy: str | dict[str, Any] | None = None
    workload: Workload = Workload()
    upstream: Annotated[GeminiUpstream | QueueUpstream, Field(discriminator="kind")] = (
        GeminiUpstream()
    )
    clients: Clients = Clients()
    faults: tuple[Fault, ...] = ()
    expectations: tuple[Expectation, ...] = ()

    @model_validator(mode="after")
    def _windows(self) -> Scenario:
        if self.warm_up >= self.duration:
            raise ValueError("warm_up is not shorter than duration")
        return self
