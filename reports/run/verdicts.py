"""Verdicts as values: `verdict.json` read back, with what is missing as NaN or "".

`docs/reference/verdict.md` documents the file. Whatever in it came from a scenario is text
of strangers; nothing here interprets it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from balancer.core.errors import InputError

from ..arms import POLICY
from ..fields import (
    UNDEFINED,
    Estimate,
    as_a,
    clean,
    estimate,
    estimates,
    items,
    number,
    positive,
    read_json,
    text,
    words,
)

__all__ = [
    "VERDICTS",
    "Expected",
    "Fault",
    "Transition",
    "Verdict",
    "read_verdict",
    "read_verdicts",
]

VERDICTS = "verdict.json"
"""Name of the file in a report's directory."""

VERSION = 2
"""The version of its objects that is read here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One expectation and what came of it.

    Attributes:
        name: the expectation in words.
        verdict: pass, fail or inconclusive.
        value: what was measured, in `unit`.
        bound: what it is held against; NaN where the expectation has no number.
        better: on which side of the bound it holds: "lower", "higher", or "".
        unit: see `reports.amounts`.
        against: the arm it was judged with beside the policy's own; "" without.
        note: more to say, a sentence or "".
        replications_needed: how many would decide it; None where unknown or decided.
    """

    name: str
    verdict: str
    value: Estimate
    bound: float
    better: str
    unit: str
    against: str
    note: str
    replications_needed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault's name, what it does, and its window in seconds of the run."""

    name: str
    text: str
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A change of mode in replication 0."""

    at_s: float
    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One scenario's verdict and all that a report says around it.

    Attributes:
        arms: metrics of every arm, by its name (`reports.arms`).
        differences: by the arm they are taken to: with the controller minus that arm.
        harm: availability with the controller minus static's.
        harms: whether that is harm, beyond its interval.
        misfits: thresholds that healthy traffic crosses, a sentence each.
    """

    scenario: str
    title: str
    teaches: str
    source: str
    policy: str
    law: str
    verdict: str
    seed: int
    replications: int
    confidence: float
    duration_s: float
    warm_up_s: float
    expectations: tuple[Expected, ...]
    arms: Mapping[str, Mapping[str, Estimate]]
    differences: Mapping[str, Mapping[str, Estimate]]
    harm: Estimate
    harms: bool
    transitions: tuple[Transition, ...]
    faults: tuple[Fault, ...]
    assumptions: tuple[str, ...]
    journals: Mapping[str, str]
    command: tuple[str, ...]
    versions: Mapping[str, str]
    misfits: tuple[str, ...] = ()

    @property
    def metrics(self) -> Mapping[str, Estimate]:
        """Metrics with the controller."""
        return self.arms.get(POLICY, {})

    def metric(self, arm: str, name: str) -> Estimate:
        """A metric in an arm; undefined where there is none."""
        return self.arms.get(arm, {}).get(name, UNDEFINED)

    def change(self, arm: str, name: str) -> Estimate:
        """With the controller minus an arm; undefined where there is none."""
        return self.differences.get(arm, {}).get(name, UNDEFINED)


def read_verdicts(directory: Path) -> tuple[Verdict, ...]:
    """Read a report directory's verdicts.

    Raises:
        InputError: the file is missing, no JSON, or not a list of verdicts.
    """
    path = directory / VERDICTS
    found = read_json(path)
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise InputError("expected a list with one object per scenario", where=str(path))
    return tuple(
        read_verdict(entry, f"{path}: entry {place}") for place, entry in enumerate(found, start=1)
    )


def read_verdict(entry: Mapping[str, Any], where: str) -> Verdict:
    """Read one object of `verdict.json`; `where` names it in an error.

    Raises:
        InputError: it is no verdict.
    """
    _check_version(entry.get("version"), where)
    with as_a("verdict", where):
        return Verdict(
            scenario=clean(str(entry["scenario"])),
            title=text(entry, "title") or clean(str(entry["scenario"])),
            teaches=text(entry, "teaches"),
            source=text(entry, "source"),
            policy=text(entry, "policy"),
            law=text(entry, "law"),
            verdict=clean(str(entry["verdict"])),
            seed=int(entry["seed"]),
            replications=int(entry["replications"]),
            confidence=number(entry.get("confidence", 0.95)),
            duration_s=positive(entry["duration_s"], "duration_s"),
            warm_up_s=number(entry.get("warm_up_s", 0.0)),
            expectations=tuple(_expected(each) for each in entry["expectations"]),
            arms=_by_arm(entry["arms"]),
            differences=_by_arm(entry.get("differences") or {}),
            harm=estimate(entry.get("harm")),
            harms=(entry.get("harm") or {}).get("found") is True,
            transitions=tuple(
                Transition(
                    at_s=number(each["at_s"]),
                    before=clean(str(each["from"])),
                    after=clean(str(each["to"])),
                    reason=text(each, "reason"),
                )
                for each in items(entry, "transitions")
            ),
            faults=tuple(
                Fault(
                    name=text(each, "name"),
                    text=text(each, "text"),
                    from_s=number(each["from_s"]),
                    to_s=number(each["to_s"]),
                )
                for each in items(entry, "faults")
            ),
            misfits=words(entry, "misfits"),
            assumptions=words(entry, "assumptions"),
            journals={str(arm): str(name) for arm, name in (entry.get("journals") or {}).items()},
            command=words(entry, "command"),
            versions={
                clean(str(name)): clean(str(version))
                for name, version in (entry.get("versions") or {}).items()
            },
        )


def _check_version(found: object, where: str) -> None:
    if found == VERSION:
        return
    older = isinstance(found, int) and found < VERSION
    raise InputError(
        f"found version {found!r} of a verdict, expected {VERSION}"
        + ("; an older open-balancer wrote it: run the scenario again" if older else ""),
        where=where,
    )


def _by_arm(found: Mapping[str, Any]) -> dict[str, dict[str, Estimate]]:
    return {clean(str(arm)): estimates(each) for arm, each in found.items()}


def _expected(entry: Mapping[str, Any]) -> Expected:
    needed = entry.get("replications_needed")
    return Expected(
        name=clean(str(entry["name"])),
        verdict=clean(str(entry["verdict"])),
        value=estimate(entry),
        bound=number(entry.get("bound")),
        better=text(entry, "better"),
        unit=text(entry, "unit") or "number",
        against=text(entry, "against"),
        note=text(entry, "note"),
        replications_needed=None if needed is None else int(needed),
    )
