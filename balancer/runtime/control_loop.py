"""The control loop of a live balancer: what it does once a tick, from its start to its end.

Its files are read and begun by `open`, and by no constructor: `start` opens them, a first tick,
a first call, or the first question that they answer.
"""

from __future__ import annotations

import logging
import math
import os
import threading
from functools import partial
from typing import TYPE_CHECKING

from ..core.controller import Controller
from ..core.decisions import Decision
from ..core.policy import Policy
from .admission import Admission
from .books import Standing
from .clock import tick_at
from .days import Days
from .files import Files
from .health import Health, switched_off
from .inbox import Inbox
from .membership import join, refuse_shared
from .persistence import Persistence
from .succession import take_up
from .tick_step import TickStep
from .ticker import TaskTicker, ThreadTicker
from .watchdog import Watchdog

if TYPE_CHECKING:
    from ..fleet.settings import Fleet

__all__ = ["ControlLoop"]

logger = logging.getLogger("balancer")


class ControlLoop:
    """See the module. Everything may be called from any thread.

    Args:
        policy: to decide by, as of today.
        admission: where decisions come into force.
        days: the calendar.
        files: what is kept.
        shadow: decide and journal, but change nothing.
        fleet: whose replica this is; None: it decides alone.

    Attributes:
        admission: see above.
        clock, ledger: the admission's.
        budget_loss: what is wrong with what a process before this one left of the hard budget, and
            what is charged for it; "": nothing.
        health: what is broken.
        inbox: what the outside tells.
        shadow: see above.
        step: closes ticks.
    """

    __slots__ = (
        "__weakref__", "_days", "_files", "_fleet", "_lock", "_opened", "_own", "_persistence",
        "_ticker", "_watchdog", "admission", "budget_loss", "clock", "health", "inbox", "ledger",
        "shadow", "step",
    )  # fmt: skip

    def __init__(
        self,
        policy: Policy,
        admission: Admission,
        days: Days,
        files: Files,
        *,
        shadow: bool,
        fleet: Fleet | None,
    ) -> None:
        self.admission = admission
        self.clock = admission.clock
        self.ledger = admission.ledger
        self._days = days
        self._fleet = fleet
        self._lock = threading.RLock()
        self._ticker: ThreadTicker | TaskTicker | None = None
        self.shadow = shadow
        self.inbox = Inbox(self.clock)
        self.health = Health(switched_off(), self._apply)
        self._watchdog = Watchdog(admission, self.health, self._lapse)
        self._files = files if fleet is None else files.of_fleet()
        keep = partial(Persistence, clock=self.clock, ledger=self.ledger, health=self.health)
        self._persistence = keep(self._files)
        self._own = None
        if fleet is not None:
            refuse_shared(self.ledger)
            self._own = keep(files.of_replica(fleet.prefix), source="own journal")
        self.step = TickStep(
            policy,
            admission=admission,
            inbox=self.inbox,
            health=self.health,
            persistence=self._persistence,
            own=self._own,
        )
        self.budget_loss = ""
        self._opened = False
        admission.broken = self.health.broke
        # Callers look at nothing else on their way: the first of them opens.
        admission.alive_until, admission.overdue = -math.inf, self.open
        admission.know(days.catalog(policy))
        self._apply()

    # --- life ---------------------------------------------------------------------------

    def open(self) -> None:
        """Take up what a process before this one left, and begin the files; once.

        A file that cannot be read or written is a problem of `health`, and raises nothing.

        Raises:
            MisuseError: another replica of a fleet has the ledger.
            InputError: the client of the fleet's store is not installed.
        """
        if self._opened:  # every call asks, several times
            return
        with self._lock:
            if self._opened:
                return
            policy, fleet = self.step.policy, self._fleet
            resumed, spent = take_up(
                policy, self._files, clock=self.clock, ledger=self.ledger, shared=fleet is not None
            )
            if self.ledger.has_limits:
                self.budget_loss = spent.told(self._files.after_loss)
            self._persistence.follow(spent)
            enter = None
            if fleet is not None:
                enter = partial(
                    join,
                    fleet,
                    persistence=self._persistence,
                    ledger=self.ledger,
                    speed=self.clock.speed,
                    wake=self._wake,
                    days=self._days,
                )
            self.step.open(resumed, self.now_tick, enter)
            self._apply()
            self._opened = True
            # In this order: who calls in between must find a ticker that nobody waits for.
            self._watchdog.rest()
            self.admission.overdue = self._watchdog.overdue

    def start(self) -> None:
        """Start a thread that steps once a tick; again does nothing."""
        self._start(ThreadTicker)

    def start_task(self) -> None:
        """Step once a tick from a task of the event loop that runs now; again does nothing."""
        self._start(TaskTicker)

    def _start(self, kind: type[ThreadTicker | TaskTicker]) -> None:
        with self._lock:
            self.open()
            if self._ticker is None or not self._ticker.alive:
                self.run(kind(self.tick, self._wait_s, self._watchdog.died))

    def run(self, ticker: ThreadTicker | TaskTicker) -> None:
        """Go by a ticker, which steps this from now on."""
        self._ticker = ticker
        if self.health.closed:
            self.health.closed = False
            self._persistence.begin(self.step.controller, "restart", "everything")
        self._persistence.start()
        if self.step.replica is not None:
            self.step.replica.start()
        self._watchdog.feed(self.step.policy.tick_s)
        self._apply()

    @property
    def running(self) -> bool:
        """Whether it has a ticker, and that is alive."""
        ticker = self._ticker
        return ticker is not None and ticker.alive and "ticker" not in self.health.problems

    def close(self) -> None:
        """Step what is left of the tick under way, and stop; again does nothing."""
        self.open()
        ticker, self._ticker = self._ticker, None
        if ticker is not None:
            ticker.stop()
        with self._lock:
            if self.health.closed:
                return
            self._watchdog.rest()
            self._close_tick(self.now_tick)
            self._persistence.close(self.step.controller)
            if self._own is not None:
                self._own.close(self.step.controller)
            self.health.closed = True
            self._apply()
        if self.step.replica is not None:
            self.step.replica.close()

    # --- ticks --------------------------------------------------------------------------

    @property
    def now_tick(self) -> int:
        """The tick under way."""
        return tick_at(self.clock, self.step.policy.tick_s)

    def tick(self) -> Decision | None:
        """Close the ticks that are over.

        Returns:
            The decision, or None when no tick is over since the last call.
        """
        with self._lock:
            self.open()
            if self._days.later_than(self.admission.catalog):
                self._turn_day()
            over, before = self.now_tick - 1, self.step.policy
            decision = None if over < 0 else self._close_tick(over)
            if decision is None and self.step.hear():
                self._apply()
            if self.step.policy is not before:
                self._followed(before)
            if self._ticker is not None:
                self._watchdog.feed(self.step.policy.tick_s)
            return decision

    def _turn_day(self) -> None:
        """Take up the prices and ends of a day that has begun."""
        before = self.step.policy
        if self._days.changes(self.admission.catalog):
            policy = self._days.policy(before)
            if policy is not before:
                self.step.use(policy, self.now_tick)
                self._apply()
        self.admission.know(self._days.catalog(self.step.policy))

    def _wait_s(self) -> float:
        """Wall seconds to the end of the tick under way."""
        end_s = (self.now_tick + 1) * self.step.policy.tick_s
        return self.clock.wall_s(end_s - self.clock.now_s())

    def _close_tick(self, tick: int) -> Decision | None:
        closed = self.step.close(tick)
        if closed is None:
            return None
        observations, decision = closed
        self._apply()
        self.admission.listeners.ticks.tell(observations, decision)
        return decision

    def _wake(self) -> None:
        """There is news: of the fleet, or that ticks are of another length; from any thread."""
        ticker = self._ticker
        if ticker is not None:
            ticker.wake()

    def _lapse(self) -> None:
        """A process that was stopped wakes up: what it had leased may be another's."""
        if self.step.replica is not None:
            self.step.replica.lapse()

    # --- orders -------------------------------------------------------------------------

    def use(self, policy: Policy) -> str:
        """Go on under another policy. Returns what was kept, as a sentence."""
        with self._lock:
            before, policy = self.step.policy, self._days.policy(policy)
            kept = self.step.use(policy, tick_at(self.clock, policy.tick_s))
            self._followed(before)
            self._apply()
            if policy.tick_s != before.tick_s and self.running:
                # It waits for the end of a tick of the old length, and is late by none of them.
                self._watchdog.feed(policy.tick_s)
                self._wake()
        return kept

    def _followed(self, before: Policy) -> None:
        """Another policy is in force."""
        policy, kept = self.step.policy, self.step.kept
        self.admission.know(self._days.catalog(policy))
        logger.info("policy %r follows %r, keeping %s", policy.name, before.name, kept)

    def bypass(self, reason: str) -> None:
        """Let all calls go through unchanged for a reason, or no longer: ""."""
        with self._lock:
            self.health.switch(reason)

    def _apply(self) -> None:
        """Put the last decision into force, or let calls through."""
        if self.health.open:
            # Control fails open; a hard budget does not, but for the kill switch.
            reserves = not (self.shadow or self.health.bypass)
            self.admission.pass_through(reserves=reserves)
        else:
            self.admission.decide(self.step.decision, shadow=self.shadow)

    # --- what is seen -------------------------------------------------------------------

    @property
    def journal(self) -> str:
        """The current file, of a replica its own; "" where none is written."""
        return str((self._own or self._persistence).journal or "")

    def standings(self) -> tuple[Standing, ...]:
        """How each limit of the hard budget stands now; nothing where the ledger is broken."""
        try:
            if not self.admission.ticked:
                self.ledger.roll(self.clock.now_s())
            return self.ledger.standings()
        except Exception as error:  # noqa: BLE001 - a store may break in any way
            self.health.broke("ledger", error)
            return ()

    # --- forks --------------------------------------------------------------------------

    def before_fork(self) -> None:
        """Hold the controller and the budget still, so that the child gets them whole."""
        self.open()
        self._lock.acquire()
        self.ledger.hold()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self.ledger.release()
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Counters, ticker and files of its own; the budget is a copy of its own from here."""
        parent = os.getppid()
        self._lock = threading.RLock()
        self.inbox.forget()
        self.admission.after_fork()
        self.step.forget(self.now_tick)
        self.ledger.forget_claims()
        ticker, self._ticker = self._ticker, None
        if self.health.closed:
            return
        if self.ledger.has_limits and not self.ledger.lent:
            logger.warning(
                "process %d forked: it may spend the whole budget beside process %d; make one "
                "balancer a process, each with its part of the budget",
                os.getpid(),
                parent,
            )
        self._persistence.after_fork(self.step.controller, parent)
        replica = self.step.replica
        if replica is not None:
            replica.after_fork()
            self.ledger.lend(replica.leases, replica.short, self.clock.speed)
        if self._own is not None:
            self._own.after_fork(Controller(self.step.policy), parent)
        if isinstance(ticker, ThreadTicker):
            self.start()
        elif ticker is not None:
            self._watchdog.died(RuntimeError("forked from an event loop: start it again"))
