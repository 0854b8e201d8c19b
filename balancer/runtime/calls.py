"""The values that callers and the live controller hand each other about a call."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Protocol

from ..core.catalog import Thinking
from ..core.modes import Mode, Priority
from ..core.observations import FAILURES
from ..core.policy import Policy
from ..core.retry import backoff_s
from ..core.tiers import STANDARD
from ..wire.asked import Asked
from .closed import Refusal

__all__ = [
    "PASSED_KINDS",
    "Asked",
    "CallRecord",
    "CallSettings",
    "Draws",
    "Outcome",
    "Passage",
    "RandomDraws",
    "RequestRecord",
    "Score",
    "no_price",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettings:
    """What the application does by itself, where a plan says nothing; as `clients:` of a scenario.

    Attributes:
        model: called when neither the policy's normal nor the caller names one; "" is the one of
            the policy's baseline, or else of the default policy's.
        thinking: setting of a call that does not say; None is the model's own choice.
        timeout_s: deadline of an attempt; None is none.
        retries: attempts beside one for each model of the plan.
        backoff_initial_s, backoff_factor, backoff_max_s, backoff_jitter_s: delay before the
            models are tried over again, as google-genai's `HttpRetryOptions`.
        honours_retry_delay: wait as long as a 429's RetryInfo asks for, at least.
        retry_budget: share of a retry that each answer earns; ten are saved up, and are there at
            the start. Every attempt beyond the first on each model of the plan takes one, whichever
            model it goes to. None is no bound.
        patience_s: the user gives up this long after asking; None is never.
    """

    model: str = ""
    thinking: Thinking | None = None
    timeout_s: float | None = 60.0
    retries: int = 0
    backoff_initial_s: float = 1.0
    backoff_factor: float = 2.0
    backoff_max_s: float = 60.0
    backoff_jitter_s: float = 1.0
    honours_retry_delay: bool = True
    retry_budget: float | None = None
    patience_s: float | None = None

    def backoff_s(self, round_: int, draw: float) -> float:
        """Scenario seconds to wait before the models are tried over again.

        Args:
            round_: how often they were, from 1.
            draw: uniform from [0, 1), for the jitter.
        """
        return backoff_s(
            self.backoff_initial_s,
            self.backoff_factor,
            self.backoff_max_s,
            self.backoff_jitter_s,
            round_,
            draw,
        )

    def under(self, policy: Policy) -> CallSettings:
        """The settings with a model, where they name none."""
        if self.model:
            return self
        model = policy.usual_model
        if not model:
            from ..policy_file import default_model

            model = default_model()
        return replace(self, model=model)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        kind: None is an answer, complete and not empty; otherwise one of
            `balancer.core.observations.FAILURES`.
        prompt_tokens: from the usage, cached ones included; 0 falls back on what was asked.
        cached_tokens: part of the prompt read from the cache.
        output_tokens: of the answer, thinking excluded.
        thinking_tokens: billed at the output price.
        surcharge_nano_usd: what the call cost beyond its tokens at the price of text: media and
            searches (`balancer.core.surcharges`), at the prices of `Attempt.bill`.
        served_model, served_tier: what the answer says of who served it; "" where it does not.
        billed: whether the upstream did work that it charges for. None: by kind, as the
            contracts say: 4xx and 5xx are not billed, all else is.
        retry_after_s: what a 429's RetryInfo asked for, in scenario seconds; 0 for nothing.
        status: HTTP status, 0 when there was none.
        refusal: of a project that is `closed`: what the upstream said, for those that come later.

    Raises:
        ValueError: a kind that is none.
    """

    kind: str | None = None
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    surcharge_nano_usd: int = 0
    served_model: str = ""
    served_tier: str = ""
    billed: bool | None = None
    retry_after_s: float = 0.0
    status: int = 0
    refusal: Refusal | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.kind is not None and self.kind not in FAILURES:
            raise ValueError(f"outcome kind is {self.kind!r}; expected one of {FAILURES} or None")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One finished attempt: what `Balancer.listeners.calls` hand on.

    Attributes:
        mode, model, priority: it was charged to.
        tier: service tier that it was sent in.
        key, index: of the request, as its caller gave them.
        attempt: number within the request, from 0.
        started_s, ended_s: scenario seconds.
        latency_s: from the request's first attempt to the outcome.
        first_token_s: from this attempt's start to its first token; None if none came.
        outcome: how it ended; None for one that its caller abandoned.
        nano_usd: its estimated cost.
        output_cap_tokens: what the plan and the budget left of the cap; None: the caller's own.
    """

    mode: Mode
    model: str
    priority: Priority
    key: str | None
    index: int | None
    attempt: int
    started_s: float
    ended_s: float
    latency_s: float
    first_token_s: float | None
    outcome: Outcome | None
    nano_usd: int
    output_cap_tokens: int | None
    tier: str = STANDARD


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """A request that is over: what `Balancer.listeners.requests.add` hands on.

    Attributes:
        mode, priority, key, index: as in `CallRecord`.
        session: that it belongs to, as its caller named it; None where it did not.
        started_s, ended_s: scenario seconds, from when it was asked.
        refusal: why it was not admitted: "", "shed", "limits", "budget" or "no_price"; or why it
            was admitted and nothing was sent: "closed".
        answered: it got an answer of a model.
        calls: its attempts, in order.
    """

    mode: Mode
    priority: Priority
    key: str | None
    index: int | None
    session: str | None
    started_s: float
    ended_s: float
    refusal: str
    answered: bool
    calls: tuple[CallRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What an answer was worth to the application, from 0 to 1, by its own scorer.

    Attributes:
        mode, model, priority: it was served in, by and for.
        key, index: of the request, as its caller gave them.
        quality: the scorer's.
    """

    mode: Mode
    model: str
    priority: Priority
    key: str | None
    index: int | None
    quality: float


PASSED_KINDS = (
    "agents", "auth_tokens", "batches", "caches", "counting", "embeddings", "files", "generation",
    "interactions", "live", "models", "openai", "operations", "other", "stores", "tuning",
)  # fmt: skip
"""What a call that no plan governs may be about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A call that went through a proxy and that no plan governs.

    Attributes:
        kind: of `PASSED_KINDS`.
        failure: None where it went well, else one of `balancer.core.observations.FAILURES`, or
            "abandoned" by its caller.
        seconds: wall seconds from its arrival to the end of its answer.
        nano_usd: what it cost, where its answer says what it used and its model has a price; or 0.
    """

    kind: str
    failure: str | None = None
    seconds: float
    nano_usd: int = 0

    @property
    def slow_or_whole(self) -> bool:
        """Whether its time counts as a latency; that of a quick failure would lower it."""
        return self.failure in (None, "timeout", "abandoned")


def no_price(model: str) -> str:
    """What to say where there is a hard budget, and nobody knows what a model costs."""
    return (
        f"the policy has a hard budget and no price for model {model!r}, so that no call of it can "
        f"keep to the budget; declare one in the policy, in dollars per million tokens: "
        f'prices: {{models: {{"{model}": {{input: ..., output: ...}}}}}}, or for all models '
        "without one prices: {unknown: {input: ..., output: ...}}"
    )


class Draws(Protocol):
    """Where chance comes from. Live runs that are compared with simulated ones pass the
    simulator's keyed draws.
    """

    def plan(self, index: int | None) -> float:
        """A uniform draw from [0, 1) for the plan of a request."""

    def backoff(self, index: int | None, attempt: int) -> float:
        """A uniform draw from [0, 1) for the jitter before an attempt."""


class RandomDraws:
    """Independent draws."""

    __slots__ = ()

    def plan(self, index: int | None) -> float:
        """Uniform, whatever the index."""
        return random.random()  # noqa: S311 - chance, not secrecy

    def backoff(self, index: int | None, attempt: int) -> float:
        """Uniform, whatever the index."""
        return random.random()  # noqa: S311 - chance, not secrecy
