"""Writes what a search found as a scenario file that anybody can run again."""

from __future__ import annotations

import io
import os
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from balancer.core.errors import InputError, ScenarioError
from balancer.documents import parse, read_text
from balancer.strategies import FaultBounds
from balancer.units import show_seconds
from scenarios.loader import library
from scenarios.schema import ProcessFault, Scenario

from ..run.fault_windows import describe
from .search import Search, added_fault

__all__ = ["check_replaceable", "found_scenario", "summary"]

SIGNATURE = "# Found by open-balancer search"
"""First words of every file written here; no other file is replaced."""


def check_replaceable(out: Path) -> None:
    """Refuse a place where something else stands, before hours go into a search.

    Raises:
        InputError: another file is there.
    """
    if out.exists() and not (out.is_file() and read_text(out, InputError).startswith(SIGNATURE)):
        raise InputError("is no earlier find and is not replaced; choose another name", str(out))


def found_scenario(
    source: str,
    scenario: Scenario,
    found: Search,
    expectation: Mapping[str, Any],
    *,
    policy: Path,
    goal: str,
    command: str,
    out: Path,
) -> str:
    """Text of a scenario file that fails as the search saw it fail.

    Args:
        source: name or file of the scenario that faults were added to.
        scenario: the same, loaded.
        found: with a timeline.
        expectation: what is broken, as an item of a scenario file.
        policy: its file; the scenario names it by its path from `out`.
        goal, command: as they were given, for the comment.
        out: where the file will be.
    """
    assert found.timeline is not None and found.judgement is not None
    path = library().get(source, Path(source))
    values = parse(read_text(path, ScenarioError), str(path), ScenarioError).values
    # Paths in it start at the file, and this file lies elsewhere.
    if scenario.workload.arrivals.trace is not None:
        values["workload"]["arrivals"]["trace"] = scenario.workload.arrivals.trace
    for entry, fault in zip(values.get("faults") or [], scenario.faults, strict=True):
        if isinstance(fault, ProcessFault):
            entry["process"] = fault.process
    added = [
        {"name": f"found {place}", **fault.entry()}
        for place, fault in enumerate(found.timeline, start=1)
    ]
    place = Path(os.path.relpath(policy.absolute(), out.absolute().parent)).as_posix()
    values |= {
        "scenario": out.stem,
        "title": f"Does the policy keep {found.judgement.name}?",
        "teaches": f"A search found that it does not. Goal: {goal}.",
        "source": command,
        "replications": found.replications,
        "policy": place,
        "faults": [*(values.get("faults") or []), *added],
        "expectations": [dict(expectation)],
    }
    return _comment(source, found, goal) + _yaml(values)


def summary(found: Search, bounds: FaultBounds, goal: str) -> str:
    """What came of a search, in plain lines."""
    within = (
        f"at most {bounds.most} of {', '.join(bounds.kinds)}, "
        f"{show_seconds(min(bounds.durations_s))} to {show_seconds(max(bounds.durations_s))} "
        f"long, between {show_seconds(bounds.from_s)} and {show_seconds(bounds.until_s)}"
    )
    so_far = "" if found.complete else " before it was interrupted"
    if found.timeline is None or found.judgement is None:
        return (
            f"nothing found: {found.tried} timelines were tried{so_far}, {within}, and none "
            f"gave {goal}. That is no proof that there is none."
        )
    value = found.judgement.value
    lines = [
        f"found: {goal}, the mildest of {found.tried} timelines tried{so_far}",
        f"  measured {value.estimate:.6g}, 95 % interval {value.low:.6g} to {value.high:.6g}, "
        f"{found.replications} replications",
    ]
    for fault in found.timeline:
        at, lasting = show_seconds(fault.at_s), show_seconds(fault.duration_s)
        lines.append(f"  {describe(added_fault(fault))}, from {at} for {lasting}")
    if not found.timeline:
        lines.append("  without any fault: the scenario alone does it")
    return "\n".join([*lines, f"  tried: {within}"])


def _comment(source: str, found: Search, goal: str) -> str:
    assert found.timeline is not None and found.judgement is not None
    value = found.judgement.value
    count = len(found.timeline)
    what = f"{count} fault{'s' if count > 1 else ''}" if count else "no fault at all"
    end = "." if found.complete else "; it was interrupted, so a milder one may be near."
    text = (
        f"{SIGNATURE}: {goal}, with {what} added to {source}. "
        f"Measured {value.estimate:.6g}, 95 % interval {value.low:.6g} to {value.high:.6g}, "
        f"in {found.replications} replications. It is the mildest of {found.tried} timelines "
        f"that were tried{end}"
    )
    return "\n".join(textwrap.wrap(text, 96, subsequent_indent="# ")) + "\n\n"


def _yaml(values: Mapping[str, Any]) -> str:
    writer = YAML(typ="rt", pure=True)
    writer.default_flow_style = False
    writer.width = 96
    stream = io.StringIO()
    writer.dump(dict(values), stream)
    return stream.getvalue()
