"""The record of a run: an object of `verdict.json`, one for each scenario.

`docs/reference/verdict.md` documents every field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ..core.errors import InputError
from .codec import INLINE, Positive, key
from .files import Format, read_json
from .interval import UNDEFINED, Interval

__all__ = [
    "VERDICT",
    "FaultWindow",
    "Harm",
    "Judgement",
    "ModeChange",
    "ModeWindow",
    "Outcome",
    "Verdict",
    "read_verdict",
    "read_verdicts",
]

Outcome = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One expectation and what came of it.

    Attributes:
        name: the expectation in words.
        verdict: what came of it.
        value: what was measured, in `unit`, with its interval.
        bound: what it is held against; NaN where the expectation has no number.
        better: the side of the bound it should be on; "" for neither.
        unit: share, seconds, usd, score, count, number, or points (a difference of shares).
        against: the arm whose runs it was judged with beside the policy's own; None without.
        note: how the runs fared, in a sentence; may be empty.
        replications_needed: how many would decide an inconclusive one, as far as the spread
            seen so far tells; None where it does not, or where it is decided.
    """

    name: str
    verdict: Outcome
    value: Interval = field(metadata=INLINE)
    bound: float = UNDEFINED.estimate
    better: Literal["higher", "lower", ""] = ""
    unit: str = "number"
    against: str | None = None
    note: str = ""
    replications_needed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultWindow:
    """A fault's name, kind, what it does, and one of its windows in seconds of the run."""

    name: str = ""
    kind: str = ""
    text: str = ""
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeChange:
    """A change of mode in replication 0, by the modes' labels."""

    at_s: float
    before: str = key("from")
    after: str = key("to")
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeWindow:
    """A stretch of replication 0, in seconds of the run, and a mode by its label."""

    from_s: float
    to_s: float
    mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """Availability with the controller minus static's; found: it is harm, beyond its interval."""

    change: Interval = field(default=UNDEFINED, metadata=INLINE)
    found: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One scenario's verdict and all that a report says around it.

    Attributes:
        replicas: processes of the application; a journal is of the first, modes are of all.
        arms: metrics of every arm, by its name (`reports.arms`).
        differences: by the arm they are taken to: with the controller minus that arm.
        transitions: of replication 0 under the policy.
        probes: when a share of its requests got another mode than the one in force, and the mildest
            such; None in a record of before it was told.
        misfits: thresholds that healthy traffic crosses, a sentence each.
        journals: file name of replication 0's journal, by arm; empty if none was written.
        command: words that ask for it again; empty if no command did.
    """

    version: int
    scenario: str
    title: str = ""
    teaches: str = ""
    source: str = ""
    policy: str = ""
    law: str = ""
    verdict: Outcome
    seed: int
    replications: int
    replicas: int = 1
    confidence: float = 0.95
    duration_s: Positive
    warm_up_s: float = 0.0
    tick_s: float = UNDEFINED.estimate
    faults: tuple[FaultWindow, ...] = ()
    expectations: tuple[Judgement, ...]
    arms: Mapping[str, Mapping[str, Interval]]
    differences: Mapping[str, Mapping[str, Interval]] = field(default_factory=dict)
    harm: Harm = Harm()
    transitions: tuple[ModeChange, ...] = ()
    probes: tuple[ModeWindow, ...] | None = None
    misfits: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    journals: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def metrics(self) -> Mapping[str, Interval]:
        """Metrics with the controller."""
        return self.arms.get("policy", {})

    def metric(self, arm: str, name: str) -> Interval:
        """A metric in an arm; undefined where there is none."""
        return self.arms.get(arm, {}).get(name, UNDEFINED)

    def change(self, arm: str, name: str) -> Interval:
        """With the controller minus an arm; undefined where there is none."""
        return self.differences.get(arm, {}).get(name, UNDEFINED)


VERDICT = Format(
    record=Verdict, noun="verdict", file="verdict.json", version=2, again="run the scenario again"
)


def read_verdicts(directory: Path) -> tuple[Verdict, ...]:
    """Read a report directory's verdicts.

    Raises:
        InputError: the file is missing, no JSON, or not a list of verdicts.
    """
    path = directory / VERDICT.file
    document = read_json(path)
    if not isinstance(document, list) or not all(isinstance(entry, dict) for entry in document):
        raise InputError("expected a list with one object per scenario", where=str(path))
    return tuple(
        read_verdict(entry, f"{path}: entry {place}")
        for place, entry in enumerate(document, start=1)
    )


def read_verdict(entry: Mapping[str, Any], where: str) -> Verdict:
    """One object of `verdict.json`; `where` names it in an error.

    Raises:
        InputError: it is no verdict.
    """
    verdict = VERDICT.of(entry, where)
    return replace(verdict, title=verdict.title or verdict.scenario)
