"""Monitors from a policy: one for each rule, one for missing data, one for flapping."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Final

from ... import metrics
from ...core.errors import InputError
from ...core.policy import Policy
from ...core.rules import SIGNALS, Rule
from ...webhook import LIFETIME_S
from .query_tree import (
    Arithmetic,
    Expression,
    FunctionCall,
    Modifier,
    MonitorQuery,
    Number,
    Series,
)
from .rules import MODE_TAG

__all__ = ["KEY_TAG", "OWNER_TAG", "Target", "monitors_of", "query_of"]

OWNER_TAG: Final = "managed_by:open-balancer"
KEY_TAG: Final = "open_balancer_key:"

RENOTIFY_MINUTES: Final = int(LIFETIME_S // 60 // 3)
"""An alert is repeated three times within its lifetime in the controller."""
NO_DATA_MINUTES: Final = 10
FLAPS_PER_HOUR: Final = 12
"""Two whole episodes, from normal to emergency and back rung by rung."""

_AS_COUNT: Final = (Modifier("as_count"),)
_LATENCIES: Final = {
    "latency_p50": ("p50", metrics.REQUEST_DURATION),
    "latency_p95": ("p95", metrics.REQUEST_DURATION),
    "latency_p99": ("p99", metrics.REQUEST_DURATION),
    "ttft_p95": ("p95", metrics.FIRST_TOKEN),
}
_UNITS: Final = {
    "seconds": " s",
    "share": "",
    "usd_per_hour": " dollars an hour",
    "usd": " dollars",
    "tokens_per_minute": " tokens a minute",
    "requests": " requests",
    "times": "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the definitions are about.

    Attributes:
        service: value of the tag `service` on the application's metrics.
        environment: value of its tag `env`; None: all of them.
        webhook: name of the webhook.
        notify: more handles that monitors mention, such as "@slack-oncall".

    Raises:
        InputError: a name that Datadog would not keep as it is.
    """

    service: str
    environment: str | None = None
    webhook: str = "open-balancer"
    notify: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, value in (("--service", self.service), ("--env", self.environment)):
            if value is not None and not re.fullmatch(r"[a-z][a-z0-9_./-]{0,99}", value):
                raise InputError(
                    f"found {value!r:.60}, expected a tag value as Datadog keeps it: lower case "
                    "letters, digits, '-', '_', '.' and '/', a letter first",
                    where=name,
                )
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", self.webhook):
            raise InputError(
                f"found {self.webhook!r:.60}, expected letters, digits, '-' and '_'",
                where="--webhook",
            )
        for handle in self.notify:
            if not re.fullmatch(r"@[!-~]{1,200}", handle):
                raise InputError(
                    f"found {handle!r:.60}, expected a handle such as @slack-oncall",
                    where="--notify",
                )

    @property
    def owner(self) -> str:
        """Says in definitions without tags whose they are."""
        inside = "" if self.environment is None else f"/{self.environment}"
        return f"open-balancer/{self.service}{inside}"

    @property
    def scope(self) -> str:
        """Scope of the application's metrics."""
        inside = "" if self.environment is None else f",env:{self.environment}"
        return f"service:{self.service}{inside}"

    @property
    def tags(self) -> tuple[str, ...]:
        """Tags by which our monitors of this application are found."""
        return (OWNER_TAG, *self.scope.split(","))


def monitors_of(policy: Policy, target: Target) -> tuple[dict[str, Any], ...]:
    """Bodies of all monitors, each with a tag of its own that it is found by."""
    monitors, keys = [], set[str]()
    for rule in policy.rules:
        key = f"rule-{_slug(rule.name)}"
        while key in keys:
            key += "-again"
        keys.add(key)
        monitors.append(_monitor_of_rule(rule, key, policy, target))
    return (*monitors, _no_data(policy, target), _flapping(policy, target))


def query_of(rule: Rule, target: Target) -> MonitorQuery:
    """The query that alerts when a rule's signal is above its threshold.

    A monitor looks back over whole minutes, so a rule's window and its sustained-for become
    one window, the longer of them.
    """
    minutes = max(1, math.ceil(max(rule.window_s, rule.sustained_s) / 60))
    threshold = rule.threshold
    aggregation = "sum"
    expression: Expression
    if rule.signal in _LATENCIES:
        space, metric = _LATENCIES[rule.signal]
        aggregation = "percentile"
        expression = Series(space=space, metric=metric.name, scope=target.scope)
    elif rule.signal in ("error_rate", "burn_rate"):
        if rule.objective is not None:
            threshold *= 1 - rule.objective
        # Without a single error the count is missing, and a ratio of it would be no data.
        expression = Arithmetic(
            FunctionCall("default_zero", (_count(metrics.ATTEMPTS_FAILED, target.scope),)),
            "/",
            _count(metrics.ATTEMPTS_FINISHED, target.scope),
        )
    elif rule.signal == "token_cost_per_hour":
        expression = _times(_count(metrics.COST, target.scope), 60 / minutes)
    elif rule.signal == "spend_10m":
        # A window of ten minutes may be lengthened by sustained-for.
        expression = _times(_count(metrics.COST, target.scope), 10 / minutes)
    elif rule.signal == "tokens_per_minute":
        scope = f"{target.scope},!{metrics.TOKEN_TYPE}:cached"  # cached is part of input
        expression = _times(_count(metrics.TOKENS, scope), 1 / minutes)
    else:
        gauge, space = {
            "queue_depth": (metrics.QUEUE_DEPTH, "sum"),
            "memory": (metrics.MEMORY, "max"),
        }[rule.signal]
        aggregation = "min" if rule.sustained_s else "avg"
        expression = Series(space=space, metric=gauge.name, scope=target.scope)
    return MonitorQuery(
        aggregation=aggregation,
        window=_window(minutes),
        expression=expression,
        comparator=">",
        threshold=_tidy(threshold),
    )


def _window(minutes: int) -> str:
    return f"last_{minutes // 60}h" if minutes % 60 == 0 else f"last_{minutes}m"


def _count(metric: metrics.Metric, scope: str) -> Series:
    return Series(space="sum", metric=metric.name, scope=scope, modifiers=_AS_COUNT)


def _times(series: Series, factor: float) -> Expression:
    return series if factor == 1 else Arithmetic(series, "*", Number(_tidy(factor)))


def _tidy(number: float) -> float:
    """The number without what floating point adds: 0.04 and not 0.04000000000000001."""
    return float(f"{number:.10g}")


def _monitor_of_rule(rule: Rule, key: str, policy: Policy, target: Target) -> dict[str, Any]:
    query = query_of(rule, target)
    recovery = _tidy(query.threshold * policy.ladder.exit)
    thresholds = {"critical": query.threshold}
    if recovery < query.threshold:
        thresholds["critical_recovery"] = recovery
    unit = _UNITS[SIGNALS[rule.signal]]
    text = (
        f"{{{{#is_alert}}}}{rule.signal} of {target.service} is {{{{value}}}}{unit}, above "
        f"{query.threshold:g}{unit}: {rule.level.label} brownout is asked for."
        f"{{{{/is_alert}}}}{{{{#is_recovery}}}}{rule.signal} of {target.service} is back below "
        f"{recovery:g}{unit}.{{{{/is_recovery}}}}"
    )
    body = _monitor(key, rule.name, text, query, policy, target)
    body["tags"].append(f"{MODE_TAG}{rule.level.label}")
    body["options"] |= {
        "thresholds": thresholds,
        "renotify_interval": RENOTIFY_MINUTES,
        "renotify_statuses": ["alert"],
    }
    return body


def _no_data(policy: Policy, target: Target) -> dict[str, Any]:
    query = MonitorQuery(
        aggregation="max",
        window=f"last_{NO_DATA_MINUTES // 2}m",
        expression=Series(space="max", metric=metrics.CURRENT_MODE.name, scope=target.scope),
        comparator="<",
        threshold=0.0,  # no mode is below normal: what it watches is that there is a value
    )
    text = (
        f"{{{{#is_no_data}}}}Nothing was heard of {target.service} for {NO_DATA_MINUTES} minutes: "
        "it is down, or its telemetry does not arrive, and the other monitors see nothing."
        f"{{{{/is_no_data}}}}{{{{#is_recovery}}}}{target.service} is heard of again."
        "{{/is_recovery}}"
    )
    body = _monitor("no-data", "no data", text, query, policy, target)
    body["options"] |= {
        "thresholds": {"critical": 0.0},
        "notify_no_data": True,
        "no_data_timeframe": NO_DATA_MINUTES,
    }
    return body


def _flapping(policy: Policy, target: Target) -> dict[str, Any]:
    changes = Series(
        space="sum",
        metric=metrics.MODE_CHANGES.name,
        scope=target.scope,
        by=("service.instance.id",),  # replicas change together, and would add up
        modifiers=_AS_COUNT,
    )
    query = MonitorQuery(
        aggregation="sum",
        window="last_1h",
        expression=changes,
        comparator=">",
        threshold=float(FLAPS_PER_HOUR),
    )
    text = (
        f"{{{{#is_alert}}}}{target.service} changed its mode {{{{value}}}} times in an hour: "
        "thresholds are too near to what is normal, or a fault comes and goes. "
        "`open-balancer replay` shows what another policy would have done.{{/is_alert}}"
        f"{{{{#is_recovery}}}}{target.service} is steady again.{{{{/is_recovery}}}}"
    )
    body = _monitor("flapping", "mode flapping", text, query, policy, target)
    body["options"] |= {
        "thresholds": {"critical": query.threshold, "critical_recovery": FLAPS_PER_HOUR / 2},
        "new_group_delay": 60,
    }
    return body


def _monitor(
    key: str, name: str, text: str, query: MonitorQuery, policy: Policy, target: Target
) -> dict[str, Any]:
    handles = " ".join((f"@webhook-{target.webhook}", *target.notify))
    message = (
        f"{text}\n\nWritten by open-Balancer from policy {policy.name!r}; what is changed here is "
        f"overwritten.\n{handles}"
    )
    return {
        "name": f"[open-balancer] {target.service}: {name}",
        "type": "query alert",
        "query": str(query),
        "message": message,
        "tags": [*target.tags, f"{KEY_TAG}{key}"],
        "options": {
            "include_tags": True,
            "notify_audit": False,
            "notify_no_data": False,
            "require_full_window": False,
        },
    }


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-")[:100] or "unnamed"
