"""The live Balancer: the controller of an application, with its clock, recorder and ticker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import random
from typing import TYPE_CHECKING, Self

from ..core.catalog import Catalog
from ..core.decisions import Decision, Plan
from ..core.errors import MisuseError
from ..core.fit import Finding
from ..core.modes import Mode, Priority
from ..core.observations import Alert, Override
from ..core.policy import Policy
from . import plain_calls
from .admission import Admission
from .books import Standing
from .calls import Asked, CallSettings, Draws, Passage, RandomDraws, Score
from .clock import Clock, Timekeeper
from .control_loop import ControlLoop
from .days import Days
from .files import Files
from .forks import watch
from .journal import JournalFiles
from .ledger import Ledger
from .listeners import Listeners
from .requests import Request
from .spent import AfterLoss
from .status import Status, status_of

if TYPE_CHECKING:
    from ..fleet.changes import Change
    from ..fleet.settings import Fleet

__all__ = ["Balancer"]

_NOTHING_ASKED = Asked()


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
        clock = Clock() if clock is None else clock
        days = Days(clock)
        policy = days.policy(policy)
        self._admission = Admission(
            policy,
            (CallSettings() if settings is None else settings).under(policy),
            clock,
            Ledger(policy) if ledger is None else ledger,
            RandomDraws() if draws is None else draws,
        )
        files = Files(
            journal=JournalFiles(Path(journal)) if isinstance(journal, str | Path) else journal,
            state=None if state is None else Path(state),
            run={} if run is None else run,
            after_loss=after_loss,
        )
        self._loop = ControlLoop(policy, self._admission, days, files, shadow=shadow, fleet=fleet)
        self._drops: Mapping[str, Callable[[], int]] = {}
        watch(self._loop)

    @property
    def _control(self) -> ControlLoop:
        """With its files open: what they say decides what is answered."""
        self._loop.open()
        return self._loop

    # --- life ---------------------------------------------------------------------------

    def open(self) -> Balancer:
        """Take up what a process before this one left, and begin the files; again does nothing.

        `start` opens, and so does whatever else needs to know: a call, a tick, a question. What
        cannot be read or written is a problem that `status` tells of, and no error.

        Raises:
            MisuseError: another replica of a fleet has the ledger.
            InputError: the client of the fleet's store is not installed.
        """
        self._loop.open()
        return self

    def start(self) -> Balancer:
        """Start a thread that steps the controller once a tick; again does nothing."""
        self._loop.start()
        return self

    def close(self) -> None:
        """Step what is left of the tick under way, and stop. Nothing recorded is lost.

        Calls after it go through unchanged, within a hard budget. Again does nothing; `start`
        starts it again.
        """
        self._loop.close()

    def tick(self) -> Decision | None:
        """Close the ticks that are over. The ticker does this; with a `ManualClock`, a test.

        Returns:
            The decision, or None when no tick is over since the last call.
        """
        return self._loop.tick()

    def __enter__(self) -> Self:
        self._loop.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.close()

    async def __aenter__(self) -> Self:
        self._loop.start_task()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._loop.close()

    # --- calls --------------------------------------------------------------------------

    def plan(self, priority: Priority = Priority.NORMAL, u: float | None = None) -> Plan:
        """The plan that a request of a priority would get now; nothing is counted.

        Args:
            priority: of the request.
            u: a uniform draw from [0, 1); None draws one.
        """
        u = random() if u is None else u  # noqa: S311 - chance, not secrecy
        return self._admission.look_up(priority, u)

    begin = plain_calls.begin
    finish = plain_calls.finish

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
        self._loop.inbox.alert(alert)

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
        return self._control.inbox.override(
            mode, reason, for_s=for_s, until_s=until_s, tick_s=self.policy.tick_s
        )

    def lift(self, reason: str) -> Override:
        """End the override that holds."""
        return self._control.inbox.lift(reason, tick_s=self.policy.tick_s)

    def bypass(self, on: bool, reason: str = "") -> None:
        """The kill switch: let all calls go through unchanged, or put it back.

        The controller goes on observing and deciding meanwhile.

        Args:
            on: whether to.
            reason: for status and log.
        """
        self._loop.bypass((reason or "switched off") if on else "")

    def use(self, policy: Policy) -> str:
        """Change the policy while running; it governs requests from now on.

        The controller goes on from what it remembers where that means the same under the new
        policy, otherwise with its mode and the orders it has, or with its orders alone. A new
        file of the journal begins, with what was kept in its header.

        Returns:
            What was kept, as a sentence.
        """
        return self._control.use(policy)

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
        replica = self._control.step.replica
        if replica is None:
            raise MisuseError("there is no fleet: use() changes the policy of this balancer")
        return replica.change(policy, reason, within_s=within_s, after=after)

    @property
    def fleet_change(self) -> Change | None:
        """The last change of the policy that the fleet's log had."""
        replica = self._control.step.replica
        return None if replica is None else replica.course.change

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
            self._loop.open()
            self._admission.settle(None, passage.nano_usd, key)
        self.listeners.passages.tell(passage)

    # --- what is seen -------------------------------------------------------------------

    @property
    def policy(self) -> Policy:
        """The policy in use."""
        return self._loop.step.policy

    @property
    def catalog(self) -> Catalog:
        """Models as of the clock's day: by it calls are edited and billed."""
        return self._admission.catalog

    @property
    def clock(self) -> Timekeeper:
        """The clock, in scenario seconds."""
        return self._control.clock

    @property
    def ledger(self) -> Ledger:
        """What is held and spent under the hard budget."""
        return self._control.ledger

    @property
    def settings(self) -> CallSettings:
        """What the application does by itself."""
        return self._admission.settings

    @property
    def decision(self) -> Decision:
        """The last one; before the first, normal for everybody (of tick -1)."""
        return self._control.step.decision

    @property
    def enforced(self) -> bool:
        """Whether plans are applied; False in shadow mode and while calls go through unchanged."""
        return self._control.admission.enforces

    @property
    def bypassed(self) -> str:
        """Reason of the kill switch; "" where it is off."""
        return self._loop.health.bypass

    @property
    def misfits(self) -> tuple[Finding, ...]:
        """Thresholds of the policy that healthy traffic crosses, once an hour says so."""
        return self._control.step.controller.misfits

    @property
    def now_tick(self) -> int:
        """The tick under way, on the scale of `Alert.at_tick` and `Override.at_tick`."""
        return self._control.now_tick

    @property
    def ahead_ticks(self) -> int:
        """By which ticks in reasons are ahead of `now_tick`: a fleet's may go by another clock."""
        return self._control.step.ahead_ticks

    def status(self) -> Status:
        """How the balancer is now."""
        return status_of(self._control, self._drops)

    def budgets(self) -> tuple[Standing, ...]:
        """How each limit of a hard budget stands now, in the policy's order, those of the priority
        tier last: used, reserved, left, and until when. Empty where the ledger cannot be asked.
        """
        return self._control.standings()
