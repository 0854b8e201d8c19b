"""How laws say what they want: a mode's strategy as a stance, a broken rule as a reason."""

from __future__ import annotations

from ..decisions import ADMIT_ALL, Limits, Mix, Reason, Stance, one_hot
from ..modes import Mode
from ..observations import Alert, Override
from ..policy import Policy
from ..signals import Bound, Signals, describe

__all__ = ["alerted", "because", "ordered", "stance"]


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


def because(signals: Signals, bound: Bound, row: int, since: int, to: Mode) -> Reason:
    """A broken rule as the reason to enter a mode, with the exact value measured."""
    start = max(since, signals.ledger.tick - bound.window_ticks)
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
