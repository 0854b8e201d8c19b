"""The record of an experiment: one object of `verdict.json`, in values JSON can hold.

`docs/reference/verdict.md` documents every field.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from balancer.core.policy import Policy
from balancer.version import VERSION
from scenarios.schema import Scenario

from .assumptions import assumptions
from .counterfactual import Comparison
from .intervals import CONFIDENCE, Interval
from .run_header import fault_rows, versions
from .timeline import Transition
from .verdict import Judgement, overall

__all__ = ["RECORD_VERSION", "record", "write_records"]

RECORD_VERSION = 1


def record(
    scenario: Scenario,
    policy: Policy,
    *,
    replications: int,
    judgements: Sequence[Judgement],
    comparison: Comparison,
    transitions: Sequence[Transition],
    journals: Mapping[str, str],
    command: Sequence[str] = (),
) -> dict[str, Any]:
    """One object of `verdict.json`.

    Args:
        scenario, policy: what was run; the scenario's seed is the one used.
        replications: how many.
        judgements: of the expectations, in the scenario's order.
        comparison: of the two arms.
        transitions: of replication 0 under the policy.
        journals: file name of replication 0's journal, by arm; empty if none was written.
        command: words that asked for it; seed and replications are added. Empty if no
            command did.
    """
    return {
        "version": RECORD_VERSION,
        "scenario": scenario.scenario,
        "title": scenario.title,
        "teaches": scenario.teaches,
        "source": scenario.source,
        "policy": policy.name,
        "law": policy.law,
        "verdict": overall(judgements),
        "seed": scenario.seed,
        "replications": replications,
        "confidence": CONFIDENCE,
        "duration_s": scenario.duration,
        "warm_up_s": scenario.warm_up,
        "tick_s": policy.tick_s,
        "faults": fault_rows(scenario),
        "expectations": [_expectation(judgement) for judgement in judgements],
        "metrics": _intervals(comparison.policy),
        "counterfactual": _intervals(comparison.counterfactual),
        "difference": _intervals(comparison.difference),
        "transitions": [
            {
                "at_s": change.at_s,
                "from": change.before.label,
                "to": change.after.label,
                "reason": change.reason,
            }
            for change in transitions
        ],
        "assumptions": list(assumptions(scenario, policy)),
        "journals": dict(journals),
        "command": (
            [*command, "--seed", str(scenario.seed), "--replications", str(replications)]
            if command
            else []
        ),
        "versions": {"open-balancer": VERSION, **versions()},
    }


def write_records(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Write `verdict.json`: a list with one object per scenario."""
    text = json.dumps(records, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def _expectation(judgement: Judgement) -> dict[str, Any]:
    return {
        "name": judgement.name,
        "verdict": judgement.verdict,
        **_interval(judgement.value),
        "bound": _number(judgement.bound),
        "better": judgement.better,
        "unit": judgement.unit,
        "note": judgement.note,
        "replications_needed": judgement.replications_needed,
    }


def _intervals(found: Mapping[str, Interval]) -> dict[str, dict[str, float | None]]:
    return {name: _interval(interval) for name, interval in found.items()}


def _interval(interval: Interval) -> dict[str, float | None]:
    return {
        "estimate": _number(interval.estimate),
        "low": _number(interval.low),
        "high": _number(interval.high),
    }


def _number(value: float) -> float | None:
    """JSON has no NaN and no infinity: null stands for both."""
    return value if math.isfinite(value) else None
