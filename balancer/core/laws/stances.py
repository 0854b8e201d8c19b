"""How laws say what they want: a mode's strategy as a stance, a broken rule as a reason."""

from __future__ import annotations

from dataclasses import replace

from ..decisions import (
    ADMIT_ALL,
    ByPriority,
    Limits,
    Mix,
    Reason,
    Stance,
    one_hot,
    probe_mixes,
    with_admission,
)
from ..modes import MODES, Mode
from ..observations import Alert, Override
from ..policy import Policy
from ..signals import Bound, Signals, describe

__all__ = [
    "alerted",
    "measured_reason",
    "ordered",
    "probing",
    "stance",
    "stance_from_plain",
    "stance_to_plain",
]


def stance(
    policy: Policy,
    mode: Mode,
    reasons: tuple[Reason, ...],
    *,
    shedding: bool = True,
    mixes: tuple[Mix, Mix, Mix] | None = None,
    probe: Mode | None = None,
) -> Stance:
    """The stance of a mode by the policy's strategy for it."""
    strategy = policy.strategies[mode]
    low, normal, high = strategy.shed if shedding else (0.0, 0.0, 0.0)
    starts = strategy.max_starts_per_s
    everything = one_hot(mode)
    return Stance(
        mode=mode,
        mixes=mixes or (everything, everything, everything),
        admit=(1.0 - low, 1.0 - normal, 1.0 - high) if any(strategy.shed) else ADMIT_ALL,
        limits=Limits(
            max_in_flight=strategy.max_in_flight,
            max_starts=None if starts is None else max(1, round(starts * policy.tick_s)),
        ),
        reasons=reasons,
        probe=probe,
    )


def probing(
    policy: Policy,
    mode: Mode,
    target: Mode,
    reason: Reason,
    *,
    share: float,
    offered: ByPriority,
    shedding: bool,
) -> Stance:
    """The stance of a mode beside which a share of the requests is served in another one.

    The share is of all that come, and by the target's own admission: whom the mode refuses is tried
    first.

    Args:
        policy: what the modes do.
        mode: serves the others.
        target: is tried.
        reason: why.
        share: of the requests, 0..1.
        offered: share of each priority among the requests.
        shedding: whether the modes' shedding is in force.
    """
    plain = stance(policy, mode, (reason,), shedding=shedding)
    wanted = stance(policy, target, (), shedding=shedding)
    mixes, admit = with_admission(
        probe_mixes(mode, target, share, offered), mode, target, plain.admit, wanted.admit
    )
    return replace(plain, mixes=mixes, admit=admit, probe=target)


def measured_reason(signals: Signals, bound: Bound, row: int, since: int, to: Mode) -> Reason:
    """Why a mode is left: the rule it breaks and the value measured, under the mode entered."""
    start = max(since, signals.windows.tick - bound.window_ticks)
    measured = signals.measure(bound, row, since, start)
    return Reason(
        kind="rule",
        text=f"{to.label}: {describe(bound, measured)}",
        rule=bound.rule.name,
        value=measured.value,
        threshold=bound.threshold,
        k=measured.k,
        n=measured.n,
    )


def alerted(alert: Alert) -> Reason:
    """An external alert as a reason."""
    text = f"{alert.mode.label}: alert {alert.key} raised at tick {alert.at_tick}"
    return Reason(kind="alert", text=text, rule=alert.key)


def ordered(order: Override) -> Reason:
    """An operator's override as a reason."""
    text = f"{order.mode.label}: override until tick {order.until_tick}: {order.reason}"
    return Reason(kind="override", text=text)


def stance_to_plain(stance: Stance) -> list[object]:
    """A stance as plain values."""
    return [
        int(stance.mode),
        [list(mix) for mix in stance.mixes],
        list(stance.admit),
        [stance.limits.max_in_flight, stance.limits.max_starts],
        [[r.kind, r.text, r.rule, r.value, r.threshold, r.k, r.n] for r in stance.reasons],
        stance.probe,
    ]


def stance_from_plain(values: list[object]) -> Stance:
    """The stance that `stance_to_plain` gave."""
    mode, mixes, admit, bounds, reasons, probe = values
    assert isinstance(mode, int) and isinstance(mixes, list) and isinstance(admit, list)
    assert isinstance(bounds, list) and isinstance(reasons, list)
    low, normal, high = (_mix(values) for values in mixes)
    names = ("kind", "text", "rule", "value", "threshold", "k", "n")
    return Stance(
        mode=MODES[mode],
        mixes=(low, normal, high),
        admit=(admit[0], admit[1], admit[2]),
        limits=Limits(max_in_flight=bounds[0], max_starts=bounds[1]),
        reasons=tuple(Reason(**dict(zip(names, row, strict=True))) for row in reasons),
        probe=MODES[probe] if isinstance(probe, int) else None,
    )


def _mix(values: list[float]) -> Mix:
    normal, soft, hard, emergency = values
    return normal, soft, hard, emergency
