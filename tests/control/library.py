"""The whole library under the default policy, many scenarios at a time.

A scenario whose file changes something in the default policy runs under the changed one. A
worker takes whole scenarios, so that it starts once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from balancer.policy_file import default_policy
from scenarios.loader import library, load
from sim.study.experiment import run_scenario
from sim.workers.pool import Workers, fan_out
from tests.control.laws import Claim

__all__ = ["MINUTES", "SAMPLE", "Record", "Task", "library_claims", "run_library"]

MINUTES = 15.0
"""The whole library takes at most this long on two cores."""
SAMPLE = ("batch_starves_chat", "deterministic_500", "retry_storm", "runaway_loop")
"""Scenarios that are run again in one process, to compare."""

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One scenario, by its name, for one worker."""

    scenario: str
    replications: int | None


def run_library(
    names: Sequence[str] | None = None,
    *,
    replications: int | None = None,
    workers: int | Workers,
    done: Callable[[Record], None] = lambda _record: None,
) -> tuple[Record, ...]:
    """Objects of `verdict.json`, one for each scenario, in the order of the names.

    Args:
        names: of scenarios; the whole library without.
        replications: instead of the scenarios' own.
        workers: processes.
        done: called with each as it comes.
    """
    names = tuple(library()) if names is None else names
    # The longest first, or one worker would be left with it in the end.
    by_length = sorted(names, key=_simulated_requests, reverse=True)
    tasks = [Task(scenario=name, replications=replications) for name in by_length]
    found = fan_out(run_task, tasks, workers=workers, done=done)
    by_name = {record["scenario"]: record for record in found}
    return tuple(by_name[name] for name in names)


def run_task(task: Task) -> Record:
    """One scenario in this process."""
    scenario, own = load(task.scenario)
    return run_scenario(
        scenario, own or default_policy(), replications=task.replications, workers=1
    ).record


def _simulated_requests(name: str) -> float:
    scenario = load(name).scenario
    return scenario.duration * scenario.workload.arrivals.rate


def library_claims(
    records: Sequence[Record], *, again: Sequence[Record], minutes: float
) -> tuple[Claim, ...]:
    """What is claimed of the library.

    Args:
        records: of all scenarios.
        again: some of them, run with another number of workers.
        minutes: it took.
    """
    failed = [each["scenario"] for each in records if each["verdict"] != "pass"]
    by_name = {each["scenario"]: each for each in records}
    differing = [each["scenario"] for each in again if each != by_name[each["scenario"]]]
    harmed = [
        f"{each['scenario']} ({each['harm']['estimate'] * 100:+.1f} points)"
        for each in records
        if each["harm"]["found"]
    ]
    judged = sum(len(each["expectations"]) for each in records)
    return (
        Claim(
            name="no harm: in no scenario is availability below static's, beyond its interval",
            measured=f"harm in {', '.join(harmed)}" if harmed else "none",
            holds=not harmed,
        ),
        Claim(
            name=f"every scenario of the library passes, {len(records)} with {judged} expectations",
            measured=f"not passed: {', '.join(failed)}" if failed else "all pass",
            holds=not failed,
        ),
        Claim(
            name=f"the library takes less than {MINUTES:g} minutes on two cores",
            measured=f"{minutes:.1f} minutes",
            holds=minutes < MINUTES,
        ),
        Claim(
            name="one worker finds what several find, to the bit",
            measured=f"differing: {', '.join(differing)}"
            if differing
            else f"{len(again)} of {len(again)} records are equal",
            holds=bool(again) and not differing,
        ),
    )
