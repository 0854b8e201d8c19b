"""The record of an experiment: how one object of `verdict.json` is filled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from balancer.core.policy import Policy
from balancer.records.codec import to_json
from balancer.records.files import write_json
from balancer.records.verdict import VERDICT, Harm, Judgement, ModeChange, ModeWindow, Verdict
from balancer.version import VERSION
from scenarios.schema import Scenario

from ..run.assumptions import assumptions
from ..run.header import fault_rows, versions
from ..run.serving import Serving, beside
from ..run.timeline import Transition
from .counterfactual import Comparison
from .intervals import CONFIDENCE
from .verdict import overall

__all__ = ["keep_journals", "record", "write_records"]


def record(
    scenario: Scenario,
    policy: Policy,
    *,
    replications: int,
    judgements: Sequence[Judgement],
    comparison: Comparison,
    transitions: Sequence[Transition],
    servings: Sequence[Serving],
    journals: Mapping[str, str],
    command: Sequence[str] = (),
    misfits: Sequence[str] = (),
) -> dict[str, Any]:
    """One object of `verdict.json`.

    Args:
        scenario, policy: what was run; the scenario's seed is the one used.
        replications: how many.
        judgements: of the expectations, in the scenario's order.
        comparison: of the arms.
        transitions, servings: of replication 0 under the policy.
        journals: file name of replication 0's journal, by arm; empty if none was written.
        command: words that asked for it; seed and replications are added. Empty if no
            command did.
        misfits: of replication 0 under the policy: thresholds that healthy traffic crosses.
    """
    found = Verdict(
        version=VERDICT.version,
        scenario=scenario.scenario,
        title=scenario.title,
        teaches=scenario.teaches,
        source=scenario.source,
        policy=policy.name,
        law=policy.law,
        verdict=overall(judgements),
        seed=scenario.seed,
        replications=replications,
        replicas=scenario.replicas,
        confidence=CONFIDENCE,
        duration_s=scenario.duration,
        warm_up_s=scenario.warm_up,
        tick_s=policy.tick_s,
        faults=fault_rows(scenario),
        expectations=tuple(judgements),
        arms=comparison.arms,
        differences=comparison.differences,
        harm=Harm(change=comparison.harm, found=comparison.harms),
        transitions=tuple(
            ModeChange(
                at_s=change.at_s,
                before=change.before.label,
                after=change.after.label,
                reason=change.reason,
            )
            for change in transitions
        ),
        probes=tuple(
            ModeWindow(from_s=from_s, to_s=to_s, mode=mode.label)
            for from_s, to_s, mode in beside(servings, scenario.duration)
        ),
        misfits=tuple(misfits),
        assumptions=assumptions(scenario, policy),
        journals=journals,
        command=(
            (*command, "--seed", str(scenario.seed), "--replications", str(replications))
            if command
            else ()
        ),
        versions={"open-balancer": VERSION, **versions()},
    )
    plain: dict[str, Any] = to_json(found)
    return plain


def write_records(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Write `verdict.json`: a list with one object per scenario."""
    write_json(path, records)


def keep_journals(directory: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Take away the journals that no record names: those of a run that was cut off."""
    named = {name for entry in records for name in entry["journals"].values()}
    for path in directory.glob("*.jsonl"):
        if path.name not in named:
            path.unlink()
