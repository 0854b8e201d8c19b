"""One replica's course: along the fleet's log, and by itself while there is none.

The controller that follows the log takes in its lines and nothing else, so it decides as those
of all other replicas do. Where no line has come for some ticks, a copy of it goes on with what
this replica sees by itself; it is dropped when the log goes on.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Protocol

from ..core.controller import Controller
from ..core.decisions import Decision
from ..core.errors import BalancerError, ClockError, MisuseError, PolicyError
from ..core.observations import Observations, Override
from ..core.policy import Policy
from ..policy_file import parse_policy
from .changes import Change, ChangeError, digest
from .lines import BEGINNING, Line, Snapshot, fingerprint
from .link import Link

__all__ = ["BOUND_TICKS", "SLACK_TICKS", "Course", "Keeper", "moved"]

BOUND_TICKS = 3
"""Ticks without a line after which a replica decides alone."""

SLACK_TICKS = BOUND_TICKS + 1
"""Ticks by which a line may come late or early without another clock being the reason."""


logger = logging.getLogger("balancer.fleet")


class Keeper(Protocol):
    """Who writes down what a controller sees and decides."""

    def begin(self, controller: Controller, because: str, kept: str = "") -> None:
        """What follows is of this controller, from what it remembers now."""

    def keep(self, observations: Observations, decision: Decision, controller: Controller) -> None:
        """A tick was stepped."""


class Course:
    """See the module. Its caller sees to it that only one thread is here.

    Args:
        policy: to decide by.
        controller: from which it begins.
        keeper: is told of every step, in the order of the controller's ticks.
        bound_ticks: see `BOUND_TICKS`.
        read: the policy of a change's text.

    Attributes:
        policy: by which it decides.
        fingerprint: of the policy.
        generation: of the log that it follows; "": none yet.
        common: follows the log.
        alone: decides while there is no log; None otherwise.
        kept: what the controller kept of the one before it, as a sentence.
        changes: of the policy that the log had.
        change: the last of them; None before the first.
        ahead: ticks by which those of its controller are ahead of this replica's own; behind them,
            below 0. Who leads, or once did, may have another clock.
        refused: why this replica does not decide by it, as a sentence; "": it does.
        awaited: who waits to hear what became of a change, by its id.
    """

    __slots__ = (
        "_answers", "_before", "_bound", "_follows", "_given", "_keeper", "_own_tick", "_read",
        "_silent", "_unheard", "ahead", "alone", "awaited", "change", "changes", "common",
        "fingerprint", "generation", "kept", "policy", "refused",
    )  # fmt: skip

    def __init__(
        self,
        policy: Policy,
        controller: Controller,
        keeper: Keeper,
        *,
        bound_ticks: int = BOUND_TICKS,
        read: Callable[[str], Policy] = parse_policy,
    ) -> None:
        self._keeper = keeper
        self._bound = bound_ticks
        self._read = read
        self._given = policy  # by its start, or by its own file since then
        self._follows = False  # whether the last change is what it decides by
        self._before = BEGINNING  # lines up to this one were closed before this replica joined
        self._own_tick: int | None = None
        self._silent = 0
        self._unheard: deque[Observations] = deque(maxlen=bound_ticks + 1)
        self.policy = policy
        self.fingerprint = fingerprint(policy)
        self.generation = ""
        self.common = controller
        self.alone: Controller | None = None
        self.kept = ""
        self.ahead = 0
        self.changes = 0
        self.change: Change | None = None
        self.refused = ""
        self.awaited: dict[str, Future[str]] = {}
        self._answers: list[Callable[[], None]] = []

    @property
    def controller(self) -> Controller:
        """Whose decisions are in force."""
        return self.common if self.alone is None else self.alone

    @property
    def tick(self) -> int:
        """Of the last line; -1 before the first."""
        return -1 if self.common.tick is None else self.common.tick

    def own(self, seen: Observations) -> Decision | None:
        """A tick of this replica is over.

        Returns:
            What it decided on it by itself; None while the log decides.
        """
        self._own_tick = seen.tick
        if self.alone is not None:
            return self._step_alone(seen)
        self._silent += 1
        self._unheard.append(seen)
        if self._silent <= self._bound:
            return None
        # A copy, so that the log can be taken up again from where it stopped.
        self.alone = Controller.restore(self.policy, self.common.state())
        self._keeper.begin(self.alone, "alone", "everything")
        decision = None
        for each in self._unheard:
            decision = self._step_alone(each)
        self._unheard.clear()
        return decision

    def _step_alone(self, seen: Observations) -> Decision:
        assert self.alone is not None
        last = self.alone.tick
        tick = max(0, seen.tick + self.ahead)
        if last is not None:
            tick = max(tick, last + 1)
        self._compare(tick, seen.tick)
        self.alone, decision = self._step(self.alone, seen._replace(tick=tick))
        return decision

    def placed(self, seen: Observations) -> Observations:
        """What this replica saw, with its orders and alerts at the ticks of its controller: they
        were given by its own clock.
        """
        ahead = self.ahead
        if not ahead or not (seen.alerts or seen.overrides):
            return seen
        return seen._replace(
            alerts=tuple(
                replace(alert, at_tick=max(0, alert.at_tick + ahead)) for alert in seen.alerts
            ),
            overrides=tuple(moved(order, ahead) for order in seen.overrides),
        )

    def _compare(self, tick: int, own_tick: int) -> None:
        """A tick of the controller's was stepped at a tick of this replica's."""
        ahead = tick - own_tick
        if abs(ahead - self.ahead) > SLACK_TICKS:
            self.ahead = ahead if abs(ahead) > SLACK_TICKS else 0

    def hear(self, link: Link) -> None:
        """Follow what has come, and give what is asked for."""
        closed = None
        while link.news:
            news = link.news.popleft()
            if isinstance(news, Line) and news.tick > self._before:
                closed = news.tick
            try:
                if isinstance(news, Snapshot):
                    self.take_up(news, link)
                else:
                    self.line(news)
            except (
                MisuseError, LookupError, TypeError, ValueError, AssertionError, RecursionError
            ) as error:  # fmt: skip
                if not link.lost:
                    logger.warning("fleet: the log cannot be followed from here: %s", error)
                link.lost = True
        if closed is not None and self._own_tick is not None:
            # Those before it may have waited, this one was closed just now.
            self._compare(closed, self._own_tick)
        if link.asks_state:
            link.asks_state = False
            link.given = self.snapshot()

    def snapshot(self) -> Snapshot:
        """What it remembers, for whoever joins or begins a log."""
        return Snapshot(
            generation="",
            tick=self.tick,
            policy=self.fingerprint,
            state=self.common.state(),
            changes=self.changes,
            change=self.change,
        )

    def line(self, line: Line) -> Decision | None:
        """The fleet closed a tick.

        Returns:
            The decision on it; None for a line that was stepped before.

        Raises:
            MisuseError: lines between the last one and this one are missing.
        """
        if line.tick <= self.tick:
            return None
        if line.after != self.tick:
            raise MisuseError(f"the line after tick {line.after} comes after tick {self.tick}")
        self._heard("fleet")
        self.common, decision = self._step(self.common, line.observations)
        if line.changes:
            self._change(line)
        return decision

    def _heard(self, because: str) -> None:
        self._silent = 0
        self._unheard.clear()
        if self.alone is not None:
            self.alone = None
            self._keeper.begin(self.common, because, "everything up to the last line of the log")

    def take_up(self, snapshot: Snapshot, link: Link) -> None:
        """Go on from what the fleet remembers, instead of from what this replica does.

        Args:
            snapshot: that.
            link: for changes that it does not know.

        Raises:
            LookupError, TypeError, ValueError, AssertionError: it holds no state.
        """
        mine, theirs = self.change, snapshot.change
        if theirs is None:
            self._decide_by(self._given, follows=False)
        elif not self.generation:
            if self._replaced_by(theirs):
                self._read_change(theirs)
        elif self._follows or snapshot.changes > self.changes:
            self._read_change(theirs)
        another = self.generation not in ("", snapshot.generation)
        if another and mine is not None and snapshot.changes < self.changes:
            # The log was lost, and begun again by one who remembers less.
            link.changes.append(replace(mine, number=self.changes, after=None))
        if not self.generation:
            self._before = link.ends
        self.generation = snapshot.generation
        self.changes, self.change = snapshot.changes, theirs
        controller, kept = Controller.succeed(self.policy, snapshot.state)
        self.common, self.alone, self.kept = controller, None, kept
        # Nothing was decided by that: only a line ends the silence.
        self._keeper.begin(controller, "fleet", kept)

    def use(self, policy: Policy) -> str:
        """Go on under another policy of its own. Returns what was kept, as a sentence."""
        if policy.tick_s != self.policy.tick_s:
            # What waits is of ticks that are on no scale any more.
            self._unheard.clear()
            self._own_tick, self.ahead = None, 0
        same = fingerprint(policy) == self.fingerprint  # but for the prices of another day
        if not (same and self._follows):
            self._given = policy
        self._decide_by(policy, follows=same and self._follows)
        return self._succeed()

    def _succeed(self) -> str:
        policy = self.policy
        self.common, self.kept = Controller.succeed(policy, self.common.state())
        if self.alone is not None:
            self.alone, self.kept = Controller.succeed(policy, self.alone.state())
        self._keeper.begin(self.controller, "policy", self.kept)
        return self.kept

    def _decide_by(self, policy: Policy, *, follows: bool) -> None:
        self._follows = follows
        if policy is not self.policy:
            self.policy, self.fingerprint = policy, fingerprint(policy)

    # --- changes of the policy ------------------------------------------------------------

    def _change(self, line: Line) -> None:
        """Each change after the other; all who follow the log find the same."""
        last = None
        for change in line.changes:
            late = change.after not in (None, self.changes)
            if late or 0 < change.number <= self.changes:
                self._answer(change, overtaken=True)
                continue
            if last is not None:
                self._answer(last, overtaken=True)
            self.changes = change.number or self.changes + 1
            self.change = last = change.following(self.change, self.changes)
        if last is None:
            return
        old = line.tick <= self._before
        if (not old or self._replaced_by(last)) and self._read_change(last):
            self._succeed()
        self._answer(last)

    def _read_change(self, change: Change) -> bool:
        """Decide by a change from now on; False, and the policy stays, where it cannot be read."""
        try:
            policy = self._read(change.policy)
            if policy.tick_s != self.policy.tick_s:
                raise PolicyError(
                    f"its ticks are of {policy.tick_s:g} s, and those of the fleet of "
                    f"{self.policy.tick_s:g} s"
                )
        except (BalancerError, ValueError, LookupError, TypeError, RecursionError) as error:
            self.refused = (
                f"the fleet's policy (change {change.number}, by replica {change.replica}) cannot "
                f"be taken up here, and {self.policy.name!r} stays in force: {error}; run one "
                "release in a fleet"
            )
            logger.error("fleet: %s", self.refused)  # noqa: TRY400 - it is told in a sentence
            return False
        self.refused = ""
        self._decide_by(policy, follows=True)
        return True

    def _replaced_by(self, change: Change) -> bool:
        """Whether a change from before this replica's start is newer word than its policy."""
        return digest(self.policy) in change.replaces

    def _answer(self, change: Change, *, overtaken: bool = False) -> None:
        waits = self.awaited.pop(change.id, None)
        if waits is None:
            return
        if overtaken:
            told = "another change of the policy was faster in the fleet, and holds"
            answer = partial(waits.set_exception, ChangeError(told, "overtaken"))
        elif self.refused:
            answer = partial(waits.set_exception, ChangeError(self.refused, "unfit"))
        else:
            answer = partial(waits.set_result, self.kept)
        self._answers.append(answer)

    def answer(self) -> None:
        """Tell those who wait what became of their changes, now that calls go by them."""
        answers, self._answers = self._answers, []
        for answer in answers:
            answer()

    def begin_anew(self, because: str) -> None:
        """The controller broke: another takes its place, which remembers nothing."""
        self.common, self.alone, self.kept = Controller(self.policy), None, "nothing"
        self._keeper.begin(self.common, because, self.kept)

    def _step(self, controller: Controller, seen: Observations) -> tuple[Controller, Decision]:
        try:
            decision = controller.step(seen)
        except ClockError:
            # A leap of over a week; everybody who follows the log does the same.
            controller = Controller(self.policy)
            self.kept = "nothing"
            self._keeper.begin(controller, "leap", self.kept)
            decision = controller.step(seen)
        self._keeper.keep(seen, decision, controller)
        return controller, decision


def moved(order: Override, ticks: int) -> Override:
    """An order on a scale that is so many ticks ahead; one that takes back still does."""
    at, until = order.at_tick, order.until_tick
    return replace(
        order,
        at_tick=max(0, at + ticks),
        until_tick=0 if until <= at else max(0, until + ticks),
    )
