"""Alert rules as the file that Prometheus reads."""

from __future__ import annotations

import io
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from balancer.prometheus_names import Translation

from ...core.policy import Policy
from .alert_rules import rules_of
from .promql import duration

__all__ = ["alerts_text"]

EVERY_S: Final = 15.0
"""How often the rules are evaluated."""


def alerts_text(policy: Policy, service: str, translation: Translation) -> str:
    """The rules as a file for Prometheus: YAML, the same text for the same policy."""
    recordings, alerts = rules_of(policy, service, translation)
    rules: list[dict[str, Any]] = [
        {"record": each.name, "expr": _expression(each.expression)} for each in recordings
    ]
    for alert in alerts:
        keep = {"keep_firing_for": duration(alert.keep_s)} if alert.keep_s else {}
        rules.append(
            {
                "alert": alert.name,
                "expr": _expression(alert.expression),
                "for": duration(alert.for_s),
                **keep,
                "labels": {**alert.labels, "service": service},
                "annotations": {"summary": alert.summary, "description": alert.description},
            }
        )
    group = {"name": f"open-balancer {service}", "interval": duration(EVERY_S), "rules": rules}
    yaml = YAML()
    yaml.width = 10_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    yaml.dump({"groups": [group]}, out)
    policy_name = " ".join(policy.name.split())
    newer = "" if translation.escapes else " (3 or newer with these names)"
    head = (
        f"# Alerts on {service}, written by open-Balancer from policy {policy_name}.\n"
        f"# What is changed here is overwritten. Needs Prometheus 2.42 or newer{newer},\n"
        "# telemetry that is reported at least every 15 s, and names translated by\n"
        f"# {translation.value}.\n"
    )
    return head + out.getvalue()


def _expression(text: str) -> str:
    return LiteralScalarString(text) if "\n" in text else text
