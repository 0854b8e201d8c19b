"""Polled metrics: what a rule's signal was, how old that is, and what it asks for.

A polled signal reaches the controller as an `Alert` with a lifetime, as a monitor's message
does: raised, and raised again with every fresh value above the rule's threshold; cleared by a
fresh value below its exit threshold. In between nothing is said. Old or missing data says
nothing either, and is never taken for zero: the alert ends with its lifetime. So there is one
control law, the controller's, and this is only another way in which it hears of alerts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final

from ...core.observations import Alert
from ...core.policy import Policy
from ...core.rules import Rule
from .monitors import Target, query_of
from .query_tree import Arithmetic, Expression, FunctionCall, Negative, Series, Word

__all__ = ["Freshness", "Judge", "Reading", "read_answer", "request_of"]

BUCKET_S: Final = 60
"""Length of the pieces that Datadog is asked for."""
STALE_S: Final = 180.0


class Freshness(Enum):
    """Whether a polled value may be acted on."""

    FRESH = "fresh"
    STALE = "stale"
    """There is a value, and it is too old."""
    MISSING = "missing"
    """Datadog answered, and has no value."""
    FAILED = "failed"
    """Datadog did not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A rule's signal as polled.

    Attributes:
        rule: the rule.
        freshness: whether the value may be acted on.
        value: in the signal's unit; None when there is none.
        age_s: since the end of the piece of time that it is of.
        above: whether it was above the threshold in all pieces that count.
    """

    rule: Rule
    freshness: Freshness
    value: float | None = None
    age_s: float | None = None
    above: bool = False


def request_of(policy: Policy, target: Target, now_s: float) -> dict[str, Any]:
    """Body of one timeseries request for all rules of a policy.

    Args:
        policy, target: whose signals.
        now_s: Unix time, in seconds.
    """
    longest_s = max((rule.sustained_s for rule in policy.rules), default=0.0)
    names: dict[Series, str] = {}
    formulas = [{"formula": _formula(_expression(rule, target), names)} for rule in policy.rules]
    return {
        "data": {
            "type": "timeseries_request",
            "attributes": {
                "from": round((now_s - longest_s - STALE_S - 5 * BUCKET_S) * 1000),
                "to": round(now_s * 1000),
                "interval": BUCKET_S * 1000,
                "queries": [
                    {"data_source": "metrics", "name": name, "query": str(series)}
                    for series, name in names.items()
                ],
                "formulas": formulas,
            },
        }
    }


def _expression(rule: Rule, target: Target) -> Expression:
    """What the rule's monitor compares, for pieces of one minute."""
    return query_of(replace(rule, window_s=BUCKET_S, sustained_s=0.0), target).expression


def _formula(expression: Expression | Word, names: dict[Series, str]) -> str:
    """The expression with a name for each series, which are asked for beside it."""
    match expression:
        case Series():
            return names.setdefault(expression, f"query{len(names)}")
        case Arithmetic(left, sign, right):
            return f"({_formula(left, names)} {sign} {_formula(right, names)})"
        case Negative(inside):
            return f"(-{_formula(inside, names)})"
        case FunctionCall(name, arguments):
            return f"{name}({', '.join(_formula(each, names) for each in arguments)})"
        case _:
            return str(expression)


def read_answer(policy: Policy, target: Target, answer: Any, now_s: float) -> tuple[Reading, ...]:
    """A reading of each rule from the answer to `request_of`."""
    attributes = answer.get("data", {}).get("attributes", {}) if isinstance(answer, dict) else {}
    times = attributes.get("times") or []
    rows = {
        entry.get("query_index", 0): values
        for entry, values in zip(
            attributes.get("series") or [], attributes.get("values") or [], strict=False
        )
    }
    return tuple(
        _reading(rule, target, times, rows.get(index) or [], now_s)
        for index, rule in enumerate(policy.rules)
    )


def _reading(
    rule: Rule, target: Target, times: Sequence[Any], values: Sequence[Any], now_s: float
) -> Reading:
    points = [
        (at_ms / 1000 + BUCKET_S, float(value))
        for at_ms, value in zip(times, values, strict=False)
        if _is_number(at_ms) and _is_number(value) and at_ms / 1000 + BUCKET_S <= now_s
    ]
    if not points:
        return Reading(rule=rule, freshness=Freshness.MISSING)
    points.sort()
    end_s, value = points[-1]
    age_s = now_s - end_s
    threshold = query_of(replace(rule, window_s=BUCKET_S, sustained_s=0.0), target).threshold
    pieces = max(1, math.ceil(rule.sustained_s / BUCKET_S))
    recent = [each for at_s, each in points if at_s > end_s - pieces * BUCKET_S]
    return Reading(
        rule=rule,
        freshness=Freshness.STALE if age_s > STALE_S else Freshness.FRESH,
        value=value,
        age_s=age_s,
        above=len(recent) == pieces and min(recent) > threshold,
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


class Judge:
    """Turns readings into alerts.

    Args:
        policy: whose exit ratio says when an alert is cleared.
        target: whose metrics.
        tick_of: the controller's tick of a Unix time in seconds.
        lifetime_s: how long an alert holds when nothing fresh is heard.
    """

    def __init__(
        self,
        policy: Policy,
        target: Target,
        *,
        tick_of: Callable[[float], int],
        lifetime_s: float = 600.0,
    ) -> None:
        self._exit = policy.ladder.exit
        self._rules = policy.rules
        self._target = target
        self._tick_of = tick_of
        self._lifetime_ticks = max(1, round(lifetime_s / policy.tick_s))
        self._raised: dict[str, float] = {}
        self._lifetime_s = lifetime_s

    def follow(self, before: Judge, now_s: float) -> tuple[Alert, ...]:
        """Take over from the judge of a policy before; what its rules raised and no rule of
        this one can clear is cleared.

        Args:
            before: whose alerts hold.
            now_s: Unix time.
        """
        cleared = []
        for name, end_s in before.raised.items():
            rule = before.rule(name)
            if any(other.name == name for other in self._rules):
                self._raised[name] = end_s
            elif rule is not None and end_s > now_s:
                cleared.append(self._alert(rule, now_s, raised=False))
        return tuple(cleared)

    def rule(self, name: str) -> Rule | None:
        """The policy's rule of a name."""
        return next((rule for rule in self._rules if rule.name == name), None)

    @property
    def raised(self) -> Mapping[str, float]:
        """Rules whose alert holds, with when it ends."""
        return dict(self._raised)

    def alerts(self, readings: Sequence[Reading], now_s: float) -> tuple[Alert, ...]:
        """What the readings ask for."""
        self._raised = {name: end for name, end in self._raised.items() if end > now_s}
        alerts = []
        for reading in readings:
            name = reading.rule.name
            if reading.freshness is not Freshness.FRESH or reading.value is None:
                continue
            if reading.above:
                self._raised[name] = now_s + self._lifetime_s
                alerts.append(self._alert(reading.rule, now_s, raised=True))
            elif name in self._raised and reading.value < self._exit_of(reading.rule):
                del self._raised[name]
                alerts.append(self._alert(reading.rule, now_s, raised=False))
        return tuple(alerts)

    def _exit_of(self, rule: Rule) -> float:
        return query_of(rule, self._target).threshold * self._exit

    def _alert(self, rule: Rule, now_s: float, *, raised: bool) -> Alert:
        return Alert(
            key=f"datadog-poll:{rule.name}",
            at_tick=self._tick_of(now_s),
            mode=rule.level,
            raised=raised,
            lifetime_ticks=self._lifetime_ticks,
        )
