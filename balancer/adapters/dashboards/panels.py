"""What the Grafana dashboard shows: rows of panels over the metric table."""

from __future__ import annotations

from ... import metrics
from ...core.modes import MODES, Mode
from ...core.policy import Policy
from .panel import OVER, Panel, Query, Row, Shape
from .promql import Queries, signal_query
from .worth_panels import coming_and_going, worth

__all__ = ["rows_of"]


def rows_of(policy: Policy, queries: Queries) -> tuple[Row, ...]:
    """All panels, from the top.

    Args:
        policy: whose thresholds are drawn.
        queries: over whose metrics; its results keep the arm.
    """
    return (
        Row(title="Brownout", panels=(*_brownout(policy, queries), *coming_and_going(queries))),
        Row(title="Latency and errors", panels=_latency(policy, queries)),
        Row(title="Traffic", panels=_traffic(queries)),
        Row(title="Tokens, cost and budget", panels=_money(policy, queries)),
        Row(title="What an answer costs and is worth", panels=worth(queries)),
        Row(title="The process", panels=_process(policy, queries)),
    )


def _limits(policy: Policy, signal: str) -> tuple[tuple[float, Mode], ...]:
    """The lowest threshold of each mode, where it is not above that of a worse one."""
    limits: list[tuple[float, Mode]] = []
    for mode in reversed(MODES):
        thresholds = [r.threshold for r in policy.rules if r.signal == signal and r.level == mode]
        if thresholds and (not limits or min(thresholds) < limits[-1][0]):
            limits.append((min(thresholds), mode))
    return tuple(reversed(limits))


def _figure(
    title: str,
    description: str,
    query: Query,
    *,
    unit: str,
    limits: tuple[tuple[float, Mode], ...] = (),
) -> Panel:
    """One number, large, as it is now."""
    return Panel(
        title=title,
        description=description,
        shape=Shape.FIGURE,
        unit=unit,
        queries=(query,),
        width=4,
        height=4,
        limits=limits,
    )


def _brownout(policy: Policy, q: Queries) -> tuple[Panel, ...]:
    mode = q.gauge("max", metrics.CURRENT_MODE)
    return (
        _figure(
            "Mode",
            "Of the replica that is in the worst one.",
            Query(expression=mode, legend="mode"),
            unit="short",
        ),
        _figure(
            "P95 latency",
            "From a request's first attempt to its outcome.",
            Query(expression=signal_query(q, "latency_p95", OVER), legend="P95"),
            unit="s",
            limits=_limits(policy, "latency_p95"),
        ),
        _figure(
            "Error rate",
            "Calls upstream that failed by its own fault, over those that ended.",
            Query(expression=signal_query(q, "error_rate", OVER), legend="errors"),
            unit="percentunit",
            limits=_limits(policy, "error_rate"),
        ),
        _figure(
            "Availability",
            metrics.AVAILABILITY.meaning,
            Query(expression=q.gauge("avg", metrics.AVAILABILITY), legend="available"),
            unit="percentunit",
        ),
        _figure(
            "Cost per hour",
            "Dollars settled, at the present rate.",
            Query(expression=signal_query(q, "token_cost_per_hour", OVER), legend="cost"),
            unit="currencyUSD",
            limits=_limits(policy, "token_cost_per_hour"),
        ),
        _figure(
            "Saved in the last hour (estimate)",
            metrics.COST_SAVED.meaning,
            Query(expression=q.gauge("sum", metrics.COST_SAVED), legend="saved"),
            unit="currencyUSD",
        ),
        Panel(
            title="Mode over time",
            description="Which mode was in force; each arm of a simulated run has its own line.",
            shape=Shape.BAND,
            unit="short",
            queries=(Query(expression=mode, legend="mode"),),
            width=24,
            height=5,
        ),
    )


def _latency(policy: Policy, q: Queries) -> tuple[Panel, ...]:
    return (
        Panel(
            title="Latency, and what brings each mode",
            description="First attempt to outcome, complete answers and timeouts. Dashed: the "
            "thresholds of the policy for P95.",
            unit="s",
            queries=(
                Query(expression=signal_query(q, "latency_p50", OVER), legend="P50"),
                Query(expression=signal_query(q, "latency_p95", OVER), legend="P95"),
            ),
            width=12,
            height=9,
            limits=_limits(policy, "latency_p95"),
        ),
        Panel(
            title="Error rate, and what brings each mode",
            description="Calls upstream that failed, over those that ended. Dashed: the "
            "thresholds of the policy.",
            unit="percentunit",
            queries=(Query(expression=signal_query(q, "error_rate", OVER), legend="error rate"),),
            width=12,
            height=9,
            limits=_limits(policy, "error_rate"),
        ),
        Panel(
            title="Time to first token",
            description=f"{metrics.FIRST_TOKEN.meaning} Streams only.",
            unit="s",
            queries=(
                Query(expression=q.quantile(0.5, metrics.FIRST_TOKEN, OVER), legend="P50"),
                Query(expression=signal_query(q, "ttft_p95", OVER), legend="P95"),
            ),
            width=12,
            limits=_limits(policy, "ttft_p95"),
            none="no streams",
        ),
        Panel(
            title="Failed calls by kind",
            description=metrics.ATTEMPTS_FAILED.meaning,
            shape=Shape.STACK,
            unit="reqps",
            queries=(
                Query(
                    expression=q.rate(metrics.ATTEMPTS_FAILED, OVER, by=(metrics.ERROR_TYPE,)),
                    legend=_label(q, metrics.ERROR_TYPE),
                ),
            ),
            width=12,
            none="no failures",
        ),
        Panel(
            title="Mistakes of callers",
            description=f"{metrics.MISTAKES.meaning} They are no failures and change no mode.",
            shape=Shape.STACK,
            unit="reqps",
            queries=(
                Query(
                    expression=q.rate(metrics.MISTAKES, OVER, by=(metrics.CALLER,)),
                    legend=_label(q, metrics.CALLER),
                ),
            ),
            width=12,
            none="no mistakes",
        ),
        Panel(
            title="Edits withdrawn, and projects closed",
            description=f"{metrics.EDITS_WITHDRAWN.meaning} {metrics.PROJECTS_CLOSED.meaning}",
            unit="short",
            queries=(
                Query(expression=q.gauge("max", metrics.EDITS_WITHDRAWN), legend="edits"),
                Query(expression=q.gauge("max", metrics.PROJECTS_CLOSED), legend="projects"),
            ),
            width=12,
            none="not in a simulated run",
        ),
        Panel(
            title="Answered by another model, or in another tier",
            description=f"{metrics.ATTEMPTS_REROUTED.meaning} "
            f"{metrics.ATTEMPTS_DOWNGRADED.meaning}",
            unit="reqps",
            queries=(
                Query(expression=q.rate(metrics.ATTEMPTS_REROUTED, OVER), legend="another model"),
                Query(expression=q.rate(metrics.ATTEMPTS_DOWNGRADED, OVER), legend="another tier"),
            ),
            width=24,
            none="all as it was sent",
        ),
    )


def _traffic(q: Queries) -> tuple[Panel, ...]:
    return (
        Panel(
            title="Requests by outcome",
            description=metrics.REQUESTS.meaning,
            shape=Shape.STACK,
            unit="reqps",
            queries=(
                Query(
                    expression=q.rate(metrics.REQUESTS, OVER, by=(metrics.OUTCOME,)),
                    legend=_label(q, metrics.OUTCOME),
                ),
            ),
        ),
        Panel(
            title="Calls by mode",
            description=metrics.ATTEMPTS_STARTED.meaning,
            shape=Shape.SHARES,
            unit="reqps",
            queries=(
                Query(
                    expression=q.rate(metrics.ATTEMPTS_STARTED, OVER, by=(metrics.MODE,)),
                    legend=_label(q, metrics.MODE),
                    mode=metrics.MODE,
                ),
            ),
        ),
        Panel(
            title="Availability",
            description=metrics.AVAILABILITY.meaning,
            unit="percentunit",
            queries=(
                Query(expression=q.gauge("avg", metrics.AVAILABILITY), legend="availability"),
            ),
            least=None,
            most=1.0,
        ),
    )


def _money(policy: Policy, q: Queries) -> tuple[Panel, ...]:
    budget = (metrics.BUDGET_WINDOW, metrics.BUDGET_KEY)
    names = f"{_label(q, metrics.BUDGET_WINDOW)} {_label(q, metrics.BUDGET_KEY)}"
    return (
        Panel(
            title="Cost per hour, and what brings each mode",
            description="Dollars settled, and the signal that the controller judges: what a call "
            "costs in the present mode, times all calls. Dashed: the thresholds of the policy.",
            unit="currencyUSD",
            queries=(
                Query(expression=signal_query(q, "token_cost_per_hour", OVER), legend="settled"),
                Query(expression=q.gauge("sum", metrics.COST_RATE), legend="signal"),
            ),
            width=12,
            height=9,
            limits=_limits(policy, "token_cost_per_hour"),
        ),
        Panel(
            title="Tokens a minute",
            description=f"{metrics.TOKENS.meaning} Not stacked: cached are counted in input too.",
            unit="short",
            queries=(
                Query(
                    expression=q.rate(metrics.TOKENS, OVER, by=(metrics.TOKEN_TYPE,)) + " * 60",
                    legend=_label(q, metrics.TOKEN_TYPE),
                ),
            ),
            width=12,
            height=9,
        ),
        Panel(
            title="Budget left",
            description=f"{metrics.BUDGET_LEFT.meaning} Live also what is used, and reserved for "
            "calls in flight: with what is left they add up to the limit.",
            unit="currencyUSD",
            queries=tuple(
                Query(expression=q.gauge("min", metric, by=budget), legend=f"{word}{names}")
                for metric, word in (
                    (metrics.BUDGET_LEFT, ""),
                    (metrics.BUDGET_USED, "used "),
                    (metrics.BUDGET_RESERVED, "reserved "),
                )
            ),
            width=6,
            none="no hard budget",
        ),
        Panel(
            title="Budget, projected spend",
            description=metrics.BUDGET_PROJECTED.meaning,
            unit="currencyUSD",
            queries=(
                Query(expression=q.gauge("max", metrics.BUDGET_PROJECTED, by=budget), legend=names),
            ),
            width=6,
            none="no hard budget",
        ),
        Panel(
            title="Spend",
            description=metrics.SPEND.meaning,
            unit="currencyUSD",
            queries=(
                Query(
                    expression=q.gauge("sum", metrics.SPEND, by=(metrics.BUDGET_WINDOW,)),
                    legend="last " + _label(q, metrics.BUDGET_WINDOW),
                ),
            ),
            width=6,
        ),
        Panel(
            title="Cost saved (estimate)",
            description=metrics.COST_SAVED.meaning,
            unit="currencyUSD",
            queries=(
                Query(expression=q.gauge("sum", metrics.COST_SAVED), legend="saved, estimated"),
            ),
            width=6,
            least=None,  # a mode may cost more than normal does
        ),
    )


def _process(policy: Policy, q: Queries) -> tuple[Panel, ...]:
    return (
        Panel(
            title="Requests waiting and calls in flight",
            description=f"{metrics.QUEUE_DEPTH.meaning} {metrics.IN_FLIGHT.meaning}",
            unit="short",
            queries=(
                Query(expression=q.gauge("sum", metrics.QUEUE_DEPTH), legend="waiting"),
                Query(expression=q.gauge("sum", metrics.IN_FLIGHT), legend="in flight"),
            ),
            limits=_limits(policy, "queue_depth"),
        ),
        Panel(
            title="Memory and CPU",
            description=f"{metrics.MEMORY.meaning} {metrics.CPU.meaning} The fullest replica.",
            unit="percentunit",
            queries=(
                Query(expression=q.gauge("max", metrics.MEMORY), legend="memory"),
                Query(expression=q.gauge("max", metrics.CPU), legend="CPU"),
            ),
            limits=_limits(policy, "memory"),
            most=1.0,
            none="not in a simulated run",
        ),
        Panel(
            title="Telemetry dropped",
            description=metrics.TELEMETRY_DROPPED.meaning,
            unit="cps",
            queries=(Query(expression=q.rate(metrics.TELEMETRY_DROPPED, OVER), legend="dropped"),),
            none="nothing dropped",
        ),
    )


def _label(queries: Queries, attribute: str) -> str:
    """A label's value in a legend."""
    return f"{{{{{queries.label(attribute)}}}}}"
