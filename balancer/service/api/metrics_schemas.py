"""What `GET /api/metrics` gives; null is unknown."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field
from pydantic.config import JsonDict

from .examples import with_examples

__all__ = [
    "Brownout",
    "Budget",
    "Business",
    "Llm",
    "Metrics",
    "ModeShare",
    "PassedCalls",
    "Performance",
    "System",
]


def _share(time_share: float, attempts: int, p95_s: float | None, usd: float | None) -> JsonDict:
    return {
        "time_share": time_share,
        "attempts": attempts,
        "latency_p95_s": p95_s,
        "error_rate": 0.02 if attempts else None,
        "cost_per_attempt_usd": usd,
        "rerouted": 0,
        "downgraded": 0,
    }


_METRICS: JsonDict = {
    "window": "5m",
    "window_s": 300.0,
    "tick": 1_769_860_950,
    "performance": {
        "latency_p50_s": 1.1,
        "latency_p95_s": 2.4,
        "latency_p99_s": 3.9,
        "ttft_p95_s": 0.6,
        "error_rate": 0.02,
        "error_rate_4xx": 0.005,
        "error_rate_5xx": 0.015,
        "failures": {"overloaded": 9, "quota_minute": 3},
        "requests": 590,
        "throughput_per_s": 1.97,
        "tokens_per_minute": 94_400.0,
        "availability": 0.995,
        "callers_mistakes": {"shop": 3},
        "retry_amplification": 1.02,
        "shed": {"low": 0, "normal": 0, "high": 0},
        "static_fallbacks": 0,
    },
    "llm": {
        "tokens_used": 472_000,
        "prompt_tokens": 295_000,
        "cached_tokens": 0,
        "output_tokens": 177_000,
        "thinking_tokens": 0,
        "cost_usd": 0.531,
        "cost_per_request_usd": 0.0009,
        "cost_per_answer_usd": 0.0009,
        "tokens_per_session": 2_360.0,
        "token_cost_per_hour_usd": 6.2,
        "spend_last_hour_usd": 6.9,
        "spend_last_day_usd": 118.4,
        "projected_day_usd": 165.6,
        "budgets": [
            {
                "window_s": 3600.0,
                "key": None,
                "tier": None,
                "limit_usd": 20.0,
                "used_usd": 4.8,
                "reserved_usd": 0.0031,
                "left_usd": 15.1969,
                "eases_at": "2026-01-31T12:01:00Z",
                "free_at": "2026-01-31T13:00:00Z",
                "projected_usd": 6.2,
                "alert": False,
            }
        ],
    },
    "brownout": {
        "current_mode": 1,
        "mode": "soft",
        "bypass": False,
        "activations": 4,
        "mode_changes": 7,
        "activations_per_hour": 0.17,
        "recovery_mean_s": 640.0,
        "recovery_last_s": 712.0,
        "modes": {
            "normal": _share(0.2, 120, 2.7, 0.0018),
            "soft": _share(0.8, 482, 2.1, 0.0007),
            "hard": _share(0.0, 0, None, None),
            "emergency": _share(0.0, 0, None, None),
        },
        "degraded_share": 0.8,
    },
    "business": {"cost_saved_usd": 1.9, "availability": 0.995, "quality_score": None},
    "passed": {
        "embeddings": {
            "calls": 1_200,
            "failures": {"quota_minute": 4},
            "latency_p50_s": 0.2,
            "latency_p95_s": 0.4,
            "cost_usd": 0.11,
        }
    },
    "system": {
        "memory": 0.41,
        "cpu": 0.12,
        "queue_depth": 0,
        "in_flight": 7,
        "uptime_s": 84_210.0,
    },
}


class Performance(BaseModel):
    """How calls went in the window."""

    latency_p50_s: float | None = Field(description="First attempt to outcome, seconds")
    latency_p95_s: float | None
    latency_p99_s: float | None
    ttft_p95_s: float | None = Field(description="Streams only")
    error_rate: float | None = Field(
        description="Attempts that failed by the upstream's fault, over all but the unjudged"
    )
    error_rate_4xx: float | None = Field(description="429 and other 4xx over finished attempts")
    error_rate_5xx: float | None = Field(description="500 and 503 over finished attempts")
    failures: dict[str, int] = Field(description="Failed attempts by kind")
    requests: int
    throughput_per_s: float | None = Field(description="Requests offered a second")
    tokens_per_minute: float | None
    availability: float | None = Field(
        description="Complete answers of a model over requests offered, callers' mistakes left out"
    )
    callers_mistakes: dict[str, int] = Field(
        description="Requests refused as their callers wrote them, by caller, since the start"
    )
    retry_amplification: float | None = Field(
        description="Attempts but for those at a fallback model, over admitted requests"
    )
    shed: dict[str, int] = Field(description="Refused requests by priority")
    static_fallbacks: int


class Budget(BaseModel):
    """A hard limit of the policy, and where the spend is heading."""

    window_s: float
    key: str | None
    tier: str | None = Field(description='"priority": calls beyond it go as standard')
    limit_usd: float
    used_usd: float | None = Field(
        description="Settled in the window; null while the ledger cannot be asked"
    )
    reserved_usd: float | None = Field(description="Held for calls in flight")
    left_usd: float | None = Field(description="What the next calls may reserve")
    eases_at: datetime | None = Field(
        description="When the oldest of what is used leaves the window; null: nothing is used"
    )
    free_at: datetime | None = Field(description="When all of what is used has left it")
    projected_usd: float | None = Field(
        description="Of everybody's: the last minute's rate over the window; null for a tenant's "
        "and the priority tier's"
    )
    alert: bool | None = Field(description="Whether the projection is above the limit")


class Llm(BaseModel):
    """Tokens and money, as estimated from usage and prices."""

    tokens_used: int
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    thinking_tokens: int
    cost_usd: float = Field(description="Settled in the window")
    cost_per_request_usd: float | None
    cost_per_answer_usd: float | None
    tokens_per_session: float | None = Field(
        description="So far, of those with a request in the window; null: no caller named one"
    )
    token_cost_per_hour_usd: float | None = Field(description="At the last minute's rate")
    spend_last_hour_usd: float
    spend_last_day_usd: float = Field(description="Since the start, at most 24 h")
    projected_day_usd: float | None = Field(description="24 h at the last hour's rate")
    budgets: list[Budget]


class ModeShare(BaseModel):
    """What was served in one mode during the window."""

    time_share: float | None = Field(description="Of the ticks")
    attempts: int
    latency_p95_s: float | None
    error_rate: float | None
    cost_per_attempt_usd: float | None
    rerouted: int = Field(description="Answers of another model than was sent")
    downgraded: int = Field(description="Answers in another service tier than was sent")


class Brownout(BaseModel):
    """The mode, and how often it changed."""

    current_mode: int = Field(description="0 normal, 1 soft, 2 hard, 3 emergency")
    mode: str
    bypass: bool = Field(description="The kill switch lets all calls through unchanged")
    activations: int = Field(description="Entries of a deeper mode since the start")
    mode_changes: int
    activations_per_hour: float | None = Field(description="Over the time since the start")
    recovery_mean_s: float | None = Field(description="From leaving normal to being back")
    recovery_last_s: float | None
    modes: dict[str, ModeShare]
    degraded_share: float | None = Field(description="Attempts served above normal")


class Business(BaseModel):
    """What it was worth."""

    cost_saved_usd: float | None = Field(
        description="An estimate: the last hour's degraded attempts at the mean cost of the last "
        "day's normal ones, less what they cost; null without normal ones to compare with"
    )
    availability: float | None
    quality_score: float | None = Field(description="null: nobody scores the answers")


class PassedCalls(BaseModel):
    """Calls that went through and that no plan governs, of one kind."""

    calls: int
    failures: dict[str, int] = Field(description="Of them, by kind")
    latency_p50_s: float | None
    latency_p95_s: float | None
    cost_usd: float = Field(description="Where the answer says what it used; booked in a budget")


class System(BaseModel):
    """The process."""

    memory: float | None = Field(description="Share in use of what there is")
    cpu: float | None = Field(description="CPU seconds a second, over the cores it may use")
    queue_depth: int
    in_flight: int
    uptime_s: float


class Metrics(BaseModel):
    """Everything that is measured."""

    model_config = with_examples(_METRICS)

    window: str
    window_s: float = Field(description="Seconds of the window that were seen")
    tick: int | None
    performance: Performance
    llm: Llm
    brownout: Brownout
    business: Business
    passed: dict[str, PassedCalls] = Field(
        description="By what they are of, in whole minutes; they are in none of the other figures"
    )
    system: System
