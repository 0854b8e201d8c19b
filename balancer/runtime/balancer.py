"""The live Balancer: the controller of an application, with its clock, recorder and ticker."""

from __future__ import annotations

import logging
import math
import os
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..core.catalog import Catalog
from ..core.controller import Controller
from ..core.decisions import Decision, Plan
from ..core.errors import MisuseError
from ..core.fit import Finding
from ..core.modes import Mode, Priority
from ..core.observations import FAILURES, Alert, Override
from ..core.policy import Policy
from .admission import NO_LIMITS, Admission
from .books import Standing
from .calls import (
    Asked,
    CallSettings,
    Draws,
    Passage,
    RandomDraws,
    Score,
)
from .clock import Clock, Timekeeper, tick_at
from .days import Days
from .flights import ANSWER, CALL, UNPRICED, Call
from .forks import watch
from .health import Health
from .inbox import Inbox
from .journal import JournalFiles
from .ledger import Ledger
from .listeners import Listeners
from .persistence import Persistence
from .recorder import LONGEST_CALL_S, MOST_PENDING
from .requests import Request
from .reservations import settle
from .spent import AfterLoss
from .status import Status
from .succession import take_up
from .tick_step import TickStep
from .ticker import TaskTicker, ThreadTicker

if TYPE_CHECKING:
    from ..fleet.changes import Change
    from ..fleet.replica import Replica
    from ..fleet.settings import Fleet

__all__ = ["OFF_VARIABLE", "Balancer"]

OFF_VARIABLE = "OPEN_BALANCER_OFF"
"""Environment variable that lets all calls go through unchanged, when set to anything but "",
"0", "false" or "no" when the balancer is made."""

_OVERDUE_TICKS = 10
_OVERDUE_S = 5.0
_NOTHING_ASKED = Asked()
_KINDS = {kind: number for number, kind in enumerate(FAILURES)}

logger = logging.getLogger("balancer")


class Balancer:
    """Decides, for a live application, in which mode each call is served.

    A thread steps the controller once a tick: `start` and `close`, or a `with` block. In an
    event loop, `async with` makes it a task. Everything public may be called from any thread.

    If the ticker, the journal or a store breaks, calls go through unchanged until it is well
    again, and the log says so (logger "balancer"): nothing here may be the reason why an
    application stops answering. A hard budget alone goes on refusing by what is in memory; only
    the kill switch lets calls past it.

    Args:
        policy: when to change mode and what each mode does; None is the default policy.
        settings: what the application does by itself, where a plan says nothing.
        journal: path of the journal, or files of other sizes; None writes none.
        state: path of a snapshot, which a restart goes on from; None begins afresh.
        after_loss: what a hard budget is charged where the files of it are lost, torn or older
            than the journal: "full", all that is left of the window; "last", what can be read;
            "nothing".
        run: what the journal is of, for reports, as plain values.
        clock: scenario seconds; started by the Balancer. None is wall time.
        ledger: of the hard budget, to share one with other balancers; None makes one.
        shadow: decide and journal, but change nothing; calls are charged to the mode they
            would have been served in.
        draws: where chance comes from.
        fleet: `balancer.fleet.Fleet`, whose replicas decide and keep to a hard budget together. All
            count ticks from 1970. `journal` then has what this replica saw, and a file beside it,
            named `…-fleet`, the ticks of all.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        settings: CallSettings | None = None,
        journal: Path | str | JournalFiles | None = None,
        state: Path | str | None = None,
        after_loss: AfterLoss = "full",
        run: Mapping[str, object] | None = None,
        clock: Timekeeper | None = None,
        ledger: Ledger | None = None,
        shadow: bool = False,
        draws: Draws | None = None,
        fleet: Fleet | None = None,
    ) -> None:
        if policy is None:
            from ..policy_file import default_policy

            policy = default_policy()
        self._clock: Timekeeper = Clock() if clock is None else clock
        self._days = Days(self._clock)
        policy = self._days.policy(policy)
        self._ledger = Ledger(policy) if ledger is None else ledger
        self._shadow = shadow
        self._lock = threading.RLock()
        self._ticker: ThreadTicker | TaskTicker | None = None
        self._inbox = Inbox()
        self._drops: Mapping[str, Callable[[], int]] = {}
        self._random: Callable[[], float] = random.random
        files = JournalFiles(Path(journal)) if isinstance(journal, str | Path) else journal
        state_path = None if state is None else Path(state)
        kept_by_replica = files
        if fleet is not None and files is not None:
            files = files.named(files.path.with_stem(files.path.stem + "-fleet"))
        found, before = take_up(
            policy,
            state_path,
            files,
            after_loss,
            clock=self._clock,
            ledger=self._ledger,
            shared=fleet is not None,
        )
        self._budget_loss = before.told(after_loss) if self._ledger.has_limits else ""
        self._admission = Admission(
            policy,
            (CallSettings() if settings is None else settings).under(policy),
            self._clock,
            self._ledger,
            RandomDraws() if draws is None else draws,
        )
        self._health = Health(_switched_off(), self._apply)
        self._admission.overdue = self._overdue
        self._admission.broken = self._health.broke
        self._persistence = Persistence(
            files,
            state_path,
            {} if run is None else run,
            clock=self._clock,
            ledger=self._ledger,
            health=self._health,
            budget=before,
        )
        join, self._own = None, None
        if fleet is not None:
            join = self._joining(fleet, policy)
            self._own = Persistence(
                kept_by_replica,
                None,
                {**(run or {}), "part_of_fleet": fleet.prefix},
                clock=self._clock,
                ledger=self._ledger,
                health=self._health,
                budget=before,
                source="own journal",
            )
        self._tick_step = TickStep(
            policy,
            found,
            tick_at(self._clock, policy.tick_s),
            admission=self._admission,
            ledger=self._ledger,
            inbox=self._inbox,
            health=self._health,
            persistence=self._persistence,
            join=join,
            own=self._own,
        )
        self._admission.know(self._days.catalog(policy))
        self._apply()
        watch(self)

    def _joining(self, fleet: Fleet, policy: Policy) -> Callable[[Controller], Replica]:
        """Makes this balancer a replica, whose ledger spends what is leased."""
        from ..fleet.replica import Replica
        from ..policy_file import parse_policy

        ledger, speed = self._ledger, self._clock.speed
        if ledger.lent:
            raise MisuseError(
                "two replicas of a fleet cannot share one ledger: each has its leases"
            )

        def join(controller: Controller) -> Replica:
            replica = Replica(
                fleet,
                policy,
                controller,
                self._persistence,
                tick_s=policy.tick_s / speed,
                still=ledger.still,
                read=lambda text: self._days.policy(parse_policy(text, "the fleet's policy")),
                limited=lambda: ledger.limited or ledger.limits_priority,
                wake=self._wake,
            )
            ledger.lend(replica.leases, replica.short, speed)
            return replica

        return join

    def _wake(self) -> None:
        """There is news of the fleet; from another thread."""
        ticker = self._ticker
        if ticker is not None:
            ticker.wake()

    def _turn_day(self) -> None:
        """Take up the prices and ends of a day that has begun."""
        if self._days.changes(self._admission.catalog):
            policy = self._days.policy(self.policy)
            if policy is not self.policy:
                self._tick_step.use(policy, self.now_tick)
                self._apply()
        self._admission.know(self._days.catalog(self.policy))

    # --- life ---------------------------------------------------------------------------

    def start(self) -> Balancer:
        """Start a thread that steps the controller once a tick; again does nothing."""
        with self._lock:
            if self._ticker is None or not self._ticker.alive:
                self._run(ThreadTicker(self.tick, self._wait_s, self._ticker_died))
        return self

    def _run(self, ticker: ThreadTicker | TaskTicker) -> None:
        self._ticker = ticker
        if self._health.closed:
            self._health.closed = False
            self._persistence.begin(self._tick_step.controller, "restart", "everything")
        self._persistence.start()
        if self._tick_step.replica is not None:
            self._tick_step.replica.start()
        self._health.mended("ticker")
        self._stay_alive()
        self._apply()

    def close(self) -> None:
        """Step what is left of the tick under way, and stop. Nothing recorded is lost.

        Calls after it go through unchanged, within a hard budget. Again does nothing; `start`
        starts it again.
        """
        ticker, self._ticker = self._ticker, None
        if ticker is not None:
            ticker.stop()
        with self._lock:
            if self._health.closed:
                return
            self._admission.alive_until = math.inf
            self._close_tick(self.now_tick)
            self._persistence.close(self._tick_step.controller)
            if self._own is not None:
                self._own.close(self._tick_step.controller)
            self._health.closed = True
            self._apply()
        if self._tick_step.replica is not None:
            self._tick_step.replica.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        with self._lock:
            if self._ticker is None or not self._ticker.alive:
                self._run(TaskTicker(self.tick, self._wait_s, self._ticker_died))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # --- calls --------------------------------------------------------------------------

    def plan(self, priority: Priority = Priority.NORMAL, u: float | None = None) -> Plan:
        """The plan that a request of a priority would get now; nothing is counted.

        Args:
            priority: of the request.
            u: a uniform draw from [0, 1); None draws one.
        """
        return self._admission.look_up(priority, self._random() if u is None else u)

    def begin(
        self,
        priority: Priority = Priority.NORMAL,
        model: str | None = None,
        u: float | None = None,
    ) -> Call:
        """Plan one call, count it and start its clock: the hot path.

        For applications that do their own calling and retrying, a call at a time. It knows
        nothing of tokens in advance, so it cannot keep a hard budget: `request` does.

        Args:
            priority: of the request.
            model: that the caller asks for; None is the policy's, or the settings'. The one to
                call is `call.model`.
            u: a uniform draw from [0, 1); None draws one.

        Returns:
            The call. When `call.admitted` is False, do not make it and do not finish it.

        Raises:
            MisuseError: the policy has a hard budget.
        """
        admission = self._admission
        now = admission.raw()
        if now > admission.alive_until:
            admission.overdue()
        if u is None:
            u = self._random()
        for upper, plan, place, event in admission.table[priority]:  # noqa: B007
            if u < upper:
                break
        call = Call()
        call.plan = plan
        call.place = place
        call.since = now
        call.priority = priority
        if not plan.admitted:
            return admission.turned_away(call, priority)
        if model is not None:
            if plan.strategy.model is not None:
                model = admission.chain(plan, model)[0]
            call.place = place = (plan.mode, model)
            event = (CALL, priority, place)
        if admission.reserves:
            raise MisuseError(
                "the policy has a hard budget, which is reserved before a call: use request()"
            )
        recorder = admission.recorder
        if admission.limits is NO_LIMITS:
            recorder.flights.add(call)
        elif not admission.takes_place(call):
            return admission.turned_away(call, priority)
        recorder.begun.append(event)
        return call

    def finish(
        self,
        call: Call,
        kind: str | None = None,
        prompt_tokens: int = 0,
        cached_tokens: int = 0,
        output_tokens: int = 0,
        thinking_tokens: int = 0,
        first_token_s: float | None = None,
    ) -> None:
        """Record how a call ended; the other half of the hot path.

        Args:
            call: what `begin` gave, admitted.
            kind: None for a complete answer, or one of `balancer.core.observations.FAILURES`.
            prompt_tokens, cached_tokens, output_tokens, thinking_tokens: as billed.
            first_token_s: scenario seconds to the first token.

        Raises:
            MisuseError: the call was finished before, or is shed; or an unknown kind.
        """
        admission = self._admission
        recorder = admission.recorder
        try:
            number = ANSWER if kind is None else _KINDS[kind]
            recorder.flights.remove(call)
        except KeyError:
            self._refuse_to_finish(call, kind)
            return
        ended = recorder.ended
        ended.append(
            (
                call,
                admission.raw(),
                number,
                prompt_tokens,
                cached_tokens,
                output_tokens,
                thinking_tokens,
                None if first_token_s is None else first_token_s / admission.clock.speed,
                UNPRICED,
            )
        )
        if len(ended) > MOST_PENDING:
            recorder.relieve()

    def _refuse_to_finish(self, call: Call, kind: str | None) -> None:
        if kind is not None and kind not in _KINDS:
            raise MisuseError(f"kind is {kind!r}; expected one of {', '.join(FAILURES)}, or None")
        if not call.admitted:
            raise MisuseError("a call that is shed is not made, and not finished")
        age_s = (self._admission.raw() - call.since) * self._clock.speed
        # One that took so long was given up by the recorder, and counted then.
        if age_s <= LONGEST_CALL_S:
            raise MisuseError("the call was finished before")

    def request(
        self,
        priority: Priority = Priority.NORMAL,
        *,
        key: str | None = None,
        index: int | None = None,
        asked: Asked = _NOTHING_ASKED,
        session: str | None = None,
    ) -> Request:
        """Receive a request: plan, admission and budget; the caller then drives its attempts.

        Args:
            priority: of the request.
            key: tenant, for budgets of a key.
            index: of the request in a scenario, for keyed draws.
            asked: what the caller asked for.
            session: a name of the conversation that it belongs to, for the tokens of a session;
                it decides nothing and is never sent anywhere.
        """
        return Request(self._admission, priority, key, index, asked, session)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the caller as waiting for a place (the queue depth) inside the block."""
        token = object()
        waiting = self._admission.recorder.waiting
        waiting.add(token)
        try:
            yield
        finally:
            waiting.discard(token)

    # --- orders -------------------------------------------------------------------------

    def alert(self, alert: Alert) -> None:
        """Take in a message of an external monitor; `Balancer.now_tick` is now on its scale."""
        self._inbox.alert(alert)

    def override(
        self,
        mode: Mode,
        reason: str,
        *,
        for_s: float | None = None,
        until_s: float | None = None,
    ) -> Override:
        """Hold a mode until a moment, whatever the law wants; the last one given holds.

        Returns:
            The order. It holds from the first tick after `at_tick`.

        Args:
            mode: to hold.
            reason: for the journal.
            for_s: scenario seconds from now.
            until_s: scenario second; one of both is given.

        Raises:
            MisuseError: neither or both are given, no reason, or an end that is not to come.
        """
        return self._inbox.override(
            mode,
            reason,
            for_s=for_s,
            until_s=until_s,
            now_s=self._clock.now_s(),
            now_tick=self.now_tick,
            tick_s=self.policy.tick_s,
        )

    def lift(self, reason: str) -> Override:
        """End the override that holds."""
        return self._inbox.lift(reason, self.now_tick)

    def bypass(self, on: bool, reason: str = "") -> None:
        """The kill switch: let all calls go through unchanged, or put it back.

        The controller goes on observing and deciding meanwhile.

        Args:
            on: whether to.
            reason: for status and log.
        """
        with self._lock:
            self._health.switch((reason or "switched off") if on else "")

    def use(self, policy: Policy) -> str:
        """Change the policy while running; it governs requests from now on.

        The controller goes on from what it remembers where that means the same under the new
        policy, otherwise with its mode and the orders it has, or with its orders alone. A new
        file of the journal begins, with what was kept in its header.

        Returns:
            What was kept, as a sentence.
        """
        with self._lock:
            before = self.policy
            kept = self._tick_step.use(self._days.policy(policy), self.now_tick)
            self._followed(before)
            self._apply()
        return kept

    def use_in_fleet(
        self, policy: Policy, reason: str = "", *, after: int | None = None, within_s: float = 10.0
    ) -> str:
        """Change the policy of all replicas of the fleet, from one tick on; waits for it.

        Args:
            policy: for all. Its ticks are as long as the fleet's.
            reason: for the histories of all.
            after: refuse unless so many changes came before (`status().fleet.changes`).
            within_s: wall seconds after which it is not waited for any longer.

        Returns:
            What was kept, as a sentence.

        Raises:
            MisuseError: there is no fleet.
            balancer.fleet.changes.ChangeError: another was faster, or the fleet cannot be told now.
        """
        replica = self._tick_step.replica
        if replica is None:
            raise MisuseError("there is no fleet: use() changes the policy of this balancer")
        return replica.change(policy, reason, within_s=within_s, after=after)

    @property
    def fleet_change(self) -> Change | None:
        """The last change of the policy that the fleet's log had."""
        replica = self._tick_step.replica
        return None if replica is None else replica.course.change

    def _followed(self, before: Policy) -> None:
        """Another policy is in force."""
        step = self._tick_step
        self._admission.know(self._days.catalog(step.policy))
        logger.info("policy %r follows %r, keeping %s", step.policy.name, before.name, step.kept)

    # --- news ---------------------------------------------------------------------------

    @property
    def listeners(self) -> Listeners:
        """Who is told what happens here."""
        return self._admission.listeners

    def watch_drops(self, source: str, count: Callable[[], int]) -> None:
        """Let `status().dropped` say how much a source gave up, such as telemetry.

        Args:
            source: its name.
            count: how many things it gave up since its start.
        """
        self._drops = {**self._drops, source: count}

    def scored(self, score: Score) -> None:
        """Hand on the quality of an answer; it changes no decision."""
        self.listeners.scores.tell(score)

    def passed(self, passage: Passage, key: str | None = None) -> None:
        """A call went through that no plan governs: it is counted apart, and changes no decision.

        Args:
            passage: how it went. What it cost is booked in the budget.
            key: of the tenant, for budgets of a key.
        """
        if passage.nano_usd:
            settle(self._admission, None, passage.nano_usd, key)
        self.listeners.passages.tell(passage)

    # --- what is seen -------------------------------------------------------------------

    @property
    def policy(self) -> Policy:
        """In use."""
        return self._tick_step.policy

    @property
    def catalog(self) -> Catalog:
        """Models as of the clock's day: by it calls are edited and billed."""
        return self._admission.catalog

    @property
    def clock(self) -> Timekeeper:
        """Scenario seconds."""
        return self._clock

    @property
    def ledger(self) -> Ledger:
        """Of the hard budget."""
        return self._ledger

    @property
    def settings(self) -> CallSettings:
        """What the application does by itself."""
        return self._admission.settings

    @property
    def decision(self) -> Decision:
        """The last one; before the first, normal for everybody (of tick -1)."""
        return self._tick_step.decision

    @property
    def enforced(self) -> bool:
        """Whether plans are applied; False in shadow mode and while calls go through unchanged."""
        return self._admission.enforces

    @property
    def bypassed(self) -> str:
        """Reason of the kill switch; "" where it is off."""
        return self._health.bypass

    @property
    def misfits(self) -> tuple[Finding, ...]:
        """Thresholds of the policy that healthy traffic crosses, once an hour says so."""
        return self._tick_step.controller.misfits

    @property
    def now_tick(self) -> int:
        """The tick under way, on the scale of `Alert.at_tick` and `Override.at_tick`."""
        return tick_at(self._clock, self.policy.tick_s)

    def status(self) -> Status:
        """How it is."""
        step = self._tick_step
        recorder = self._admission.recorder
        ticker = self._ticker
        return Status(
            mode=step.decision.mode,
            tick=step.last,
            policy=step.policy.name,
            running=ticker is not None and ticker.alive and "ticker" not in self._health.problems,
            enforced=self._admission.enforces,
            shadow=self._shadow,
            bypass=self._health.bypass,
            problems=dict(self._health.problems),
            failures=dict(self._health.failures),
            in_flight=len(recorder.flights) + len(recorder.flex),
            waiting=len(recorder.waiting),
            reserved_nano_usd=step.reserved_nano_usd(),
            budgets=self.budgets(),
            budget_loss=self._budget_loss,
            reasons=tuple(reason.text for reason in step.decision.reasons),
            override=step.controller.override(),
            journal=str((self._own or self._persistence).journal or ""),
            kept=step.kept,
            dropped={source: count() for source, count in self._drops.items()},
            misfits=tuple(finding.text for finding in self.misfits),
            closed=self._admission.closed.texts(),
            withdrawn=self._admission.withdrawn.texts(self._clock.now_s()),
            mistakes=self._admission.mistakes.by_caller(),
            fleet=None if step.replica is None else step.replica.standing,
        )

    def budgets(self) -> tuple[Standing, ...]:
        """How each limit of a hard budget stands now, in the policy's order, those of the priority
        tier last: used, reserved, left, and until when. Empty where the ledger cannot be asked.
        """
        try:
            if not self._admission.ticked:
                self._ledger.roll(self._clock.now_s())
            return self._ledger.standings()
        except Exception as error:  # noqa: BLE001 - a store may break in any way
            self._health.broke("ledger", error)
            return ()

    # --- ticks --------------------------------------------------------------------------

    def tick(self) -> Decision | None:
        """Close the ticks that are over. The ticker does this; with a `ManualClock`, a test.

        Returns:
            The decision, or None when no tick is over since the last call.
        """
        with self._lock:
            if self._days.later_than(self._admission.catalog):
                self._turn_day()
            over, before = self.now_tick - 1, self.policy
            decision = None if over < 0 else self._close_tick(over)
            if decision is None and self._tick_step.hear():
                self._apply()
            if self.policy is not before:
                self._followed(before)
            self._stay_alive()
            return decision

    def _wait_s(self) -> float:
        """Wall seconds to the end of the tick under way."""
        end_s = (self.now_tick + 1) * self.policy.tick_s
        return self._clock.wall_s(end_s - self._clock.now_s())

    def _close_tick(self, tick: int) -> Decision | None:
        closed = self._tick_step.close(tick)
        if closed is None:
            return None
        observations, decision = closed
        self._apply()
        self.listeners.ticks.tell(observations, decision)
        return decision

    # --- failing open -------------------------------------------------------------------

    def _apply(self) -> None:
        """Put the last decision into force, or let calls through."""
        if self._health.open:
            # Control fails open; a hard budget does not, but for the kill switch.
            kept = not (self._shadow or self._health.bypass)
            self._admission.pass_through(reserves=kept)
        else:
            self._admission.decide(self._tick_step.decision, shadow=self._shadow)

    def _stay_alive(self) -> None:
        """The ticker is here: it is overdue some ticks from now."""
        if self._ticker is not None:
            span_s = max(_OVERDUE_TICKS * self._clock.wall_s(self.policy.tick_s), _OVERDUE_S)
            self._admission.alive_until = self._admission.raw() + span_s
            self._health.mended("ticker")

    def _overdue(self) -> None:
        # Without the lock: a ticker that hangs may be holding it.
        self._admission.alive_until = math.inf
        self._health.broke("ticker", TimeoutError("no tick was stepped in time"))
        if self._tick_step.replica is not None:
            # A process that was stopped wakes up here: what it had leased may be another's.
            self._tick_step.replica.lapse()

    def _ticker_died(self, error: BaseException) -> None:
        self._admission.alive_until = math.inf
        self._health.broke("ticker", error)

    # --- forks --------------------------------------------------------------------------

    def before_fork(self) -> None:
        """Hold the controller and the budget still, so that the child gets them whole."""
        self._lock.acquire()
        self._ledger.hold()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._ledger.release()
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Counters, ticker and files of its own; the budget is a copy of its own from here."""
        parent = os.getppid()
        self._lock = threading.RLock()
        self._inbox.forget()
        self._admission.after_fork()
        self._tick_step.forget(self.now_tick)
        self._ledger.forget_claims()
        ticker, self._ticker = self._ticker, None
        if self._health.closed:
            return
        if self._ledger.has_limits and not self._ledger.lent:
            logger.warning(
                "process %d forked: it may spend the whole budget beside process %d; make one "
                "balancer a process, each with its part of the budget",
                os.getpid(),
                parent,
            )
        self._persistence.after_fork(self._tick_step.controller, parent)
        replica = self._tick_step.replica
        if replica is not None:
            replica.after_fork()
            self._ledger.lend(replica.leases, replica.short, self._clock.speed)
        if self._own is not None:
            self._own.after_fork(Controller(self.policy), parent)
        if isinstance(ticker, ThreadTicker):
            self.start()
        elif ticker is not None:
            self._ticker_died(RuntimeError("forked from an event loop: start it again"))


def _switched_off() -> str:
    value = os.environ.get(OFF_VARIABLE, "")
    return "" if value.lower() in ("", "0", "false", "no") else f"{OFF_VARIABLE}={value}"
