"""The record of a gate: how the object of `gate.json` is filled."""

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
from balancer.records.gate import (
    GATE,
    GateScenario,
    PolicyName,
    Rates,
    Shares,
    Worsening,
)
from balancer.records.gate import Gate as GateRecord
from balancer.version import VERSION

from ..run.header import versions
from .gate import Gate, GatedScenario
from .non_inferiority import Difference
from .sequential import FAIL_ERROR, PASS_ERROR

__all__ = ["fingerprint", "gate_record"]


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
    found = GateRecord(
        version=GATE.version,
        verdict=gate.verdict,
        complete=not gate.missing,
        missing=gate.missing,
        baseline=baseline,
        candidate=candidate,
        identical=baseline.fingerprint == candidate.fingerprint,
        margins=gate.margins,
        error_rates=Rates(passed=PASS_ERROR, failed=FAIL_ERROR),
        comparisons=gate.looks.comparisons,
        looks=gate.looks.at,
        replications_max=gate.looks.at[-1],
        levels=Rates(passed=gate.looks.pass_level, failed=gate.looks.fail_level),
        scenarios=tuple(_scenario(gate, each) for each in gate.looked_at),
        command=tuple(command),
        versions={"open-balancer": VERSION, **versions()},
    )
    plain: dict[str, Any] = to_json(found)
    return plain


def fingerprint(policy: Policy) -> str:
    """Sixteen hexadecimal digits of all of a policy that decides: everything but its name."""
    plain = json.dumps(to_plain(replace(policy, name="")), sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest()[:16]


def _policy(policy: Policy, file: Path | None) -> PolicyName:
    return PolicyName(
        name=policy.name,
        law=policy.law,
        file=None if file is None else str(file),
        fingerprint=fingerprint(policy),
    )


def _scenario(gate: Gate, found: GatedScenario) -> GateScenario:
    scenario = found.scenario
    return GateScenario(
        scenario=scenario.scenario,
        title=scenario.title,
        teaches=scenario.teaches,
        source=scenario.source,
        verdict=found.verdict,
        seed=scenario.seed,
        replications=found.replications,
        duration_s=scenario.duration,
        warm_up_s=scenario.warm_up,
        differences=tuple(_difference(gate, difference) for difference in found.differences),
        degraded=Shares(baseline=found.degraded[0], candidate=found.degraded[1]),
    )


def _difference(gate: Gate, difference: Difference) -> Worsening:
    margin = difference.margin
    return Worsening(
        metric=margin.metric,
        margin=margin.amount,
        relative=margin.relative,
        better=margin.better,
        unit=margin.unit,
        margin_text=margin.text,
        verdict=difference.verdict,
        baseline=difference.baseline,
        candidate=difference.candidate,
        worsening=difference.worsening,
        replications=difference.replications,
        look=gate.looks.at.index(difference.replications) + 1,
        settled=difference.settled,
        replications_needed=difference.replications_needed,
        note=difference.note,
    )
