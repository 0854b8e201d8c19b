"""The figures of `GET /api/metrics`, each from what the balancer observed; null is unknown."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable

from pydantic import BaseModel, Field

from ..core.histogram import merge
from ..core.modes import MODES, Mode, Priority
from ..core.observations import FAILURES, ModeObservations, Observations
from ..core.policy import Policy
from ..core.pricing import NANO_USD
from ..runtime.balancer import Balancer
from .conversations import Conversations
from .recent import Recent, Span

__all__ = ["WINDOWS_S", "Cpu", "Metrics", "measure"]

WINDOWS_S = {"1m": 60.0, "5m": 300.0, "1h": 3600.0, "24h": 86_400.0}

_CLIENT_ERRORS = ("quota_minute", "quota_day", "rejected")
_SERVER_ERRORS = ("overloaded", "internal")


class Performance(BaseModel):
    """How calls went in the window."""

    latency_p50_s: float | None = Field(description="First attempt to outcome, seconds")
    latency_p95_s: float | None
    latency_p99_s: float | None
    ttft_p95_s: float | None = Field(description="Streams only")
    error_rate: float | None = Field(description="Failed attempts over finished ones")
    error_rate_4xx: float | None = Field(description="429 and other 4xx over finished attempts")
    error_rate_5xx: float | None = Field(description="500 and 503 over finished attempts")
    failures: dict[str, int] = Field(description="Failed attempts by kind")
    requests: int
    throughput_per_s: float | None = Field(description="Requests offered a second")
    tokens_per_minute: float | None
    availability: float | None = Field(
        description="Complete answers of a model over requests offered"
    )
    retry_amplification: float | None = Field(description="Attempts over admitted requests")
    shed: dict[str, int] = Field(description="Refused requests by priority")
    static_fallbacks: int


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


class Budget(BaseModel):
    """A hard limit of the policy, and where the spend is heading."""

    window_s: float
    key: str | None
    limit_usd: float
    projected_usd: float | None = Field(
        description="Of everybody's: the last minute's rate over the window; null for a tenant's"
    )
    alert: bool | None = Field(description="Whether the projection is above the limit")


class ModeShare(BaseModel):
    """What was served in one mode during the window."""

    time_share: float | None = Field(description="Of the ticks")
    attempts: int
    latency_p95_s: float | None
    error_rate: float | None
    cost_per_attempt_usd: float | None


class Brownout(BaseModel):
    """The mode, and how often it changed."""

    current_mode: int = Field(description="0 normal, 1 soft, 2 hard, 3 emergency")
    mode: str
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


class System(BaseModel):
    """The process."""

    memory: float | None = Field(description="Share in use of what there is")
    cpu: float | None = Field(description="CPU seconds a second, over the cores it may use")
    queue_depth: int
    in_flight: int
    uptime_s: float


class Metrics(BaseModel):
    """Everything that is measured."""

    window: str
    window_s: float = Field(description="Seconds of the window that were seen")
    tick: int | None
    performance: Performance
    llm: Llm
    brownout: Brownout
    business: Business
    system: System


Llm.model_rebuild()


class Cpu:
    """CPU use of this process between two looks, at least a second apart."""

    def __init__(self) -> None:
        self._since = (time.monotonic(), time.process_time())
        self._started = self._since[0]
        self._value: float | None = None

    def look(self) -> float | None:
        """Share of the cores the process may use; None in the first second."""
        wall, used = time.monotonic(), time.process_time()
        wall_s = wall - self._since[0]
        if wall_s >= 1.0:
            self._value = (used - self._since[1]) / wall_s / _cores()
            self._since = (wall, used)
        return self._value

    @property
    def uptime_s(self) -> float:
        """Since the start."""
        return time.monotonic() - self._started


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def measure(
    balancer: Balancer, recent: Recent, conversations: Conversations, cpu: Cpu, window: str
) -> Metrics:
    """All figures over a window of `WINDOWS_S`. Adds up a day at most: not for the event loop."""
    span = recent.last(WINDOWS_S[window])
    minute, hour, day = (recent.last(WINDOWS_S[name]) for name in ("1m", "1h", "24h"))
    status = balancer.status()
    seen = span.observations or Observations(0)
    performance = _performance(seen, span.seconds)
    last = recent.last(balancer.policy.tick_s).observations
    return Metrics(
        window=window,
        window_s=span.seconds,
        tick=status.tick,
        performance=performance,
        llm=_llm(
            seen,
            minute,
            hour,
            day,
            balancer.policy,
            conversations.mean_tokens(WINDOWS_S[window]),
        ),
        brownout=_brownout(status.mode, span, recent),
        business=Business(
            cost_saved_usd=_saved(hour, day),
            availability=performance.availability,
            quality_score=None,
        ),
        system=System(
            memory=last.memory_ppm / 1e6 if last is not None and last.memory_ppm else None,
            cpu=cpu.look(),
            queue_depth=status.waiting,
            in_flight=status.in_flight,
            uptime_s=cpu.uptime_s,
        ),
    )


def _over(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _usd(nano: float) -> float:
    return nano / NANO_USD


def _seconds(value: float) -> float | None:
    return None if math.isnan(value) else value


def _failures(entries: Iterable[ModeObservations]) -> dict[str, int]:
    rows = [entry.failures for entry in entries]
    return {kind: sum(row[i] for row in rows) for i, kind in enumerate(FAILURES)}


def _answers(seen: Observations) -> int:
    return sum(entry.finished - entry.failed for entry in seen.served)


def _tokens(seen: Observations) -> int:
    return sum(e.prompt_tokens + e.output_tokens + e.thinking_tokens for e in seen.served)


def _nano(span: Span) -> int:
    return 0 if span.observations is None else sum(e.nano_usd for e in span.observations.served)


def _performance(seen: Observations, seconds: float) -> Performance:
    latency = merge(entry.latency for entry in seen.served)
    ttft = merge(entry.ttft for entry in seen.served)
    finished = sum(entry.finished for entry in seen.served)
    failures = _failures(seen.served)
    offered, admitted = sum(seen.offered), sum(seen.admitted)
    # An answer may belong to a request that was offered before the window.
    available = _over(min(_answers(seen), offered), offered)
    tokens_per_s = _over(_tokens(seen), seconds)
    return Performance(
        latency_p50_s=_seconds(latency.quantile(0.50)),
        latency_p95_s=_seconds(latency.quantile(0.95)),
        latency_p99_s=_seconds(latency.quantile(0.99)),
        ttft_p95_s=_seconds(ttft.quantile(0.95)),
        error_rate=_over(sum(failures.values()), finished),
        error_rate_4xx=_over(sum(failures[kind] for kind in _CLIENT_ERRORS), finished),
        error_rate_5xx=_over(sum(failures[kind] for kind in _SERVER_ERRORS), finished),
        failures={kind: count for kind, count in failures.items() if count},
        requests=offered,
        throughput_per_s=_over(offered, seconds),
        tokens_per_minute=None if tokens_per_s is None else tokens_per_s * 60.0,
        availability=available,
        retry_amplification=_over(sum(entry.started for entry in seen.served), admitted),
        shed={priority.label: seen.shed[priority] for priority in Priority},
        static_fallbacks=sum(seen.fallback),
    )


def _llm(
    seen: Observations,
    minute: Span,
    hour: Span,
    day: Span,
    policy: Policy,
    sessions: float | None,
) -> Llm:
    nano = sum(entry.nano_usd for entry in seen.served)
    rate = _over(_usd(_nano(minute)), minute.seconds)
    hour_rate = _over(_usd(_nano(hour)), hour.seconds)
    return Llm(
        tokens_used=_tokens(seen),
        prompt_tokens=sum(entry.prompt_tokens for entry in seen.served),
        cached_tokens=sum(entry.cached_tokens for entry in seen.served),
        output_tokens=sum(entry.output_tokens for entry in seen.served),
        thinking_tokens=sum(entry.thinking_tokens for entry in seen.served),
        cost_usd=_usd(nano),
        cost_per_request_usd=_over(_usd(nano), sum(seen.admitted)),
        cost_per_answer_usd=_over(_usd(nano), _answers(seen)),
        tokens_per_session=sessions,
        token_cost_per_hour_usd=None if rate is None else rate * 3600.0,
        spend_last_hour_usd=_usd(_nano(hour)),
        spend_last_day_usd=_usd(_nano(day)),
        projected_day_usd=None if hour_rate is None else hour_rate * 86_400.0,
        budgets=[
            Budget(
                window_s=limit.window_s,
                key=limit.key,
                limit_usd=limit.usd,
                projected_usd=(projected := _projected(rate, limit.window_s, limit.key)),
                alert=None if projected is None else projected > limit.usd,
            )
            for limit in policy.budgets
        ],
    )


def _projected(usd_per_s: float | None, window_s: float, key: str | None) -> float | None:
    return None if usd_per_s is None or key is not None else usd_per_s * window_s


def _brownout(mode: Mode, span: Span, recent: Recent) -> Brownout:
    seen = span.observations or Observations(0)
    per_s = _over(recent.activations, recent.seen_s)
    recoveries = tuple(recent.recoveries_s)
    started = [
        sum(entry.started for entry in seen.served if entry.mode == other) for other in MODES
    ]
    return Brownout(
        current_mode=int(mode),
        mode=mode.label,
        activations=recent.activations,
        mode_changes=recent.changes,
        activations_per_hour=None if per_s is None else per_s * 3600.0,
        recovery_mean_s=_over(sum(recoveries), len(recoveries)),
        recovery_last_s=recoveries[-1] if recoveries else None,
        modes={other.label: _share(other, span) for other in MODES},
        degraded_share=_over(sum(started[1:]), sum(started)),
    )


def _share(mode: Mode, span: Span) -> ModeShare:
    served = () if span.observations is None else span.observations.served
    entries = [entry for entry in served if entry.mode == mode]
    finished = sum(entry.finished for entry in entries)
    nano = sum(entry.nano_usd for entry in entries)
    return ModeShare(
        time_share=_over(span.ticks[mode], sum(span.ticks)),
        attempts=sum(entry.started for entry in entries),
        latency_p95_s=_seconds(merge(entry.latency for entry in entries).quantile(0.95)),
        error_rate=_over(sum(entry.failed for entry in entries), finished),
        cost_per_attempt_usd=_over(_usd(nano), finished),
    )


def _saved(hour: Span, day: Span) -> float | None:
    usual = [] if day.observations is None else day.observations.served
    normal = [entry for entry in usual if entry.mode == Mode.NORMAL]
    mean = _over(sum(e.nano_usd for e in normal), sum(e.finished for e in normal))
    if mean is None or hour.observations is None:
        return None
    degraded = [entry for entry in hour.observations.served if entry.mode != Mode.NORMAL]
    return sum(_usd(entry.finished * mean - entry.nano_usd) for entry in degraded)
