"""Policies with everything a rule can say."""

from __future__ import annotations

from pathlib import Path

import pytest

from balancer.core.policy import Policy
from balancer.policy_file import load_policy, parse_policy
from tests.adapters.dashboards.promtool import Promtool

EVERYTHING = """\
name: every {{ signal }}
thresholds:
  soft: {latency_p50: 3s, latency_p95: 2000ms, latency_p99: 20s, ttft_p95: 1s, error_rate: 5%,
         token_cost_per_hour: $50, spend_10m: $8, tokens_per_minute: 100k, queue_depth: 20,
         memory: 80%}
  hard: {latency_p95: 5000ms, error_rate: 10%, token_cost_per_hour: $100}
rules:
  - {signal: burn_rate, level: hard, above: x14.4, window: 1h, short_window: 5m, objective: 99%}
alerts:
  - alert: "High P95 Latency"
    condition: "P95 response time > 2000ms for 5 minutes"
    action: "Activate soft brownout mode"
budget:
  per_hour: $50
  per_key: {acme: {per_day: $20}}
ladder: {hold: 3m, exit: 75%}
"""


@pytest.fixture
def default() -> Policy:
    """The policy that ships."""
    return load_policy(None)


@pytest.fixture
def everything() -> Policy:
    """Every signal, an alert sentence, a budget."""
    return parse_policy(EVERYTHING)


@pytest.fixture
def promtool(tmp_path: Path) -> Promtool:
    """In a directory of its own."""
    return Promtool(tmp_path)
