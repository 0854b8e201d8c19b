"""What a timeline shows, and how it is read from the journals of a scenario's arms."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from balancer.core.modes import MODES
from balancer.core.policy import Policy
from balancer.journal_file import open_journal
from balancer.records.verdict import FaultWindow, Verdict

from ..arms import NONE, POLICY, STATIC
from .series import ModeSpan, Series, mode_spans, series_of

__all__ = [
    "FaultSpan",
    "Threshold",
    "Timeline",
    "losses_of",
    "read_timeline",
    "thresholds",
    "timeline",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSpan:
    """A fault's window, in seconds from the start of the run, and what to call it."""

    label: str
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A signal's entry threshold of the policy: "hard" at 5.0."""

    signal: str
    label: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """All that a timeline shows.

    Attributes:
        controlled: the arm with the controller.
        static: the same traffic in the policy's normal mode; None leaves its lines out.
        uncontrolled: the same with the application's own clients; the same for None.
        faults, thresholds: drawn where they fall.
        duration_s: length of the time axis.
        warm_up_s: left out of every metric, and marked as such.
    """

    controlled: Series
    static: Series | None = None
    uncontrolled: Series | None = None
    faults: tuple[FaultSpan, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    duration_s: float
    warm_up_s: float = 0.0


def read_timeline(directory: Path, verdict: Verdict) -> Timeline | None:
    """Read a scenario's journals; None if the run wrote none of the arm with the controller.

    Raises:
        JournalError: a journal that the verdict names is missing or cannot be read.
    """
    if POLICY not in verdict.journals:
        return None
    controlled, policy = _read(directory, verdict, POLICY)
    controlled = _as_governed(controlled, verdict)
    static, uncontrolled = (
        _read(directory, verdict, arm)[0] if arm in verdict.journals else None
        for arm in (STATIC, NONE)
    )
    return timeline(verdict, controlled, static, uncontrolled, policy)


def _as_governed(controlled: Series, verdict: Verdict) -> Series:
    """The same with the modes that requests got, and when.

    A journal has decisions of one process, at the ticks of what was observed. Where that came late,
    they held later than the tick after; only the run itself knows when, and what all processes did.
    """
    named = {mode.label: mode for mode in MODES}
    changes = [(c.at_s, named[c.after]) for c in verdict.transitions if c.after in named]
    probes = controlled.probes
    if verdict.probes is not None:
        probes = tuple(
            ModeSpan(from_s=each.from_s, to_s=each.to_s, mode=named[each.mode])
            for each in verdict.probes
            if each.mode in named
        )
    return replace(controlled, modes=mode_spans(changes, verdict.duration_s), probes=probes)


def _read(directory: Path, verdict: Verdict, arm: str) -> tuple[Series, Policy]:
    # The name comes from a file: it may not lead out of the directory.
    journal = open_journal(directory / Path(verdict.journals[arm]).name)
    series = series_of(
        journal,
        tick_s=journal.policy.tick_s,
        duration_s=verdict.duration_s,
        losses=[(fault.from_s, fault.to_s) for fault in losses_of(verdict)],
    )
    return series, journal.policy


def losses_of(verdict: Verdict) -> list[FaultWindow]:
    """When observations were lost, or some of them."""
    return [fault for fault in verdict.faults if fault.kind == "loss"]


def timeline(
    verdict: Verdict,
    controlled: Series,
    static: Series | None,
    uncontrolled: Series | None,
    policy: Policy,
) -> Timeline:
    """What the timeline of a scenario shows.

    Args:
        verdict: names the faults and the time covered.
        controlled, static, uncontrolled: the arms; None where one has no journal.
        policy: whose entry thresholds are drawn.
    """
    return Timeline(
        controlled=controlled,
        static=static,
        uncontrolled=uncontrolled,
        faults=tuple(
            FaultSpan(label=fault.name or fault.text, from_s=fault.from_s, to_s=fault.to_s)
            for fault in verdict.faults
        ),
        thresholds=thresholds(policy),
        duration_s=verdict.duration_s,
        warm_up_s=verdict.warm_up_s,
    )


def thresholds(policy: Policy) -> tuple[Threshold, ...]:
    """Entry thresholds of a policy, as it has them; equal ones of several rules once.

    A latency is judged at an edge that is at most 0.6 % off, which no figure shows.
    """
    threshold_of = {
        (rule.signal, rule.level, rule.threshold): Threshold(
            signal=rule.signal, label=rule.level.label, value=rule.threshold
        )
        for rule in policy.rules
    }
    return tuple(threshold_of.values())
