"""Traffic as a scenario file says it: when requests come, and what they ask for."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from balancer.units import Factor, Number, Seconds, Share, Tokens

from .frozen import Duration, Frozen
from .service_tiers import RequestTier, RequestType

__all__ = [
    "Arrivals",
    "Class",
    "Constant",
    "Diurnal",
    "Lognormal",
    "PatternPart",
    "Quantiles",
    "Ramp",
    "Spike",
    "Step",
    "TokenDistribution",
    "TraceColumns",
    "Workload",
]


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


class TraceColumns(Frozen):
    """What the columns of a CSV file of one's own are called."""

    time: str = "time"
    """When a request came: ISO 8601, Unix time in s or ms, or time since some beginning."""
    prompt_tokens: str = "prompt_tokens"
    output_tokens: str = "output_tokens"
    """Thinking left out."""
    model: str | None = None
    """That was asked for."""
    latency: str | None = None
    """Seconds to the whole answer, or milliseconds where the column's name ends in `ms`."""
    status: str | None = None
    """How it ended: an HTTP status, or a word such as ok. What failed has no tokens to replay."""


class Arrivals(Frozen):
    """When requests come.

    A process of unit rate (constant, Poisson, or gamma gaps of a given CV; or a recorded
    trace) is stretched by the rate: `rate` times the level that steps and ramps of `pattern`
    move (it starts at 1), times every spike and diurnal in force. A trace keeps its own
    gaps; `start` and `length` take a window of it, `rate_scale` and `pattern` replay it faster
    or slower, and it starts again when it ends before the scenario does.
    """

    process: Literal["constant", "poisson", "gamma"] = "poisson"
    rate: Annotated[Number, Field(gt=0, le=100_000)] = 5.5
    cv: Annotated[Number, Field(gt=0, le=10)] = 1.0
    pattern: tuple[PatternPart, ...] = ()
    trace: str | None = None
    format: Literal["azure", "burstgpt", "mooncake", "bailian", "csv"] | None = None
    columns: TraceColumns | None = None
    """Of `format: csv`; None: `time`, `prompt_tokens` and `output_tokens`."""
    time_unit: Literal["s", "ms"] | None = None
    """Of times that are numbers; None: the format's, and seconds in `csv`."""
    start: Seconds = 0.0
    """Where in the trace to begin: seconds since its first request, on its own clock."""
    length: Duration | None = None
    """How much of it to take, on its own clock; None: as much as the scenario needs."""
    rate_scale: Factor = 1.0
    """Requests of a trace are replayed this many times faster."""

    @model_validator(mode="after")
    def _trace_has_a_format(self) -> Arrivals:
        window = sorted({"start", "length"} & self.model_fields_set)
        if self.trace is None and window:
            raise ValueError(f"{window[0]} is given without trace; it is a place in a trace")
        if (self.trace is None) != (self.format is None):
            given, missing = ("format", "trace") if self.trace is None else ("trace", "format")
            raise ValueError(f"{given} is given without {missing}; a trace needs both")
        if self.columns is not None and self.format != "csv":
            raise ValueError("columns is given without `format: csv`; other formats name their own")
        if self.time_unit is not None and self.format in (None, "azure"):
            raise ValueError("time_unit is of traces whose times are numbers; expected none here")
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
    service_tier: RequestTier | None = None
    """That its calls ask for; None: the clients'."""
    request_type: RequestType | None = None
    """Whether its calls take provisioned throughput alone, or none; None: that first."""
    prompt: TokenDistribution | None = None
    """None: from the trace, or the calibrated conversation workload."""
    cached: Share = 0.0
    """Share of the prompt read from the cache."""
    output: TokenDistribution | None = None
    thinking: TokenDistribution | None = None
    """Tokens a model would think if it chose freely."""
    mistakes: Share = 0.0
    """Share of the requests that the upstream refuses as written: mistakes of their callers."""
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
    models: dict[str, Share] = Field(default_factory=dict, max_length=16)
    """Models that requests ask for, with the share of each; none: all ask for `clients.model`."""

    @model_validator(mode="after")
    def _shares_add_up(self) -> Workload:
        total = sum(entry.share for entry in self.classes if entry.arrivals is None)
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares of the classes add up to {total:.4%}, expected 100%")
        asked = sum(self.models.values())
        if self.models and abs(asked - 1) > 1e-6:
            raise ValueError(f"the shares of models add up to {asked:.4%}, expected 100%")
        names = [entry.name for entry in self.classes]
        if len(set(names)) < len(names):
            raise ValueError(f"found class names {', '.join(names)}, expected each once")
        return self
