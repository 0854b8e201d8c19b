"""Gates as values: `gate.json` read back (see `docs/reference/gate.md`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from balancer.records.interval import Interval

from ..fields import as_a, clean, estimate, items, number, read_json, text, words

__all__ = ["GATE", "Gate", "GateScenario", "PolicyName", "Worsening", "gate_of", "read_gate"]

GATE = "gate.json"
"""Name of the file in a gate's directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyName:
    """What a policy is known by; `file` is "" for the default policy."""

    name: str
    law: str
    file: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Worsening:
    """The candidate against the baseline in one metric of one scenario.

    Attributes:
        metric, unit, better: as in `reports.metrics`.
        relative: whether margin and worsening are shares of the baseline's mean.
        margin: how much worse is acceptable.
        margin_text: the same as a person wrote it.
        verdict: pass, fail or inconclusive.
        baseline, candidate: means with their own intervals.
        worsening: paired difference, worse is positive, with the interval of the gate's level.
        replications: on which the verdict rests.
        replications_needed: how many would decide it; None where unknown or decided.
        note: more to say, or "".
    """

    metric: str
    unit: str
    better: str
    relative: bool
    margin: float
    margin_text: str
    verdict: str
    baseline: Interval
    candidate: Interval
    worsening: Interval
    replications: int
    replications_needed: int | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateScenario:
    """One scenario of a gate."""

    scenario: str
    title: str
    verdict: str
    seed: int
    replications: int
    differences: tuple[Worsening, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A gate's verdict and all that a report says around it.

    Attributes:
        missing: scenarios that an interruption left out.
        identical: whether both policies are the same in all that decides.
        false_pass, false_fail: the error rates the gate keeps.
        pass_level, fail_level: of one comparison at one look, after correction.
        looks: numbers of replications after which it was decided whether to go on.
    """

    verdict: str
    missing: tuple[str, ...]
    baseline: PolicyName
    candidate: PolicyName
    identical: bool
    false_pass: float
    false_fail: float
    pass_level: float
    fail_level: float
    looks: tuple[int, ...]
    scenarios: tuple[GateScenario, ...]
    command: tuple[str, ...]
    versions: Mapping[str, str]


def read_gate(directory: Path) -> Gate:
    """Read a gate's directory.

    Raises:
        InputError: the file is missing, no JSON, or no gate.
    """
    path = directory / GATE
    found = read_json(path)
    with as_a("gate", str(path)):
        return gate_of(found)


def gate_of(entry: Mapping[str, Any]) -> Gate:
    """The object of `gate.json` as a value; what it lacks raises as `dict` and `float` do."""
    rates, levels = entry.get("error_rates") or {}, entry.get("levels") or {}
    return Gate(
        verdict=clean(str(entry["verdict"])),
        missing=words(entry, "missing"),
        baseline=_policy(entry["baseline"]),
        candidate=_policy(entry["candidate"]),
        identical=bool(entry.get("identical")),
        false_pass=number(rates.get("pass")),
        false_fail=number(rates.get("fail")),
        pass_level=number(levels.get("pass")),
        fail_level=number(levels.get("fail")),
        looks=tuple(int(each) for each in items(entry, "looks")),
        scenarios=tuple(_scenario(each) for each in entry["scenarios"]),
        command=words(entry, "command"),
        versions={
            clean(str(name)): clean(str(version))
            for name, version in (entry.get("versions") or {}).items()
        },
    )


def _policy(entry: Mapping[str, Any]) -> PolicyName:
    return PolicyName(
        name=clean(str(entry["name"])),
        law=text(entry, "law"),
        file=text(entry, "file"),
        fingerprint=text(entry, "fingerprint"),
    )


def _scenario(entry: Mapping[str, Any]) -> GateScenario:
    return GateScenario(
        scenario=clean(str(entry["scenario"])),
        title=text(entry, "title"),
        verdict=clean(str(entry["verdict"])),
        seed=int(entry["seed"]),
        replications=int(entry["replications"]),
        differences=tuple(_worsening(each) for each in entry["differences"]),
    )


def _worsening(entry: Mapping[str, Any]) -> Worsening:
    needed = entry.get("replications_needed")
    return Worsening(
        metric=clean(str(entry["metric"])),
        unit=text(entry, "unit") or "number",
        better=text(entry, "better"),
        relative=bool(entry.get("relative")),
        margin=number(entry["margin"]),
        margin_text=text(entry, "margin_text"),
        verdict=clean(str(entry["verdict"])),
        baseline=estimate(entry.get("baseline")),
        candidate=estimate(entry.get("candidate")),
        worsening=estimate(entry.get("worsening")),
        replications=int(entry.get("replications") or 0),
        replications_needed=None if needed is None else int(needed),
        note=text(entry, "note"),
    )
