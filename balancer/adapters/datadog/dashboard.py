"""The dashboard, drawn from the metric table: a plain value that needs no extra."""

from __future__ import annotations

from typing import Any, Final

from ... import metrics
from ...metrics import Kind, Metric
from .monitors import Target

__all__ = ["PERCENTILES", "dashboard_of"]

PERCENTILES: Final = (metrics.REQUEST_DURATION, metrics.FIRST_TOKEN)
"""Distributions whose percentiles are asked for; Datadog computes them only when told to."""

_GROUPS: Final[tuple[tuple[str, tuple[Metric, ...]], ...]] = (
    (
        "Brownout",
        (
            metrics.CURRENT_MODE,
            metrics.MODE_SHARE,
            metrics.MODE_CHANGES,
            metrics.ACTIVATIONS,
            metrics.RECOVERY,
            metrics.QUALITY,
        ),
    ),
    (
        "Latency, errors and traffic",
        (
            metrics.REQUEST_DURATION,
            metrics.FIRST_TOKEN,
            metrics.ERROR_RATE,
            metrics.ATTEMPTS_FAILED,
            metrics.MISTAKES,
            metrics.ATTEMPTS_UNJUDGED,
            metrics.ATTEMPTS_REROUTED,
            metrics.ATTEMPTS_DOWNGRADED,
            metrics.EDITS_WITHDRAWN,
            metrics.PROJECTS_CLOSED,
            metrics.AVAILABILITY,
            metrics.REQUESTS,
            metrics.ATTEMPTS_STARTED,
            metrics.IN_FLIGHT,
        ),
    ),
    (
        "Tokens, cost and budget",
        (
            metrics.COST_RATE,
            metrics.SPEND,
            metrics.BUDGET_LEFT,
            metrics.BUDGET_USED,
            metrics.BUDGET_RESERVED,
            metrics.BUDGET_FREE,
            metrics.PRIORITY_LEFT,
            metrics.BUDGET_PROJECTED,
            metrics.COST_SAVED,
            metrics.COST_PER_ANSWER,
            metrics.REQUEST_COST,
            metrics.TOKENS,
            metrics.SESSION_TOKENS,
        ),
    ),
    (
        "The process",
        (metrics.QUEUE_DEPTH, metrics.MEMORY, metrics.CPU, metrics.TELEMETRY_DROPPED),
    ),
)

_WORST: Final = (
    *(metrics.CURRENT_MODE, metrics.MEMORY, metrics.CPU),
    *(metrics.EDITS_WITHDRAWN, metrics.PROJECTS_CLOSED),
)
_ADD_UP: Final = (
    metrics.IN_FLIGHT,
    metrics.COST_RATE,
    metrics.SPEND,
    metrics.COST_SAVED,
    metrics.QUEUE_DEPTH,
)
"""Gauges of which replicas have a part each; of the others they have all the same."""

_BY: Final = {
    metrics.ATTEMPTS_FAILED: metrics.ERROR_TYPE,
    metrics.ATTEMPTS_UNJUDGED: metrics.ERROR_TYPE,
    metrics.REQUESTS: metrics.OUTCOME,
    metrics.TOKENS: metrics.TOKEN_TYPE,
}
"""What a metric is told apart by where that is not its first attribute. Tokens added up over
their types would count the cached ones twice: they are part of the input."""

_SCOPE: Final = "$service,$env"


def dashboard_of(target: Target) -> dict[str, Any]:
    """Body of the dashboard of an application."""
    return {
        "title": f"open-Balancer: {target.service}",
        "description": f"Brownout control of {target.service}. Written by open-Balancer "
        f"({target.owner}); what is changed here is overwritten.",
        "layout_type": "ordered",
        "template_variables": [
            {"name": "service", "prefix": "service", "defaults": [target.service]},
            {"name": "env", "prefix": "env", "defaults": [target.environment or "*"]},
        ],
        "widgets": [
            {
                "definition": {
                    "type": "group",
                    "layout_type": "ordered",
                    "title": title,
                    "widgets": [_widget(metric) for metric in members],
                }
            }
            for title, members in _GROUPS
        ],
    }


def _widget(metric: Metric) -> dict[str, Any]:
    queries = _queries(metric)
    bars = metric.kind is Kind.COUNTER
    return {
        "definition": {
            "type": "timeseries",
            "title": f"{metric.meaning.rstrip('.')} ({metric.unit})",
            "show_legend": True,
            "requests": [
                {
                    "response_format": "timeseries",
                    "display_type": "bars" if bars else "line",
                    "queries": [
                        {"data_source": "metrics", "name": name, "query": query}
                        for name, query in queries.items()
                    ],
                    "formulas": [{"formula": name, "alias": name} for name in queries],
                }
            ],
        }
    }


def _queries(metric: Metric) -> dict[str, str]:
    by = _BY.get(metric, metric.attributes[0] if metric.attributes else None)
    groups = "" if by is None else f" by {{{by}}}"
    if metric.kind is Kind.COUNTER:
        return {"count": f"sum:{metric.name}{{{_SCOPE}}}{groups}.as_count()"}
    if metric.kind is Kind.HISTOGRAM:
        spaces = ("p50", "p95", "p99") if metric in PERCENTILES else ("avg", "max")
        return {space: f"{space}:{metric.name}{{{_SCOPE}}}" for space in spaces}
    space = "sum" if metric in _ADD_UP else "max" if metric in _WORST else "avg"
    return {"value": f"{space}:{metric.name}{{{_SCOPE}}}{groups}"}
