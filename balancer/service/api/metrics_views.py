"""The figures of `GET /api/metrics`, each from what the balancer observed; null is unknown."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Mapping

from ...core.histogram import merge
from ...core.modes import MODES, Mode, Priority
from ...core.observations import FAILURES, ModeObservations, Observations
from ...core.policy import BudgetLimit, Policy
from ...core.pricing import NANO_USD
from ...core.routes import resolve
from ...core.strategy import ROUTES
from ...core.tiers import PRIORITY
from ...runtime.balancer import Balancer
from ...runtime.books import Standing
from ...runtime.key_rows import MOST_SHOWN
from ...runtime.status import Status
from ..history.conversations import Conversations
from ..proxy.ungoverned import Passed, PassedCounts
from ..recent import Recent, Span
from ..ticks import wall_time
from .metrics_schemas import (
    Brownout,
    Budget,
    Business,
    Llm,
    Metrics,
    ModeShare,
    PassedCalls,
    Performance,
    System,
)

__all__ = ["WINDOWS_S", "Cpu", "measure"]

WINDOWS_S = {"1m": 60.0, "5m": 300.0, "1h": 3600.0, "24h": 86_400.0}

_CLIENT_ERRORS = ("quota_minute", "quota_day", "rejected", "edited", "closed")
_SERVER_ERRORS = ("overloaded", "internal")


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
    balancer: Balancer,
    recent: Recent,
    passed: PassedCounts,
    conversations: Conversations,
    cpu: Cpu,
    window: str,
) -> Metrics:
    """All figures over a window of `WINDOWS_S`. Adds up a day at most: not for the event loop."""
    span = recent.last(WINDOWS_S[window])
    minute, hour, day = (recent.last(WINDOWS_S[name]) for name in ("1m", "1h", "24h"))
    status = balancer.status()
    observations = span.observations or Observations(0)
    performance = _performance(observations, span.seconds, balancer.policy, status.mistakes)
    last = recent.last(balancer.policy.tick_s).observations
    return Metrics(
        window=window,
        window_s=span.seconds,
        tick=status.tick,
        performance=performance,
        llm=_llm(
            observations,
            minute,
            hour,
            day,
            balancer,
            conversations.mean_tokens(WINDOWS_S[window]),
        ),
        brownout=_brownout(status, span, recent),
        business=Business(
            cost_saved_usd=_saved(hour, day),
            availability=performance.availability,
            quality_score=None,
        ),
        passed={
            kind: _passed(calls)
            for kind, calls in passed.last(balancer.clock.wall_s(WINDOWS_S[window])).items()
        },
        system=System(
            memory=last.memory_ppm / 1e6 if last is not None and last.memory_ppm else None,
            cpu=cpu.look(),
            queue_depth=status.waiting,
            in_flight=status.in_flight,
            uptime_s=cpu.uptime_s,
        ),
    )


def _passed(calls: Passed) -> PassedCalls:
    latency = calls.latency
    return PassedCalls(
        calls=calls.calls,
        failures=calls.failures,
        latency_p50_s=_seconds(latency.quantile(0.5)),
        latency_p95_s=_seconds(latency.quantile(0.95)),
        cost_usd=_usd(calls.nano_usd),
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
    return sum(entry.judged - entry.ill for entry in seen.served)


def _tokens(seen: Observations) -> int:
    return sum(e.prompt_tokens + e.output_tokens + e.thinking_tokens for e in seen.served)


def _nano(span: Span) -> int:
    return 0 if span.observations is None else sum(e.nano_usd for e in span.observations.served)


def _repeating(seen: Observations, policy: Policy) -> int:
    """Attempts, but for those at a fallback model of their mode: they repeat nothing.

    Of callers who ask for the usual model; others are taken for such.
    """
    count = 0
    usual = policy.usual_model
    for entry in seen.served:
        strategy = policy.strategies[entry.mode]
        # Where the model is the caller's and nobody says which, nobody knows which came first.
        chain = resolve(strategy, usual, policy.catalog) if usual else strategy.models
        falls_back = chain[0] not in ROUTES and entry.model in chain[1:]
        count += 0 if falls_back else entry.started
    return count


def _performance(
    seen: Observations, seconds: float, policy: Policy, mistakes: Mapping[str, int]
) -> Performance:
    latency = merge(entry.latency for entry in seen.served)
    ttft = merge(entry.ttft for entry in seen.served)
    finished = sum(entry.finished for entry in seen.served)
    judged = sum(entry.judged for entry in seen.served)
    failures = _failures(seen.served)
    offered, admitted = sum(seen.offered), sum(seen.admitted)
    # An answer may belong to a request that was offered before the window.
    demand = sum(seen.demand)
    available = _over(min(_answers(seen), demand), demand)
    tokens_per_s = _over(_tokens(seen), seconds)
    return Performance(
        latency_p50_s=_seconds(latency.quantile(0.50)),
        latency_p95_s=_seconds(latency.quantile(0.95)),
        latency_p99_s=_seconds(latency.quantile(0.99)),
        ttft_p95_s=_seconds(ttft.quantile(0.95)),
        error_rate=_over(sum(entry.ill for entry in seen.served), judged),
        error_rate_4xx=_over(sum(failures[kind] for kind in _CLIENT_ERRORS), finished),
        error_rate_5xx=_over(sum(failures[kind] for kind in _SERVER_ERRORS), finished),
        failures={kind: count for kind, count in failures.items() if count},
        requests=offered,
        throughput_per_s=_over(offered, seconds),
        tokens_per_minute=None if tokens_per_s is None else tokens_per_s * 60.0,
        availability=available,
        callers_mistakes=dict(mistakes),
        retry_amplification=_over(_repeating(seen, policy), admitted),
        shed={priority.label: seen.shed[priority] for priority in Priority},
        static_fallbacks=sum(seen.fallback),
    )


def _llm(
    seen: Observations,
    minute: Span,
    hour: Span,
    day: Span,
    balancer: Balancer,
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
        budgets=_budgets(balancer, rate),
    )


def _budgets(balancer: Balancer, usd_per_s: float | None) -> list[Budget]:
    policy = balancer.policy
    standings = {(each.priority, each.key, each.window_s): each for each in balancer.budgets()}
    return [
        _budget(balancer, limit, standings.get((tier is not None, limit.key, limit.window_s)), tier,
                None if tier else _projected(usd_per_s, limit.window_s, limit.key))
        for tier, limits in ((None, policy.budgets), (PRIORITY, policy.priority_budgets))
        for limit in limits
        if len(limits) <= MOST_SHOWN or (tier is not None, limit.key, limit.window_s) in standings
    ]  # fmt: skip


def _budget(
    balancer: Balancer,
    limit: BudgetLimit,
    standing: Standing | None,
    tier: str | None,
    projected: float | None,
) -> Budget:
    clock = balancer.clock
    return Budget(
        window_s=limit.window_s,
        key=limit.key,
        tier=tier,
        limit_usd=limit.usd,
        used_usd=None if standing is None else _usd(standing.used),
        reserved_usd=None if standing is None else _usd(standing.reserved),
        left_usd=None if standing is None else _usd(standing.left),
        eases_at=None if standing is None else wall_time(clock, standing.eases_s),
        free_at=None if standing is None else wall_time(clock, standing.free_s),
        projected_usd=projected,
        alert=None if projected is None else projected > limit.usd,
    )


def _projected(usd_per_s: float | None, window_s: float, key: str | None) -> float | None:
    return None if usd_per_s is None or key is not None else usd_per_s * window_s


def _brownout(status: Status, span: Span, recent: Recent) -> Brownout:
    mode = status.mode
    observations = span.observations or Observations(0)
    per_s = _over(recent.activations, recent.seen_s)
    recoveries = tuple(recent.recoveries_s)
    started = [
        sum(entry.started for entry in observations.served if entry.mode == other)
        for other in MODES
    ]
    return Brownout(
        current_mode=int(mode),
        mode=mode.label,
        bypass=bool(status.bypass),
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
        error_rate=_over(
            sum(entry.ill for entry in entries), sum(entry.judged for entry in entries)
        ),
        cost_per_attempt_usd=_over(_usd(nano), finished),
        rerouted=sum(entry.rerouted for entry in entries),
        downgraded=sum(entry.downgraded for entry in entries),
    )


def _saved(hour: Span, day: Span) -> float | None:
    usual = [] if day.observations is None else day.observations.served
    normal = [entry for entry in usual if entry.mode == Mode.NORMAL]
    mean = _over(sum(e.nano_usd for e in normal), sum(e.finished for e in normal))
    if mean is None or hour.observations is None:
        return None
    degraded = [entry for entry in hour.observations.served if entry.mode != Mode.NORMAL]
    return sum(_usd(entry.finished * mean - entry.nano_usd) for entry in degraded)
