"""From a scenario and a policy to the arrays the kernel works on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from balancer.core import budget
from balancer.core.errors import ScenarioError
from balancer.core.modes import MODES, PRIORITIES
from balancer.core.policy import Policy
from balancer.core.pricing import NANO_USD
from balancer.core.retry import RETRY_BURST
from balancer.core.routes import resolve
from balancer.core.strategy import tier_of
from balancer.core.tiers import FLEX_WAIT_S, REQUEST_TIERS
from scenarios.profiles import profiles
from scenarios.schema import GeminiUpstream, QueueUpstream, Scenario

from ..days import served_names
from ..traffic.asked import scenario_keys
from . import spend
from .call_bounds import call_bounds
from .events import DAYS, EVENT, LATER, chained, days_per_s
from .processor_sharing import JOB
from .quality import kept_quality_ppm
from .upstream_records import CALL
from .upstream_setup import new_upstream
from .world import (
    BUCKETS,
    CLIENT,
    EVERYBODY,
    FELT,
    FLIGHT,
    GATE,
    GATES,
    IN_PRIORITY,
    LONGEST_CHAIN,
    MOST_MODELS,
    PAUSE,
    PLAN,
    REPLICA,
    SLOT,
    STATE,
    TALLY,
    TOTALS,
    World,
)

__all__ = ["aligned", "model_names", "new_world"]

_FIRST_SLOTS = 1024
_FIRST_EVENTS = 4 * _FIRST_SLOTS
_LINE = 64  # bytes
_NO_LIMIT = 1 << 62


def aligned(count: int, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Zeros that start with a line of the cache."""
    room = np.zeros(count * dtype.itemsize + _LINE, np.uint8)
    first = -room.ctypes.data % _LINE
    return room[first : first + count * dtype.itemsize].view(dtype)


def model_names(scenario: Scenario, policy: Policy) -> tuple[str, ...]:
    """Models that may be called or may answer, by name."""
    names = set(scenario.asked_models)
    for asked in scenario.asked_models:
        for strategy in policy.strategies:
            names.update(resolve(strategy, asked, policy.catalog))
    names.update(served_names(tuple(names), policy.catalog))
    return tuple(sorted(names))


def new_world(
    scenario: Scenario,
    policy: Policy,
    requests: np.ndarray[Any, Any],
    key: int,
    models: tuple[str, ...],
    *,
    enforced: bool = True,
    keep_latencies: bool,
) -> World:
    """Fresh arrays for one run.

    Args:
        scenario: what is simulated.
        policy: of the controller.
        requests: the first chunk of them; there may be more.
        key: stream key.
        models: names of those that may be called, in the order of their rows.
        enforced: whether budgets bound what is spent.
        keep_latencies: whether each request's latency is kept.

    Raises:
        ScenarioError: a model without a profile, or too many models, in a plan or in all.
    """
    slots = aligned(_FIRST_SLOTS, SLOT)
    slots["next"] = np.arange(1, _FIRST_SLOTS + 1)
    slots["next"][-1] = -1
    if len(models) > MOST_MODELS:
        raise ScenarioError(
            f"clients and policy name {len(models)} models; the simulator takes {MOST_MODELS}"
        )
    later = np.zeros(_FIRST_EVENTS, LATER)
    chained(later, 0, -1)
    ledgers, ledger_keys, spends = _ledgers(policy, scenario_keys(scenario), enforced=enforced)
    tallies = np.zeros(scenario.replicas * len(MODES) * len(models), TALLY)
    felt = np.zeros(scenario.replicas * len(MODES), FELT)
    for spans in (tallies, felt):
        spans["low"] = BUCKETS
        spans["high"] = -1
    for name in ("answers_row", "ages_row"):
        felt[name] = -1
    return World(
        state=_state(requests),
        replicas=_replicas(scenario.replicas),
        client=_client(scenario, keep_latencies=keep_latencies),
        requests=requests,
        slots=slots,
        calls=aligned(_FIRST_SLOTS, CALL),
        events=np.zeros(_FIRST_EVENTS, EVENT),
        later=later,
        days=np.full(DAYS, -1, np.int32),
        flights=np.zeros(_FIRST_SLOTS, FLIGHT),
        pauses=np.zeros(_FIRST_SLOTS, PAUSE),
        plans=_plans(scenario, policy, models),
        gates=_normal_gates(scenario.replicas),
        upstream=new_upstream(scenario, policy, key, models),
        jobs=np.zeros(_FIRST_SLOTS, JOB),
        ledgers=np.repeat(ledgers[np.newaxis], scenario.replicas, axis=0),
        ledger_keys=ledger_keys,
        spends=spends,
        tallies=tallies,
        histograms=np.zeros((len(tallies), 2, BUCKETS), np.int32),
        scratch=np.zeros(BUCKETS, np.int32),
        felt=felt,
        felt_histograms=np.zeros((len(felt), 3, BUCKETS), np.int32),
        totals=np.zeros(1, TOTALS),
        latency=np.zeros(BUCKETS, np.int64),
        latencies=np.full(len(requests) if keep_latencies else 0, math.nan),
    )


def _state(requests: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    state = np.zeros(1, STATE)
    state["more"] = True
    state["days_per_s"] = days_per_s(len(requests) / requests["s"].max(initial=1.0))
    state["day_s"] = 1.0 / state["days_per_s"]
    state["free_slots"] = _FIRST_SLOTS
    return state


def _replicas(count: int) -> np.ndarray[Any, Any]:
    replicas = np.zeros(count, REPLICA)
    replicas["first_waiting"] = -1
    replicas["last_waiting"] = -1
    replicas["retry_tokens"] = RETRY_BURST
    replicas["max_in_flight"] = 1 << 62
    replicas["max_starts"] = 1 << 62
    return replicas


def _client(scenario: Scenario, *, keep_latencies: bool) -> np.ndarray[Any, Any]:
    clients = scenario.clients
    client = np.zeros(1, CLIENT)
    client["backoff_initial_s"] = clients.backoff.initial
    client["backoff_factor"] = clients.backoff.factor
    client["backoff_max_s"] = clients.backoff.max
    client["backoff_jitter_s"] = clients.backoff.jitter
    client["honours_retry_delay"] = clients.honours_retry_delay
    client["retry_budget"] = -1.0 if clients.retry_budget is None else clients.retry_budget
    client["patience_s"] = clients.patience
    client["concurrency"] = (
        1 << 62
        if clients.concurrency is None
        else math.ceil(clients.concurrency / scenario.replicas)
    )
    # A plain queue is there to be held against theory, which knows neither unless it is told to.
    theory = isinstance(scenario.upstream, QueueUpstream)
    if not theory or "overhead" in clients.model_fields_set:
        client["overhead_s"] = clients.overhead
    if not theory or "reasks" in clients.model_fields_set:
        client["reask_share"] = clients.reasks.share
        client["reask_after_s"] = clients.reasks.after
    client["estimate_bias"] = 1.0 + clients.prompt_estimate.bias
    client["estimate_sigma"] = clients.prompt_estimate.error
    client["horizon_s"] = scenario.duration
    client["warm_up_s"] = scenario.warm_up
    client["worth_within_s"] = scenario.worth.within
    client["keeps_latencies"] = keep_latencies
    return client


def _normal_gates(replicas: int) -> np.ndarray[Any, Any]:
    """Every request in normal, as before the first decision."""
    gates = np.zeros((replicas, len(PRIORITIES), GATES), GATE)
    gates["below"] = math.inf
    gates["admitted"] = True
    return gates


def _plans(scenario: Scenario, policy: Policy, models: tuple[str, ...]) -> np.ndarray[Any, Any]:
    concise = (
        scenario.upstream.concise_factor if isinstance(scenario.upstream, GeminiUpstream) else 1.0
    )
    rows = [
        (asked, mode, strategy)
        for asked in scenario.asked_models
        for mode, strategy in zip(MODES, policy.strategies, strict=True)
    ]
    plans, known = np.zeros(len(rows), PLAN), profiles(scenario)
    for plan, (asked, mode, strategy) in zip(plans, rows, strict=True):
        chain = resolve(strategy, asked, policy.catalog)
        if len(chain) > LONGEST_CHAIN:
            raise ScenarioError(
                f"{mode.label} names {len(chain)} models; the simulator takes {LONGEST_CHAIN}"
            )
        for place, name in enumerate(chain):
            card, own = policy.catalog.card(name), policy.catalog.card(asked)
            plan["models"][place] = models.index(name)
            bounds = call_bounds(scenario, strategy, card, own, known=known)
            plan["caps"][place] = bounds.cap_tokens
            plan["budgets"][place] = bounds.thinking_tokens
            plan["tiers"][place] = [
                [
                    REQUEST_TIERS.index(tier_of(planned, written, card, moved=name != asked))
                    for planned in strategy.service_tier
                ]
                for written in REQUEST_TIERS
            ]
        plan["length"] = len(chain)
        plan["concise"] = concise if strategy.instruction else 1.0
        plan["quality_ppm"] = kept_quality_ppm(scenario, strategy)
        plan["timeout_s"] = _else(strategy.timeout_s, scenario.clients.timeout)
        plan["flex_timeout_s"] = _flex_timeout_s(scenario)
        plan["retries"] = _else(strategy.retries, scenario.clients.retries)
        plan["static_fallback"] = strategy.static_fallback is not None
    return plans


def _flex_timeout_s(scenario: Scenario) -> float:
    """Deadline of a call that is sent as flex: no plan's, and the callers' own if it is shorter."""
    said = "timeout" in scenario.clients.model_fields_set
    return min(FLEX_WAIT_S, scenario.clients.timeout) if said else FLEX_WAIT_S


def _else(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _ledgers(
    policy: Policy, keys: tuple[str, ...], *, enforced: bool
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Budget rows, whose each is, and the rows that check them; padded to one width.

    A budget of a key that no request has is left out: nothing can be spent from it.
    """
    ledgers, places, spends = [], [], []
    owned = [
        (limit, EVERYBODY if limit.key is None else keys.index(limit.key))
        for limit in policy.budgets
        if limit.key is None or limit.key in keys
    ]
    owned += [(limit, IN_PRIORITY) for limit in policy.priority_budgets]
    for limit, owner in owned:
        nano_usd = round(limit.usd * NANO_USD)
        ticks = max(1, round(limit.window_s / policy.tick_s))
        # One that bounds nothing is reserved from and settled as ever, and never used up.
        ledgers.append(budget.new_row(nano_usd if enforced else _NO_LIMIT, ticks))
        spends.append(spend.new_row(nano_usd, ticks))
        places.append(owner)
    return _padded(ledgers), np.array(places, np.int64), _padded(spends)


def _padded(rows: list[list[int]]) -> np.ndarray[Any, Any]:
    width = max((len(row) for row in rows), default=0)
    padded = np.zeros((len(rows), width), np.int64)
    for place, row in enumerate(rows):
        padded[place, : len(row)] = row
    return padded
