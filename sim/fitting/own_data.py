"""A scenario and a policy of a CSV file of one's own.

A file that says how long calls took is fitted as a journal is: traffic, upstream and faults become
numbers. One that does not is replayed as a trace, in front of the calibrated models. The policy's
thresholds fit the file's own latencies where it has an hour of them, and else those of the
scenario, simulated while nothing is wrong.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from balancer.core.controller import LONGEST_GAP_S
from balancer.core.errors import InputError, TraceError
from balancer.core.journal import Journal
from balancer.core.policy import Policy
from balancer.journal_file import open_journal
from balancer.policy_file import default_policy
from balancer.policy_fit import Fitted, fit_policy, traffic_of
from balancer.units import show_seconds
from scenarios.loader import load
from scenarios.schema import Scenario

from ..run.engine import simulate
from ..run.result import STATIC
from ..traffic.traces.own import NEEDED, ROLES, guessed_columns, sheet
from ..traffic.traces.recognition import COLUMNS, recognised
from .fit import LEAST_CALLS, LEAST_S, fit_journal
from .fitted import NO_FAULTS
from .recorded import Recorded, read_calls, write_journal
from .scenario_text import scenario_text

__all__ = ["OwnData", "columns_of", "own_data"]

_LONGEST_S = 6 * 3600.0
"""Of a trace, so much becomes the scenario: runs stay quick."""
_LEAST_FIT_S, _LEAST_FIT_CALLS, _MOST_FIT_S = 2 * 3600.0, 1000, 48 * 3600.0
"""What thresholds are fitted on, where it is simulated."""
_LEAST_RATE, _MOST_RATE = 0.01, 55.0
"""Beyond, the unit of numbers is in doubt: lower is seldom, higher is ten times what ships."""


class OwnData(NamedTuple):
    """What was made of a file.

    Attributes:
        scenario, policy: the texts of both files.
        fitted: the policy before and after.
        said: what was found out, a line each.
    """

    scenario: str
    policy: str
    fitted: Fitted
    said: tuple[str, ...]


def columns_of(path: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Names of a file's columns by role: those that were given, and those that are plain to see.

    Raises:
        InputError: a role or a column that there is not, or one that is missing.
        TraceError: the file cannot be read.
    """
    header = sheet(path, "", None).header
    form = recognised(",".join(header))
    if form is not None and form not in COLUMNS:
        problem = f"is a trace in JSON Lines, no CSV file; replay it with `format: {form}`"
        raise TraceError(problem, where=str(path))
    for role in given:
        if role not in ROLES:
            raise InputError(f"knows no {role!r}; expected {', '.join(ROLES)}", where="--columns")
    public = {} if form is None else dict(zip(NEEDED, COLUMNS[form], strict=True))
    found = {**public, **guessed_columns(header), **given}
    known = [name.lower() for name in header]
    for role, name in found.items():
        if name.lower() not in known:
            problem = f"has no column {name!r} for {role}; found {', '.join(header)[:200]}"
            raise TraceError(problem, where=str(path))
    if missing := [role for role in NEEDED if role not in found]:
        told = ",".join(f"{role}=..." for role in missing)
        raise TraceError(
            f"shows no column for {' and '.join(missing)}; found {', '.join(header)[:200]}; say "
            f"it: --columns {told}",
            where=str(path),
        )
    return {role: found[role] for role in ROLES if role in found}


def own_data(
    path: Path, name: str, folder: Path, columns: Mapping[str, str], unit: str | None = None
) -> OwnData:
    """Make a scenario and a policy of a file.

    Args:
        path: of the CSV file.
        name: of the scenario.
        folder: where both files will be.
        columns: as of `columns_of`.
        unit: "s" or "ms", of times that are numbers.

    Raises:
        InputError: the file cannot be used, or has too little.
    """
    recorded = read_calls(path, columns, unit)
    if recorded.relative and not _LEAST_RATE <= recorded.rate <= _MOST_RATE:
        raise InputError(
            f"its times in s are {recorded.rate:.3g} requests a second; say what they are: "
            "--time-unit s, or --time-unit ms",
            where=str(path),
        )
    policy = default_policy()
    said = [
        f"{path.name}: {recorded.said}",
        f"{len(recorded.calls):,} requests in {show_seconds(round(recorded.span_s))}, "
        f"{recorded.rate:.3g} a second",
    ]
    with TemporaryDirectory(prefix="open-balancer-") as place:
        work = Path(place)
        journal = work / f"{path.stem}.jsonl"
        timed = [call for call in recorded.calls if math.isfinite(call.latency_s)]
        if LEAST_S <= recorded.span_s <= LONGEST_GAP_S and len(timed) >= 1.2 * LEAST_CALLS:
            write_journal(recorded, policy, journal)
            text = scenario_text(fit_journal([journal]), name, path.name)
            said.append("its traffic, its latencies and its faults are fitted")
        else:
            text = _replayed(path, name, folder, columns, unit, recorded, policy)
            said.append(
                "its requests are replayed; no latencies, so models are the calibrated ones"
            )
        scenario = _checked(text, name, path, work)
        fitted, why = _policy(journal, work, scenario, policy, path.name)
        said.append(why)
        if not scenario.faults:
            said.append(NO_FAULTS)
    head = f"# Made of {path.name} by `open-balancer new {name} --from`.\n#\n"
    tail = (
        "\n# Its thresholds fit this traffic; say what you need and not only what it bears.\n"
        f"policy: {name}-policy.yaml\n"
    )
    return OwnData(head + text.rstrip() + "\n" + tail, fitted.text, fitted, tuple(said))


def _checked(text: str, name: str, trace: Path, work: Path) -> Scenario:
    """What the loader makes of a text, wherever it will be."""
    path = work / f"{name}.yaml"
    here = f"    trace: {json.dumps(str(trace.resolve()))}\n"
    path.write_text(
        re.sub(r"^    trace: .*\n", lambda _: here, text, flags=re.MULTILINE), encoding="utf-8"
    )
    return load(path).scenario


def _policy(
    journal: Path, work: Path, scenario: Scenario, policy: Policy, source: str
) -> tuple[Fitted, str]:
    """The default policy with thresholds that fit, and what they were fitted to."""
    name = scenario.scenario
    if journal.is_file():
        try:
            found = _fitted(open_journal(journal), name, source)
        except InputError as error:
            short = error.problem
        else:
            return found, "thresholds fit the latencies of the file"
    else:
        short = "the file has no latencies"
    rate = scenario.workload.arrivals.rate
    length_s = min(_MOST_FIT_S, max(_LEAST_FIT_S, scenario.duration, _LEAST_FIT_CALLS / rate))
    quiet = scenario.model_copy(update={"duration": math.ceil(length_s), "faults": ()})
    simulated = work / "simulated.jsonl"
    simulate(quiet, policy, replication=0, arm=STATIC, journal=simulated)
    found = _fitted(open_journal(simulated), name, source)
    return found, f"thresholds fit the scenario, simulated without its faults: {short}"


def _fitted(journal: Journal, name: str, source: str) -> Fitted:
    return fit_policy(traffic_of([journal]), [journal], name=name, source=source)


def _replayed(
    path: Path,
    name: str,
    folder: Path,
    columns: Mapping[str, str],
    unit: str | None,
    recorded: Recorded,
    policy: Policy,
) -> str:
    """A scenario that replays the file as a trace."""
    span_s = min(_LONGEST_S, max(600.0, recorded.span_s // 60 * 60))
    fault_s = span_s / 4 // 60 * 60
    named = ", ".join(
        f"{role}: {json.dumps(columns[role], ensure_ascii=False)}"
        for role in (*NEEDED, "status")
        if role in columns
    )
    trace = os.path.relpath(path.resolve(), folder.resolve())
    lines = [
        "# Requests come as they were recorded; models are as calibrated. Every key is in",
        "# docs/reference/scenario.md.",
        f"scenario: {json.dumps(name)}",
        f"title: {json.dumps(f'Does the policy hold on the traffic of {path.name}?')}",
        f"source: {json.dumps(path.name, ensure_ascii=False)}",
        f"duration: {show_seconds(span_s)}",
        f"warm_up: {show_seconds(min(300.0, span_s / 10))}",
        "workload:",
        "  arrivals:",
        f"    trace: {json.dumps(trace, ensure_ascii=False)}",
        "    format: csv",
        f"    columns: {{{named}}}",
    ]
    if unit is not None:
        lines.append(f"    time_unit: {unit}")
    lines.append(f"    rate: {recorded.rate:.3g}  # of the file as a whole; times are its own")
    lines += _models(recorded, policy)
    lines += [
        "faults:",
        "  - name: slow model",
        "    kind: latency",
        "    model: asked",
        "    factor: x4",
        f"    at: {show_seconds(fault_s)}",
        f"    for: {show_seconds(fault_s)}",
        "expectations:",
        "  - no_harm: true",
        "  # - latency_p95: {at_most: 15s}  # what was your service promised to keep?",
    ]
    return "\n".join(lines) + "\n"


def _models(recorded: Recorded, policy: Policy) -> list[str]:
    """Which models were asked for, of those that are known."""
    known = {name: share for name, share in recorded.models.items() if policy.catalog.find(name)}
    if not known:
        return []
    whole = sum(known.values())
    shares = {name: round(share / whole, 4) for name, share in list(known.items())[:16]}
    first = next(iter(shares))
    shares[first] = round(shares[first] + 1.0 - sum(shares.values()), 4)
    text = ", ".join(f"{json.dumps(name)}: {share!r}" for name, share in shares.items())
    return [f"  models: {{{text}}}"] if len(shares) > 1 else ["clients:", f"  model: {first}"]
