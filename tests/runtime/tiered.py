"""Policies and requests with service tiers, for tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from balancer.core.catalog import Catalog
from balancer.core.modes import Priority
from balancer.core.policy import Policy
from balancer.core.strategy import TiersByPriority
from balancer.policy_file import default_policy
from balancer.runtime.calls import Asked
from balancer.runtime.requests import Request

from .bench import Bench
from .test_requests import policy_with

MODEL, WEAKER = "gemini-3.6-flash", "gemini-3.5-flash-lite"
CATALOG = replace(default_policy().catalog, as_of="2026-11-28")
CARD = CATALOG.card(MODEL)
FLEX: TiersByPriority = ("flex", None, "priority")
LOW, NORMAL, HIGH = Priority.LOW, Priority.NORMAL, Priority.HIGH


def tiered(tiers: TiersByPriority = FLEX, *, catalog: Catalog = CATALOG, **changes: Any) -> Policy:
    """A policy whose normal has service tiers, a weaker model to fall back to, and no budget."""
    changes = {"model": MODEL, "fallback_models": (WEAKER,), "retries": 1, **changes}
    policy = policy_with(service_tier=tiers, **changes)
    return replace(policy, catalog=catalog)


def ask(bench: Bench, priority: Priority = LOW, **asked: object) -> Request:
    """A request of the model."""
    return bench.balancer.request(priority, asked=Asked(model=MODEL, **asked))  # type: ignore[arg-type]
