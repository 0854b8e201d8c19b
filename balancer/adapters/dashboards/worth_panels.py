"""Panels of what answers cost and were worth, and of how brownouts come and go."""

from __future__ import annotations

from ... import metrics
from .panel import OVER, Panel, Query
from .promql import Queries

__all__ = ["coming_and_going", "worth"]


def worth(q: Queries) -> tuple[Panel, ...]:
    """Panels of what requests, answers and sessions cost and are worth."""
    return (
        Panel(
            title="Cost of a request",
            description=f"The mean. {metrics.REQUEST_COST.meaning}",
            unit="currencyUSD",
            queries=(Query(expression=q.mean(metrics.REQUEST_COST, OVER), legend="mean"),),
            width=6,
            none="not in a simulated run",
        ),
        Panel(
            title="Cost of an answer",
            description=metrics.COST_PER_ANSWER.meaning,
            unit="currencyUSD",
            queries=(Query(expression=q.gauge("avg", metrics.COST_PER_ANSWER), legend="mean"),),
            width=6,
        ),
        Panel(
            title="Tokens of a session",
            description=f"The mean since the start. {metrics.SESSION_TOKENS.meaning}",
            unit="short",
            queries=(Query(expression=q.mean(metrics.SESSION_TOKENS), legend="mean"),),
            width=6,
            none="no session is named",
        ),
        Panel(
            title="Quality of answers",
            description=metrics.QUALITY.meaning,
            unit="percentunit",
            queries=(Query(expression=q.gauge("avg", metrics.QUALITY), legend="mean"),),
            width=6,
            most=1.0,
            none="nobody scores the answers",
        ),
    )


def coming_and_going(q: Queries) -> tuple[Panel, ...]:
    """How often modes are entered, and how long normal is away."""
    return (
        Panel(
            title="Modes entered",
            description=f"Since the start. {metrics.ACTIVATIONS.meaning}",
            unit="short",
            queries=(
                Query(
                    expression=q.gauge("sum", metrics.ACTIVATIONS, by=(metrics.MODE,)),
                    legend=f"{{{{{q.label(metrics.MODE)}}}}}",
                    mode=metrics.MODE,
                ),
            ),
            width=12,
            height=6,
            none="no brownout",
        ),
        Panel(
            title="Time until normal is back",
            description=f"The mean since the start. {metrics.RECOVERY.meaning}",
            unit="s",
            queries=(Query(expression=q.mean(metrics.RECOVERY), legend="mean"),),
            width=12,
            height=6,
            none="no brownout ended",
        ),
    )
