"""Prometheus alert rules from a policy: one for each rule, and for what no rule watches.

Prometheus knows no recovery threshold. A rule of ours therefore asks for two things: the signal
is above the threshold, or this alert is firing (Prometheus writes that down itself, as the
series `ALERTS`) and the signal is still above the exit threshold. `keep_firing_for` is the
policy's hold: so long must it be calm before the alert ends. That is the ladder's way out.
"""

from __future__ import annotations

import re
from typing import Final

from balancer.prometheus_names import Translation

from ... import metrics
from ...core.modes import Mode
from ...core.policy import BudgetLimit, Policy
from ...core.rules import SIGNALS, Rule
from ...units import show_seconds
from .alert import THRESHOLDS, VALUES, Alert, Recording, alert_name, number, plain, tidy
from .promql import JOB, Queries, duration, signal_query

__all__ = ["rules_of"]

SHORTEST_S: Final = 60.0
"""Shortest window, and shortest time that something must last: a rate needs a few points, and
one evaluation is no proof."""
NO_DATA_S: Final = 300.0
FLAPS_PER_HOUR: Final = 12
"""Two whole episodes, from normal to emergency and back rung by rung."""
BUDGET_LOW: Final = 0.1

_SEVERITIES: Final = {Mode.SOFT: "warning", Mode.HARD: "critical", Mode.EMERGENCY: "critical"}
_SAMPLED: Final = frozenset(SIGNALS) - {"queue_depth", "memory"}
"""Signals of calls, which a few calls do not show."""

_OURS: Final = frozenset(
    f"OpenBalancer{name}"
    for name in ("Stalled", "NoData", "ModeFlapping", "Degraded", "BudgetProjected", "BudgetLow")
)
"""Names that no rule of a policy gets: a rule looks itself up by its name."""


def rules_of(
    policy: Policy, service: str, translation: Translation
) -> tuple[tuple[Recording, ...], tuple[Alert, ...]]:
    """What is recorded, and what alerts.

    Args:
        policy: thresholds, windows, hysteresis and budgets.
        service: `service.name` of the application's telemetry.
        translation: how Prometheus names metrics.
    """
    writer = _Writer(policy, service, translation)
    for rule in policy.rules:
        writer.rule(rule)
    writer.stalled()
    writer.no_data()
    writer.flapping()
    writer.degraded()
    for limit in policy.budgets:
        writer.budget(limit)
    return tuple(writer.recordings.values()), tuple(writer.alerts)


class _Writer:
    """Collects rules."""

    def __init__(self, policy: Policy, service: str, translation: Translation) -> None:
        self.recordings: dict[str, Recording] = {}
        self.alerts: list[Alert] = []
        self._policy = policy
        self._service = service
        self._job = (JOB, "=~", f"(.+/)?{re.escape(service)}")
        # What a simulation sent is looked at in the dashboard; nobody is to be woken by it.
        scope = (self._job, (metrics.ARM, "=", ""))
        self._queries = Queries(translation=translation, scope=scope, by=(JOB,))

    def rule(self, rule: Rule) -> None:
        """The alert of a rule of the policy."""
        name = self._free(alert_name(rule.name))
        threshold = rule.threshold
        if rule.objective is not None:
            threshold *= 1 - rule.objective
        windows = [rule.window_s]
        if rule.short_window_s is not None:
            windows.append(rule.short_window_s)
        ends = threshold * self._policy.ladder.exit
        entered = self._above(rule, windows, threshold)
        expression = entered
        if ends < threshold:
            firing = f'ALERTS{{alertname="{name}", alertstate="firing"}}'
            exit_rule = f"({self._above(rule, windows, ends)})\n  and on ({JOB}) {firing}"
            expression = f"({entered})\nor (\n  {exit_rule}\n)"
        if rule.signal in _SAMPLED:
            samples = self._recorded("calls", windows[0])
            least = self._policy.ladder.min_samples
            expression = f"({expression})\nand on ({JOB}) {samples} >= {least}"
        # A burn rate is an error rate, measured by what it may be.
        unit = "share" if rule.signal == "burn_rate" else SIGNALS[rule.signal]
        what = "error_rate" if rule.signal == "burn_rate" else rule.signal
        in_unit = THRESHOLDS[unit]
        self.alerts.append(
            Alert(
                name=name,
                expression=expression,
                for_s=max(rule.sustained_s, SHORTEST_S),
                keep_s=self._policy.ladder.hold_s,
                labels={
                    "severity": _SEVERITIES[rule.level],
                    "brownout": rule.level.label,
                    "signal": rule.signal,
                },
                summary=f"{self._service}: {plain(rule.name)}",
                description=f"{what} over {duration(_window(windows[0]))} is {VALUES[unit]}. The "
                f"threshold of {rule.level.label} brownout is {in_unit(tidy(threshold))} in policy "
                f"{plain(self._policy.name)}; the alert ends when it was at most "
                f"{in_unit(tidy(ends))} for {show_seconds(self._policy.ladder.hold_s)}.",
            )
        )

    def stalled(self) -> None:
        """Calls that hang finish nothing, so that no latency and no error shows them."""
        started = self._recorded("calls_started", SHORTEST_S)
        finished = self._recorded("calls", SHORTEST_S)
        least = self._policy.ladder.min_samples
        self.alerts.append(
            Alert(
                name="OpenBalancerStalled",
                expression=f"{started} >= {least}\nand on ({JOB}) {finished} == 0",
                for_s=SHORTEST_S,
                labels={"severity": "critical"},
                summary=f"{self._service}: calls are started and none ends",
                description='{{ printf "%.0f" $value }} calls were started in the last minute and '
                "none ended: the model hangs. Latency and errors show nothing of it.",
            )
        )

    def no_data(self) -> None:
        """Nothing arrives: all other alerts are blind."""
        mode = self._queries.series(metrics.CURRENT_MODE)
        self.alerts.append(
            Alert(
                name="OpenBalancerNoData",
                expression=f"absent_over_time({mode}[{duration(NO_DATA_S)}])",
                for_s=NO_DATA_S,
                labels={"severity": "critical"},
                summary=f"{self._service}: no telemetry",
                description=f"Nothing was heard of {self._service} for "
                f"{duration(2 * NO_DATA_S)}: it is down, or its telemetry does not arrive, and "
                "the other alerts see nothing.",
            )
        )

    def flapping(self) -> None:
        """The mode goes back and forth."""
        # Replicas change together, and would add up. A change is seen in the gauge, since a
        # counter is first seen at 1, and Prometheus does not count what was before that.
        changes = f"changes({self._queries.series(metrics.CURRENT_MODE)}[1h])"
        expression = self._queries.grouped("max", changes)
        name = "OpenBalancerModeFlapping"
        firing = f'ALERTS{{alertname="{name}", alertstate="firing"}}'
        self.alerts.append(
            Alert(
                name=name,
                expression=f"({expression} > {FLAPS_PER_HOUR})\nor (\n"
                f"  ({expression} > {FLAPS_PER_HOUR // 2})\n  and on ({JOB}) {firing}\n)",
                for_s=SHORTEST_S,
                labels={"severity": "warning"},
                summary=f"{self._service}: the mode goes back and forth",
                description='The mode changed {{ printf "%.0f" $value }} times in an hour: '
                "thresholds are too near to what is normal, or a fault comes and goes. "
                "`open-balancer replay` shows what another policy would have done.",
            )
        )

    def degraded(self) -> None:
        """Users notice. Without the label `brownout`: what follows the mode must not ask for it."""
        mode = self._queries.gauge("max", metrics.CURRENT_MODE)
        self.alerts.append(
            Alert(
                name="OpenBalancerDegraded",
                expression=f"{mode} >= {Mode.HARD:d}",
                for_s=SHORTEST_S,
                keep_s=SHORTEST_S,
                labels={"severity": "warning"},
                summary=f"{self._service}: hard brownout or worse",
                description=f"{self._service} is in "
                f"{{{{ if ge $value {Mode.EMERGENCY:d}.0 }}}}emergency{{{{ else }}}}hard"
                "{{ end }} brownout: answers are short, and some requests may be refused.",
            )
        )

    def budget(self, limit: BudgetLimit) -> None:
        """Spend that is heading over a hard budget, and a budget that is nearly used up."""
        where = (
            # As telemetry names a budget.
            (metrics.BUDGET_WINDOW, "=", f"{limit.window_s:g}s"),
            (metrics.BUDGET_KEY, "=", limit.key or ""),
        )
        labels = {"budget_window": duration(limit.window_s)}
        whose = "everybody"
        if limit.key is not None:
            labels["budget_key"] = limit.key
            whose = plain(limit.key)
        budget = f"${limit.usd:g} in {duration(limit.window_s)} for {whose}"
        if limit.key is None:  # what one key is heading for is not known
            projected = self._queries.gauge("max", metrics.BUDGET_PROJECTED, *where)
            self.alerts.append(
                Alert(
                    name="OpenBalancerBudgetProjected",
                    expression=f"{projected} > {number(limit.usd)}",
                    for_s=5 * SHORTEST_S,
                    keep_s=5 * SHORTEST_S,
                    labels={"severity": "warning", **labels},
                    summary=f"{self._service}: heading over a budget",
                    description='At this rate ${{ printf "%.2f" $value }} will be spent; the '
                    f"budget is {budget}. Calls beyond it are refused.",
                )
            )
        rest = self._queries.gauge("min", metrics.BUDGET_LEFT, *where)
        self.alerts.append(
            Alert(
                name="OpenBalancerBudgetLow",
                expression=f"{rest} < {number(limit.usd * BUDGET_LOW)}",
                for_s=SHORTEST_S,
                keep_s=SHORTEST_S,
                labels={"severity": "critical", **labels},
                summary=f"{self._service}: a budget is nearly used up",
                description='${{ printf "%.2f" $value }} is left of the budget of '
                f"{budget}. Calls that it does not afford are refused.",
            )
        )

    def _above(self, rule: Rule, windows: list[float], threshold: float) -> str:
        """The signal is above a threshold in every window."""
        signal = "error_rate" if rule.signal == "burn_rate" else rule.signal
        each = [f"{self._recorded(signal, w)} > {number(threshold)}" for w in windows]
        return f" and on ({JOB}) ".join(each)

    def _recorded(self, what: str, window_s: float) -> str:
        """A recorded series of this service, which is recorded if it is not yet."""
        over = duration(_window(window_s))
        name = f"open_balancer:{what}:{over}"
        if what == "calls":
            expression = self._queries.increase(metrics.ATTEMPTS_FINISHED, over)
        elif what == "calls_started":
            expression = self._queries.increase(metrics.ATTEMPTS_STARTED, over)
        else:
            expression = signal_query(self._queries, what, over)
        self.recordings.setdefault(name, Recording(name=name, expression=expression))
        job, sign, pattern = self._job
        escaped = pattern.replace("\\", "\\\\")
        return f'{name}{{{job}{sign}"{escaped}"}}'

    def _free(self, name: str) -> str:
        names = _OURS | {alert.name for alert in self.alerts}
        candidate, number = name, 2
        while candidate in names:
            candidate, number = f"{name}{number}", number + 1
        return candidate


def _window(seconds: float) -> float:
    return max(seconds, SHORTEST_S)
