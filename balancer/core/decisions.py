"""What the controller decided, and the look-up every request makes in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .modes import MODES, PRIORITIES, Mode, Priority
from .policy import Strategy

__all__ = [
    "ADMIT_ALL",
    "Decision",
    "Limits",
    "Plan",
    "Reason",
    "Stance",
    "gates",
    "one_hot",
    "plan",
    "probe_mixes",
    "tried",
    "with_admission",
]

Mix = tuple[float, float, float, float]
"""Share of the admitted requests served in each mode, normal first; adds up to 1."""

ByPriority = tuple[float, float, float]
"""A number for each priority, low first."""

ADMIT_ALL: ByPriority = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a decision is what it is.

    Attributes:
        kind: rule, probe, passed, failed (a probe, or a mode that helped nobody), override, alert
            or policy.
        text: for a person: "hard: latency_p95: 12 of 31 above 5.02 s, 5.0% allowed".
        rule: name of the rule, alert or order.
        value: what was measured, in the signal's unit; NaN where nothing was.
        threshold: what it was held against.
        k, n: samples beyond the threshold, and all of them; 0 where samples are not counted.
    """

    kind: str
    text: str
    rule: str = ""
    value: float | None = None
    threshold: float | None = None
    k: int = 0
    n: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds beside the mix; None is no bound.

    Attributes:
        max_in_flight: most calls in flight.
        max_starts: most requests admitted in one tick.
    """

    max_in_flight: int | None = None
    max_starts: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stance:
    """What a law wants until it says otherwise; the same object as long as nothing changes.

    Attributes:
        mode: the mode it is in.
        mixes: share of admitted requests served in each mode, for each priority.
        admit: probability that a request is admitted, for each priority.
        limits: bounds.
        reasons: why.
        probe: the mode a probe round is trying, if any.
    """

    mode: Mode
    mixes: tuple[Mix, Mix, Mix]
    admit: ByPriority = ADMIT_ALL
    limits: Limits = Limits()
    reasons: tuple[Reason, ...] = ()
    probe: Mode | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """How one request is to be made. It binds for all of the request's attempts.

    Attributes:
        mode: the mode it is served in, and charged to.
        strategy: what the mode does to a call.
        admitted: False when the request is shed; the strategy then gives the static answer.
    """

    mode: Mode
    strategy: Strategy
    admitted: bool = True


class Decision(NamedTuple):
    """What holds for the requests that start in the tick after `tick`.

    Attributes:
        tick: the tick whose observations led to it.
        mode: the mode the application is in.
        mix: share of admitted requests served in each mode, over all priorities alike.
        admit: probability that a request is admitted, low priority first.
        limits: bounds.
        reasons: why the mode is what it is.
        mixes: the mix of each priority; probes are taken from low priority first.
        gates: the look-up table of `plan`, derived from the fields above.
    """

    tick: int
    mode: Mode
    mix: Mix
    admit: ByPriority
    limits: Limits
    reasons: tuple[Reason, ...]
    mixes: tuple[Mix, Mix, Mix]
    gates: tuple[Gate, Gate, Gate]


Gate = tuple[tuple[float, Plan], ...]
"""For one priority: plans with the uniform draw below which each is taken, ascending; the
last is the refusal, taken below infinity."""


def one_hot(mode: Mode) -> Mix:
    """Everything in one mode."""
    normal, soft, hard, emergency = (1.0 if mode == other else 0.0 for other in MODES)
    return normal, soft, hard, emergency


def probe_mixes(
    mode: Mode, target: Mode, share: float, offered: ByPriority
) -> tuple[Mix, Mix, Mix]:
    """Mixes that serve a share of all requests in `target`, low priority first.

    Args:
        mode: where the others are served.
        target: the mode to try.
        share: of the requests, 0..1.
        offered: share of each priority among the requests that will be admitted.
    """
    left = share
    mixes = []
    for part in offered:
        here = min(1.0, left / part) if part > 0 else 0.0
        left = max(0.0, left - part)
        values = [0.0] * len(MODES)
        values[mode] += 1.0 - here
        values[target] += here
        mixes.append((values[0], values[1], values[2], values[3]))
    return mixes[0], mixes[1], mixes[2]


def with_admission(
    mixes: tuple[Mix, Mix, Mix], mode: Mode, target: Mode, here: ByPriority, there: ByPriority
) -> tuple[tuple[Mix, Mix, Mix], ByPriority]:
    """Mixes of two modes, each admitting by itself, as mixes of what is admitted, and its share.

    Args:
        mixes: of all requests, by priority.
        mode, target: the two modes.
        here, there: what each of them admits, by priority.
    """
    found, admit = [], []
    for mix, a, b in zip(mixes, here, there, strict=True):
        kept, tried = mix[mode] * a, mix[target] * b
        whole = kept + tried
        values = [0.0] * len(MODES)
        values[mode] = kept / whole if whole > 0.0 else 1.0
        values[target] = tried / whole if whole > 0.0 else 0.0
        found.append((values[0], values[1], values[2], values[3]))
        admit.append(min(1.0, whole))
    return (found[0], found[1], found[2]), (admit[0], admit[1], admit[2])


def gates(stance: Stance, strategies: tuple[Strategy, ...]) -> tuple[Gate, Gate, Gate]:
    """The look-up table of a stance."""
    refused = Plan(stance.mode, strategies[stance.mode], admitted=False)
    low, normal, high = (
        _gate(stance.admit[priority], stance.mixes[priority], strategies, refused)
        for priority in Priority
    )
    return low, normal, high


def _gate(admit: float, mix: Mix, strategies: tuple[Strategy, ...], refused: Plan) -> Gate:
    rows: list[tuple[float, Plan]] = []
    below = 0.0
    last = max(mode for mode in MODES if mix[mode] > 0)
    for mode in MODES:
        if mix[mode] > 0:
            below += mix[mode]
            upper = admit if mode == last else admit * below
            rows.append((upper, Plan(mode, strategies[mode])))
    rows.append((float("inf"), refused))
    return tuple(rows)


def tried(decision: Decision, admitted: Sequence[int]) -> tuple[Mode, float] | None:
    """The other mode that is tried, and the share of the requests in it; None where none is.

    Args:
        decision: that holds. Its `mix` takes the priorities for equally many, which they are not.
        admitted: requests by priority, low first; none known: they are taken for equally many.
    """
    weights = admitted if sum(admitted) > 0 else (1,) * len(PRIORITIES)
    for mode in MODES:
        if mode is not decision.mode and decision.mix[mode] > 0:
            there = sum(n * mix[mode] for n, mix in zip(weights, decision.mixes, strict=True))
            return mode, there / sum(weights)
    return None


def plan(decision: Decision, priority: Priority, u: float) -> Plan:
    """The plan of one request: a table look-up.

    One uniform draw decides both admission and mode: it is below the admit probability
    times the running sum of the mix, which is the same as rescaling what is left of it.

    Args:
        decision: what holds now.
        priority: of the request.
        u: a uniform draw from [0, 1).
    """
    for upper, found in decision.gates[priority]:
        if u < upper:
            return found
    raise ValueError(f"u is {u!r}; expected a draw from [0, 1)")
