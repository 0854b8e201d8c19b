"""The page says what the code does."""

from __future__ import annotations

from pathlib import Path

from balancer.adapters.datadog.errors import Trouble
from balancer.adapters.datadog.readings import Freshness
from balancer.core.policy import SIGNALS
from balancer.webhook import Transition
from balancer.webhook.verdict import Fate

PAGE = (Path(__file__).parents[3] / "docs/reference/datadog.md").read_text(encoding="utf-8")


def test_the_page_names_every_state_and_transition() -> None:
    """One that is added must be explained."""
    states = [f"`{each.value}`" for kind in (Trouble, Freshness) for each in kind]
    fates = [f"`{fate.value}`" for fate in Fate if fate is not Fate.REFUSED]
    wanted = states + fates + [transition.value for transition in Transition]
    assert [word for word in wanted if word not in PAGE] == []


def test_the_page_names_every_signal_that_has_a_monitor() -> None:
    """The other percentiles are of the same kind."""
    like = {"latency_p50", "latency_p99", "ttft_p95"}
    assert [signal for signal in set(SIGNALS) - like if f"`{signal}`" not in PAGE] == []
