"""From a scenario and a policy to the arrays of an upstream."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from balancer.core.catalog import ModelCard
from balancer.core.errors import ScenarioError, nearest
from balancer.core.policy import Policy
from balancer.core.pricing import NANO_USD
from balancer.core.tiers import REQUEST_TIERS
from scenarios.profiles import profiles, project_quota
from scenarios.schema import GeminiUpstream, ModelProfile, QueueUpstream, Quota, Scenario
from scenarios.tiers import priority_share, spend_limit
from scenarios.upstreams import DEFAULT_BURST_S, DEFAULT_COUNTING

from . import fifo_queue
from .provisioned import buy
from .quota import CELLS, MINUTE_S, QUOTA, SLIDING, new_row
from .spend_limit import new_spending
from .upstream_records import (
    FAULT,
    GEMINI,
    LONGEST_HOLD_S,
    MODEL,
    PROCESSOR_SHARING,
    QUEUED,
    SETTINGS,
    Upstream,
)

__all__ = ["new_upstream"]

_SPARE_FAULTS = 8
"""Fault rows beyond the scenario's, for processes written in Python."""

_MILLION = 1_000_000
_PACIFIC = ZoneInfo("America/Los_Angeles")
_Z95 = 1.6448536269514722


def new_upstream(scenario: Scenario, policy: Policy, key: int, models: tuple[str, ...]) -> Upstream:
    """A fresh upstream of some models.

    Args:
        scenario: says how they behave.
        policy: its catalog says what they cost.
        key: stream key.
        models: their names, in the order of their rows.

    Raises:
        ScenarioError: a model without a profile.
    """
    known = _profiles(scenario, models)
    settings = np.zeros(1, SETTINGS)
    settings["key"] = key
    queue = np.zeros(1, fifo_queue.QUEUE)
    servers = np.zeros(1)
    room = np.zeros(1)
    if isinstance(scenario.upstream, QueueUpstream):
        shared = scenario.upstream.discipline == "processor_sharing"
        settings["kind"] = PROCESSOR_SHARING if shared else QUEUED
        queue[0] = _queue(scenario.upstream)
        servers = np.zeros(scenario.upstream.servers)
        room = np.zeros((scenario.upstream.bound or 0) + 1)
    else:
        settings["kind"] = GEMINI
    rows = np.zeros(len(models), MODEL)
    rows["serves"] = [models.index(policy.catalog.card(name).name) for name in models]
    rows["first_waiting"] = rows["last_waiting"] = -1
    for row, name in zip(rows, models, strict=True):
        card = policy.catalog.card(name)
        _write_model(row, known.get(card.name), card)
        if isinstance(scenario.upstream, GeminiUpstream) and card.thinks:
            row["thinking_loss"] = 1.0 - scenario.upstream.actions.thinking_off
    if isinstance(scenario.upstream, GeminiUpstream):
        flex = scenario.upstream.service_tiers.flex
        rows["flex_share"] = flex.share
        rows["flex_queue"] = flex.queue * rows["capacity"] if flex.queue else 0.0
        rows["flex_longest_s"] = flex.longest
    quotas = _quotas(scenario, [known.get(policy.catalog.card(name).name) for name in models])
    slides = any(_limited(row) and row["counting"] == SLIDING for row in quotas)
    spending, spent = _spending(scenario)
    own = quotas[: len(models) + 1]
    settings["limited"] = spending["limit_nano_usd"] >= 0 or any(map(_limited, own))
    return Upstream(
        settings=settings,
        models=rows,
        quotas=quotas,
        cells=np.zeros((len(quotas), 2, CELLS if slides else 1), np.int64),
        spending=spending,
        spent=spent,
        midnights=_midnights(scenario),
        faults=np.zeros(len(scenario.faults) + _SPARE_FAULTS, FAULT),
        queue=queue,
        servers=servers,
        room=room,
    )


def _profiles(scenario: Scenario, models: tuple[str, ...]) -> dict[str, ModelProfile]:
    known = profiles(scenario)
    if isinstance(scenario.upstream, GeminiUpstream):
        for name in models:
            if name not in known:
                raise ScenarioError(
                    f"no profile says how {name!r} behaves{nearest(name, known)}; give it one "
                    "under upstream.models",
                    where=scenario.scenario,
                )
    return known


def _write_model(row: Any, profile: ModelProfile | None, card: ModelCard) -> None:
    row["output_limit"] = card.output_limit_tokens
    # What was bought costs nothing more.
    row["prices"][: len(REQUEST_TIERS)] = [card.price_of(tier) for tier in REQUEST_TIERS]
    row["quality_ppm"] = _MILLION
    if profile is None:
        return
    row["ttft_s"] = profile.ttft_p50
    row["ttft_sigma"] = math.log(profile.ttft_p95 / profile.ttft_p50) / _Z95
    row["tokens_per_s"] = profile.tokens_per_s
    row["speed_sigma"] = profile.speed_sigma
    row["thinking_factor"] = profile.thinking_factor
    row["capacity"] = math.inf if profile.capacity is None else profile.capacity
    row["slowdown"] = profile.slowdown
    row["overload_limit"] = math.inf if profile.overload_limit is None else profile.overload_limit
    row["error_share"] = profile.error_share
    row["error_latency_s"] = profile.error_latency
    row["quality_ppm"] = round(profile.quality * _MILLION)
    buy(row, profile, card)


def _quotas(
    scenario: Scenario, known: Sequence[ModelProfile | None]
) -> np.ndarray[Any, np.dtype[np.void]]:
    """Quotas of the models, that of the project, and what of each model may be priority.

    A plain queue has none.
    """
    quotas = [Quota() if profile is None else profile.quota for profile in known]
    upstream = scenario.upstream
    share = priority_share(upstream) if isinstance(upstream, GeminiUpstream) else 1.0
    priority = [_part(quota, share) for quota in quotas]
    quotas.append(project_quota(upstream) if isinstance(upstream, GeminiUpstream) else Quota())
    quotas += priority
    rows = np.zeros(len(quotas), QUOTA)
    for place, quota in enumerate(quotas):
        rows[place] = new_row(
            rpm=quota.rpm,
            tpm=quota.tpm,
            rpd=quota.rpd,
            counting=quota.counting or DEFAULT_COUNTING,
            counts_refused=bool(quota.counts_refused),
            burst_s=quota.burst or DEFAULT_BURST_S,
            phase_s=_seconds_into_a_minute(scenario.start),
        )[0]
    return rows


def _part(quota: Quota, share: float) -> Quota:
    """A share of a minute's quota, counted as that is; nothing of one that is unlimited is 0."""
    if share == 0.0:
        return quota.model_copy(update={"rpm": 0, "tpm": None, "rpd": None})
    parts = {
        name: None if limit is None else max(1, math.floor(limit * share))
        for name, limit in (("rpm", quota.rpm), ("tpm", quota.tpm))
    }
    return quota.model_copy(update={**parts, "rpd": None})


def _limited(quota: Any) -> bool:
    return bool(quota["rpm"] >= 0 or quota["tpm"] >= 0 or quota["rpd"] >= 0)


def _seconds_into_a_minute(start: datetime | None) -> float:
    return 0.0 if start is None else start.second + start.microsecond / 1e6


def _spending(scenario: Scenario) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    upstream = scenario.upstream
    limit = spend_limit(upstream) if isinstance(upstream, GeminiUpstream) else None
    if limit is None:
        return new_spending(-1, MINUTE_S, ahead_s=LONGEST_HOLD_S)
    return new_spending(round(limit.usd * NANO_USD), limit.per, ahead_s=LONGEST_HOLD_S)


def _queue(upstream: QueueUpstream) -> np.ndarray[Any, Any]:
    queue = np.zeros(1, fifo_queue.QUEUE)
    queue["service"] = {
        "exponential": fifo_queue.EXPONENTIAL,
        "deterministic": fifo_queue.DETERMINISTIC,
        "general": fifo_queue.GENERAL,
    }[upstream.service]
    queue["mean_s"] = upstream.mean
    queue["sigma"] = math.sqrt(math.log1p(upstream.cv2))
    queue["bound"] = -1 if upstream.bound is None else upstream.bound
    queue["cancels"] = upstream.cancels
    queue["mean_patience_s"] = (
        math.inf if upstream.mean_patience is None else upstream.mean_patience
    )
    queue["servers"] = upstream.servers
    return np.asarray(queue[0])


def _midnights(scenario: Scenario) -> np.ndarray[Any, Any]:
    """Seconds of the run at which it is midnight Pacific, daylight saving included."""
    start = scenario.start
    if start is None:
        return np.arange(86_400.0, scenario.duration + 3 * 86_400.0, 86_400.0)
    day = start.astimezone(_PACIFIC).date()
    found: list[float] = []
    while not found or found[-1] < scenario.duration + 86_400.0:
        day += timedelta(days=1)
        midnight = datetime(day.year, day.month, day.day, tzinfo=_PACIFIC)
        found.append((midnight - start).total_seconds())
    return np.array(found)
