"""What workers are asked to do. The simulator is imported there, and not where it is asked."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .cancelling import SupersededError, is_cancelled
from .values import Asked, Done, Hour, Pairs, Spent, Trial

if TYPE_CHECKING:
    from balancer.records.interval import Interval

    from ..run.result import Run
    from .session import Drawn

__all__ = [
    "METRICS",
    "draw",
    "fit",
    "judge",
    "listing",
    "own",
    "ready",
    "replicate",
    "spent",
    "yaml",
]

METRICS = (
    "utility_usd",
    "availability",
    "latency_p95_s",
    "error_rate",
    "cost_usd",
    "quality",
    "degraded_share",
    "shed_share",
    "transitions",
)
"""What an answer is told by: the gain, and the price that is paid for it."""


def spent(asked: Spent) -> Done:
    """Do a task and say what it cost; what was asked wrongly costs too, and so is no exception."""
    from balancer.core.errors import BalancerError

    began = time.process_time()
    try:
        if is_cancelled(asked.slot):
            raise SupersededError("nobody waits for it any more")
        value = asked.function(asked.task)
    except BalancerError as error:
        value = error
    return Done(value=value, cpu_s=time.process_time() - began)


def ready(_: None) -> None:
    """Import the simulator, and compile it where nobody has yet: that takes most of a minute."""
    from balancer.policy_file import default_policy
    from scenarios.loader import load

    from .session import Session

    scenario = load("steady").scenario.model_copy(update={"duration": 600.0})
    Session(scenario).what_if(default_policy(), slot=None)


def listing(_: None) -> list[dict[str, Any]]:
    """The library's scenarios, to choose from."""
    from scenarios.listing import entries

    return [
        {"name": each.name, "title": each.title, "teaches": each.teaches,
         "duration_s": each.duration_s, "own_policy": each.own_policy}
        for each in entries()
    ]  # fmt: skip


def fit(hour: Hour) -> str:
    """The text of the scenario that an hour of a journal is fitted by."""
    from .subjects import fitted

    return fitted(hour)


def own(name: str) -> str:
    """The text of the policy that a scenario names, or ""."""
    from .subjects import own_policy

    return own_policy(name)


def yaml(trial: Trial) -> str:
    """The policy's text with its other values."""
    from .subjects import knobs_of

    return knobs_of(trial.text).yaml(trial.amounts)


def draw(asked: Asked) -> bytes:
    """Replication 0 of the policy, and of the arms beside, as JSON to be drawn."""
    from ..run.header import fault_rows
    from .series import signals_of
    from .subjects import knobs_of, session_of

    knobs = knobs_of(asked.trial.text)
    policy = knobs.policy(asked.trial.amounts)
    session = session_of(asked.subject)
    scenario = session.scenario
    arms = {"policy": _arm(session.what_if(policy, slot=asked.slot))}
    for name, drawn in session.beside(policy, slot=asked.slot).items():
        arms[name] = {"key": drawn.key} if drawn.key in asked.have else _arm(drawn)
    answer = {
        "scenario": scenario.scenario,
        "title": scenario.title,
        "duration_s": scenario.duration,
        "warm_up_s": scenario.warm_up,
        "policy": policy.name,
        "law": policy.law,
        "signals": signals_of(policy),
        "knobs": [asdict(knob) for knob in knobs.shown(policy)],
        "faults": [
            {"name": row.name or row.text, "from_s": row.from_s, "to_s": row.to_s}
            for row in fault_rows(scenario)
        ],
        "arms": arms,
    }
    return json.dumps(answer, separators=(",", ":"), allow_nan=False).encode()


def _arm(drawn: Drawn) -> dict[str, Any]:
    return {
        "key": drawn.key,
        "metrics": {name: _plain(drawn.run.metrics[name]) for name in METRICS},
        "transitions": [
            {"at_s": each.at_s, "before": each.before.label, "after": each.after.label,
             "reason": each.reason}
            for each in drawn.run.transitions
        ],
        "tried": [asdict(each) for each in drawn.tried],
        "lines": {name: line.plain() for name, line in drawn.lines.items()},
    }  # fmt: skip


def replicate(asked: Asked) -> dict[str, Run]:
    """A replication in several arms."""
    from .subjects import knobs_of, session_of

    policy = knobs_of(asked.trial.text).policy(asked.trial.amounts)
    session = session_of(asked.subject)
    runs = session.runs(policy, asked.arms, asked.replication, slot=asked.slot)
    return dict(zip(asked.arms, runs, strict=True))


def judge(pairs: Pairs) -> dict[str, Any]:
    """What the policy comes to, and the difference from each other, with intervals of 95 %."""
    from ..study.estimates import difference_interval, metric_interval
    from ..study.margins import BETTER

    found: dict[str, Any] = {}
    for name in METRICS:
        against = {}
        for other, runs in pairs.others.items():
            difference = difference_interval(name, pairs.runs, runs)
            same = all(
                a.metrics[name] == b.metrics[name] or _both_nan(a.metrics[name], b.metrics[name])
                for a, b in zip(pairs.runs, runs, strict=True)
            )
            against[other] = {
                **_interval(difference),
                "says": "same" if same else _says(difference, BETTER[name]),
            }
        found[name] = {**_interval(metric_interval(name, pairs.runs)), "against": against}
    return {"replications": len(pairs.runs), "metrics": found}


def _both_nan(one: float, other: float) -> bool:
    return math.isnan(one) and math.isnan(other)


def _says(difference: Interval, better: str) -> str:
    """Whether a difference is better, worse, or no more than noise."""
    if not (difference.low > 0.0 or difference.high < 0.0):
        return "noise"
    return "better" if (difference.low > 0.0) == (better == "higher") else "worse"


def _interval(interval: Interval) -> dict[str, float | None]:
    return {
        "estimate": _plain(interval.estimate),
        "low": _plain(interval.low),
        "high": _plain(interval.high),
    }


def _plain(value: float) -> float | None:
    """JSON knows of no infinity."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
