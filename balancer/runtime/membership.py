"""How a balancer becomes a replica of a fleet."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..core.controller import Controller
from ..core.errors import MisuseError
from .days import Days
from .ledger import Ledger
from .persistence import Persistence

if TYPE_CHECKING:
    from ..fleet.replica import Replica
    from ..fleet.settings import Fleet

__all__ = ["join", "refuse_shared"]


def refuse_shared(ledger: Ledger) -> None:
    """Let nobody join with a ledger that spends what is leased to another.

    Raises:
        MisuseError: it does.
    """
    if ledger.lent:
        raise MisuseError("two replicas of a fleet cannot share one ledger: each has its leases")


def join(
    fleet: Fleet,
    controller: Controller,
    persistence: Persistence,
    ledger: Ledger,
    *,
    speed: float,
    wake: Callable[[], None],
    days: Days,
) -> Replica:
    """A replica, and a ledger that spends only what the fleet leases to it from now on.

    Args:
        fleet: settings.
        controller: from which it begins, until it has joined.
        persistence: keeps what the fleet's controller steps.
        ledger: of this process.
        speed: scenario seconds in a wall second.
        days: the calendar, by which the policy of a change is read.
        wake: called, from another thread, when there is news for the ticker.

    Raises:
        MisuseError: the ledger is another replica's.
        InputError: the client of the fleet's store is not installed.
    """
    from ..fleet.replica import Replica
    from ..policy_file import parse_policy

    refuse_shared(ledger)
    replica = Replica(
        fleet,
        controller.policy,
        controller,
        persistence,
        tick_s=controller.policy.tick_s / speed,
        still=ledger.still,
        read=lambda text: days.policy(parse_policy(text, "the fleet's policy")),
        limited=lambda: ledger.limited or ledger.limits_priority,
        wake=wake,
    )
    ledger.lend(replica.leases, replica.short, speed)
    return replica
