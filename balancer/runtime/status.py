"""How a live balancer is, at a glance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..core.modes import Mode
from ..core.observations import Override
from .books import Standing
from .control_loop import ControlLoop

if TYPE_CHECKING:
    from ..fleet.standing import Standing as FleetStanding

__all__ = ["Status", "status_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a live Balancer is.

    Attributes:
        mode: that the controller is in.
        tick: the last one that was stepped; None before the first.
        policy: its name.
        running: whether it has a ticker, and that is alive.
        enforced: whether plans are applied; False in shadow mode and while calls go through
            unchanged.
        shadow: decides and journals only.
        bypass: reason of the kill switch, or "".
        problems: what is broken now, by source (ticker, controller, journal, state, budget,
            ledger); while there is any, calls go through unchanged, within a hard budget.
        failures: how often each source has failed.
        in_flight: calls in flight.
        waiting: callers that wait for a place.
        reserved_nano_usd: held in the budget for calls in flight.
        budgets: how each limit of a hard budget stands.
        budget_loss: what is wrong with what a process before this one left of the hard budget, and
            what is charged for it; "": nothing.
        reasons: of the decision in force, as texts.
        override: the operator's order that holds, by ticks of this balancer's clock.
        journal: the current file, or "".
        kept: what the controller took over when it last began from another's state.
        dropped: what was given up by whatever reports on the side, by source: spans and log
            records of telemetry, whose receiver was away or slow. Calls are not affected.
        misfits: thresholds of the policy that healthy traffic crosses, as texts, once an hour of
            traffic says so. They decide nothing.
        closed: projects that the upstream has closed until their owner acts, and what to do.
        withdrawn: edits of plans that are not made, because the upstream refused them.
        mistakes: how often each caller (by its requests' key) asked for what the upstream refuses,
            since the start.
        fleet: how it stands in its fleet; None: it is in none.
    """

    mode: Mode
    tick: int | None
    policy: str
    running: bool
    enforced: bool
    shadow: bool
    bypass: str
    problems: dict[str, str]
    failures: dict[str, int]
    in_flight: int
    waiting: int
    reserved_nano_usd: int
    budgets: tuple[Standing, ...]
    budget_loss: str
    reasons: tuple[str, ...]
    override: Override | None
    journal: str
    kept: str
    dropped: Mapping[str, int]
    misfits: tuple[str, ...]
    closed: tuple[str, ...]
    withdrawn: tuple[str, ...]
    mistakes: Mapping[str, int]
    fleet: FleetStanding | None = None


def status_of(loop: ControlLoop, drops: Mapping[str, Callable[[], int]]) -> Status:
    """How the balancer of a control loop is now.

    Args:
        loop: its files are open.
        drops: how much each source on the side has given up.
    """
    step, health, admission = loop.step, loop.health, loop.admission
    recorder = admission.recorder
    return Status(
        mode=step.decision.mode,
        tick=step.last,
        policy=step.policy.name,
        running=loop.running,
        enforced=admission.enforces,
        shadow=loop.shadow,
        bypass=health.bypass,
        problems=dict(health.problems),
        failures=dict(health.failures),
        in_flight=len(recorder.flights) + len(recorder.flex),
        waiting=len(recorder.waiting),
        reserved_nano_usd=step.reserved_nano_usd(),
        budgets=loop.standings(),
        budget_loss=loop.budget_loss,
        reasons=tuple(reason.text for reason in step.decision.reasons),
        override=_by_own_clock(step.controller.override(), step.ahead_ticks),
        journal=loop.journal,
        kept=step.kept,
        dropped={source: count() for source, count in drops.items()},
        misfits=tuple(finding.text for finding in step.controller.misfits),
        closed=admission.closed.texts(),
        withdrawn=admission.withdrawn.texts(loop.clock.now_s()),
        mistakes=admission.mistakes.by_caller(),
        fleet=None if step.replica is None else step.replica.standing,
    )


def _by_own_clock(order: Override | None, ahead_ticks: int) -> Override | None:
    if order is None or not ahead_ticks:
        return order
    return replace(
        order,
        at_tick=order.at_tick - ahead_ticks,
        until_tick=order.until_tick - ahead_ticks,
    )
