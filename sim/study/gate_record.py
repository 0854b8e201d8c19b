"""The record of a gate: the object of `gate.json`, in values JSON can hold.

`docs/reference/gate.md` documents every field.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from balancer.core.policy import Policy
from balancer.core.value_codec import to_plain
from balancer.records.codec import to_json
from balancer.version import VERSION

from ..run.header import versions
from .gate import Gate, GatedScenario
from .margins import Margin
from .non_inferiority import Difference
from .sequential import FAIL_ERROR, PASS_ERROR

__all__ = ["GATE_VERSION", "fingerprint", "gate_record"]

GATE_VERSION = 1


def gate_record(
    gate: Gate,
    *,
    baseline_file: Path | None = None,
    candidate_file: Path | None = None,
    command: Sequence[str] = (),
) -> dict[str, Any]:
    """The object of `gate.json`, of what has come of a gate so far.

    Args:
        gate: that has run, or was interrupted.
        baseline_file, candidate_file: the policies' files as they were given; None: the
            default policy.
        command: words that ask for this again; empty if no command did.
    """
    baseline = _policy(gate.baseline, baseline_file)
    candidate = _policy(gate.candidate, candidate_file)
    return {
        "version": GATE_VERSION,
        "verdict": gate.verdict,
        "complete": not gate.missing,
        "missing": list(gate.missing),
        "baseline": baseline,
        "candidate": candidate,
        "identical": baseline["fingerprint"] == candidate["fingerprint"],
        "margins": [_margin(margin) for margin in gate.margins],
        "error_rates": {"pass": PASS_ERROR, "fail": FAIL_ERROR},
        "comparisons": gate.looks.comparisons,
        "looks": list(gate.looks.at),
        "replications_max": gate.looks.at[-1],
        "levels": {"pass": gate.looks.pass_level, "fail": gate.looks.fail_level},
        "scenarios": [_scenario(gate, found) for found in gate.finished],
        "command": list(command),
        "versions": {"open-balancer": VERSION, **versions()},
    }


def fingerprint(policy: Policy) -> str:
    """Sixteen hexadecimal digits of all of a policy that decides: everything but its name."""
    plain = json.dumps(to_plain(replace(policy, name="")), sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest()[:16]


def _policy(policy: Policy, file: Path | None) -> dict[str, Any]:
    return {
        "name": policy.name,
        "law": policy.law,
        "file": None if file is None else str(file),
        "fingerprint": fingerprint(policy),
    }


def _margin(margin: Margin) -> dict[str, Any]:
    return {
        "metric": margin.metric,
        "margin": margin.amount,
        "relative": margin.relative,
        "text": margin.text,
        "better": margin.better,
        "unit": margin.unit,
    }


def _scenario(gate: Gate, found: GatedScenario) -> dict[str, Any]:
    scenario = found.scenario
    return {
        "scenario": scenario.scenario,
        "title": scenario.title,
        "teaches": scenario.teaches,
        "source": scenario.source,
        "verdict": found.verdict,
        "seed": scenario.seed,
        "replications": found.replications,
        "duration_s": scenario.duration,
        "warm_up_s": scenario.warm_up,
        "differences": [_difference(gate, difference) for difference in found.differences],
    }


def _difference(gate: Gate, difference: Difference) -> dict[str, Any]:
    margin = _margin(difference.margin)
    text = margin.pop("text")
    return {
        **margin,
        "margin_text": text,
        "verdict": difference.verdict,
        "baseline": to_json(difference.baseline),
        "candidate": to_json(difference.candidate),
        "worsening": to_json(difference.worsening),
        "replications": difference.replications,
        "look": gate.looks.at.index(difference.replications) + 1,
        "settled": difference.settled,
        "replications_needed": difference.replications_needed,
        "note": difference.note,
    }
