"""The upstream as a scenario file says it: Gemini models, or a plain queue."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from balancer.units import (
    Factor,
    Number,
    Seconds,
    Share,
    Tokens,
    Usd,
    Whole,
    refuse_truth,
    show_seconds,
)

from .frozen import Duration, Frozen
from .service_tiers import Provisioned, ServiceTiers

__all__ = [
    "DEFAULT_BURST_S",
    "DEFAULT_COUNTING",
    "Actions",
    "Counting",
    "GeminiUpstream",
    "ModelProfile",
    "QueueUpstream",
    "Quota",
    "SpendLimit",
    "Tier",
]

Counting = Literal["sliding", "calendar", "bucket"]
"""How a minute is counted: the last 60 s, the clock's minute, or a token bucket."""

DEFAULT_COUNTING: Counting = "calendar"
"""What the delays in Gemini's own refusals point to [D]; see docs/explanation/quotas.md."""

DEFAULT_BURST_S = 60.0
"""A bucket holds one minute's quota, so that the quota may be used at once, as in the other
countings."""

Tier = Annotated[Literal["free", 1, 2, 3], BeforeValidator(refuse_truth)]
"""Usage tiers of the Gemini API: what a project may ask for, by what it pays."""

_SHORTEST_WINDOW_S, _LONGEST_WINDOW_S = 60.0, 86_400.0


class Quota(Frozen):
    """Of a model, or of a project's models together; None is unlimited. Tokens are input
    tokens. What is left out of how it counts is as the project's quota has it.
    """

    rpm: Annotated[Tokens, Field(gt=0)] | None = None
    tpm: Annotated[Tokens, Field(gt=0)] | None = None
    rpd: Annotated[Tokens, Field(gt=0)] | None = None
    counting: Counting | None = None
    counts_refused: bool | None = None
    """Whether a call that is refused counts like one that is granted."""
    burst: Duration | None = None
    """What a bucket holds, as the time in which it fills."""

    @model_validator(mode="after")
    def _only_buckets_burst(self) -> Quota:
        if self.burst is not None and self.counting in ("sliding", "calendar"):
            raise ValueError(
                f"burst belongs to counting: bucket, and this quota is counted {self.counting}"
            )
        return self

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return (self.rpm, self.tpm, self.rpd) != (None, None, None)


class SpendLimit(Frozen):
    """What a project may be billed in a rolling window, all models together."""

    usd: Annotated[Usd, Field(gt=0)]
    per: Duration = 600.0

    @model_validator(mode="after")
    def _window(self) -> SpendLimit:
        if not _SHORTEST_WINDOW_S <= self.per <= _LONGEST_WINDOW_S:
            raise ValueError(f"per: found {show_seconds(self.per)}, expected from 1m to 1d")
        return self


class ModelProfile(Frozen):
    """How one model behaves when healthy."""

    ttft_p50: Seconds
    ttft_p95: Seconds
    tokens_per_s: Annotated[Number, Field(gt=0)]
    """Median speed of output, thinking included."""
    speed_sigma: Annotated[Number, Field(ge=0, le=3)] = 0.15
    """Sigma of the lognormal spread of a call's speed."""
    thinking_factor: Factor = 1.0
    """Natural thinking of this model, as a multiple of the workload's."""
    thinks_unasked: bool = True
    """Whether it thinks when nothing is said about thinking."""
    capacity: Annotated[Number, Field(gt=0)] | None = None
    """Calls in flight beyond which it slows: durations times (calls / capacity) ** slowdown."""
    slowdown: Annotated[Number, Field(ge=0, le=10)] = 1.0
    overload_limit: Annotated[Number, Field(gt=0)] | None = None
    """Calls in flight beyond which the excess share is refused with 503."""
    error_share: Share = 0.0
    """503s when healthy."""
    error_latency: Seconds = 0.3
    """Time a refusal takes."""
    quota: Quota = Quota()
    provisioned: Provisioned | None = None
    """What is bought of it beside its quota; None: nothing."""
    quality: Share = 1.0
    """Declared quality of a full answer, after all the thinking this model does when it is free
    to think: an assumption, printed as such."""

    @model_validator(mode="after")
    def _ordered(self) -> ModelProfile:
        if not 0 < self.ttft_p50 <= self.ttft_p95:
            raise ValueError(
                f"found ttft_p50 {self.ttft_p50:g} s and ttft_p95 {self.ttft_p95:g} s, "
                "expected 0 < ttft_p50 <= ttft_p95"
            )
        return self


class Actions(Frozen):
    """What an action that saves tokens leaves of an answer's quality: assumptions, all of them.

    They multiply, with each other and with the model's own quality. Each is a mean over the
    traffic, those requests included that the action does nothing to.
    """

    thinking_off: Share = 0.92
    """After no thinking at all; of thinking that is cut in part, the loss is in proportion to
    the share of the model's natural thinking that is missing."""
    concise: Share = 0.97
    """Under an instruction to be brief."""
    no_tools: Share = 0.90
    """Without the tools the caller gave."""
    short_history: Share = 0.95
    """With only the last turns of the conversation."""


class GeminiUpstream(Frozen):
    """Gemini models; a named model starts from its calibrated profile (`profiles.yaml`)."""

    kind: Literal["gemini"] = "gemini"
    tier: Tier | None = None
    """Quotas, capacities and spend limit of a usage tier (`tiers.yaml`); None: unlimited."""
    models: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """What differs from the calibrated profile and the tier, by model."""
    quota: Quota = Quota()
    """Of all models together, and how the quotas of models count that do not say it."""
    spend_limit: SpendLimit | None = None
    """Left out: the tier's."""
    service_tiers: ServiceTiers = ServiceTiers()
    concise_factor: Share = 0.6
    """Assumption: what the concise instruction leaves of an answer's natural length."""
    actions: Actions = Actions()

    @model_validator(mode="after")
    def _counts(self) -> GeminiUpstream:
        if self.quota.burst is not None and self.quota.counting is None:
            raise ValueError(
                "quota.burst belongs to counting: bucket, and this quota is counted "
                f"{DEFAULT_COUNTING}, the default"
            )
        return self


class QueueUpstream(Frozen):
    """A plain queue, to check the simulator against theory."""

    kind: Literal["queue"]
    servers: Annotated[Whole, Field(gt=0, le=100_000)] = 1
    service: Literal["exponential", "deterministic", "general"] = "exponential"
    mean: Duration = 1.0
    cv2: Annotated[Number, Field(ge=0, le=100)] = 1.0
    """Squared CV of a general service (lognormal)."""
    discipline: Literal["fifo", "processor_sharing"] = "fifo"
    bound: Annotated[Whole, Field(ge=0)] | None = None
    """Most waiting in the queue (beside those in service); the others are refused."""
    cancels: bool = True
    """Whether a caller that gives up takes its work out of the queue or server."""
    mean_patience: Duration | None = None
    """Exponential patience in the queue (abandonment), by its mean."""
