"""The page says what the code does."""

from __future__ import annotations

from pathlib import Path

from balancer.adapters.dashboards.alert_rules import rules_of
from balancer.core.policy import Policy
from balancer.prometheus_names import Translation

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_explains_every_alert(everything: Policy) -> None:
    """Those of rules by an example, the others by name."""
    text = (DOCS / "how-to/dashboards.md").read_text(encoding="utf-8")
    alerts = rules_of(everything, "shop", Translation.UNDERSCORES)[1]
    others = {alert.name for alert in alerts if "signal" not in alert.labels}
    assert others
    assert {name for name in others if f"`{name}`" not in text} == set()
    assert "`OpenBalancerSoftLatencyP95`" in text


def test_the_reference_names_every_strategy() -> None:
    """With the names that Prometheus gives them."""
    text = (DOCS / "reference/command.md").read_text(encoding="utf-8")
    assert [each.value for each in Translation if f"`{each.value}`" not in text] == []
