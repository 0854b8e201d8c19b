"""Takes up what a process before this one left: the controller, the budget, and the clock."""

from __future__ import annotations

import logging
from contextlib import suppress

from ..core.policy import Policy
from .clock import Timekeeper
from .files import Files
from .ledger import Ledger
from .snapshot import Resumed, resume
from .spent import Spent, spent_before

__all__ = ["SHARED_EPOCH", "take_up"]

SHARED_EPOCH = 0.0
"""Unix time from which the replicas of a fleet count ticks, so that they agree on them."""

logger = logging.getLogger("balancer")


def take_up(
    policy: Policy,
    files: Files,
    *,
    clock: Timekeeper,
    ledger: Ledger,
    shared: bool = False,
) -> tuple[Resumed | None, Spent]:
    """Start the clock, and go on from where a process before this one stopped.

    Args:
        policy: in use from now on.
        files: of the process before and of this one; without a snapshot it begins afresh.
        clock: not started.
        ledger: is charged what was spent, unless it is in the midst of its life.
        shared: this is a replica of a fleet: all count ticks from the same moment, and the store
            keeps what was spent.

    Returns:
        The controller that was, or None, and what it had spent.
    """
    state = files.state
    if state is None:
        clock.start(epoch=SHARED_EPOCH if shared else None)
        # Its epoch may lie in the past. A ledger that fails is told of by the first tick.
        with suppress(Exception):
            ledger.roll(clock.now_s())
        return None, Spent()
    path = None if files.journal is None else files.journal.path
    # A ledger that is kept already is in the midst of its life.
    before = Spent() if ledger.is_kept or shared else spent_before(policy, state, path)
    resumed = resume(policy, state, path, since=before.tick)
    if shared:
        if resumed is not None and resumed.epoch != SHARED_EPOCH:
            logger.warning("what was kept in %s is not of a fleet's life: it begins anew", state)
            resumed = None
        # The controller's ticks are the log's, which may be led by another clock.
        clock.start(epoch=SHARED_EPOCH)
        return resumed, before
    # Time may have been set back meanwhile; the tick index goes on all the same.
    least_s, epoch = before.tick * before.tick_s, before.epoch
    if resumed is not None:
        tick = resumed.controller.tick
        least_s = max(least_s, 0.0 if tick is None else (tick + 1) * policy.tick_s)
        epoch = resumed.epoch
    clock.start(epoch=epoch, at_least_s=least_s)
    if ledger.is_kept:
        return resumed, before
    before = before.against(resumed, policy)
    before.charge(ledger, clock.now_s(), resumed, files.after_loss)
    return resumed, before
