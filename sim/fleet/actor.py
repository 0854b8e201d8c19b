"""One replica of a simulated fleet: its clock, its traffic, its calls, and its way to the store."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from balancer.core import budget
from balancer.core.controller import Controller
from balancer.core.decisions import Decision
from balancer.core.modes import Mode
from balancer.core.observations import FAILURES, ModeObservations, Observations
from balancer.core.policy import Policy
from balancer.fleet.changes import Change, digest
from balancer.fleet.course import Course
from balancer.fleet.leases import Leases
from balancer.fleet.lines import form
from balancer.fleet.link import Link
from balancer.fleet.member import Member
from balancer.fleet.store import StoreError
from balancer.policy_file import parse_policy
from balancer.policy_show import show_policy

from .network import Way

if TYPE_CHECKING:
    from .world import World

__all__ = ["Actor", "Spending"]

_GRACE_S = 0.2
_LEASE_S = 1.0
_FOLLOW_S = 0.1
_CALL_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """A hard budget and the calls that use it.

    Attributes:
        limit: nano-dollars in a window.
        window_s: its length.
        worst: what a call reserves.
        calls_per_s: of each replica.
        life_s, linger_s: of leases.
        share: without a lease.
    """

    limit: int = 1_000_000
    window_s: float = 60.0
    worst: int = 2_000
    calls_per_s: float = 4.0
    life_s: float = 8.0
    linger_s: float = 40.0
    share: float = 0.0


class Actor:
    """One replica.

    Attributes:
        name: unlike that of any replica before it.
        steps: what it stepped of the log: tick, line, and the mode that was decided.
        silent_ticks: most of its ticks between two decisions, of the fleet or alone.
    """

    def __init__(
        self, world: World, name: str, policy: Policy, *, ahead_s: float, phase_s: float
    ) -> None:
        self.world = world
        self.name = name
        self.ahead_s = ahead_s
        self.phase_s = phase_s
        self.alive = True
        self.paused = False
        self.link = Link()
        self.course = Course(policy, Controller(policy), self, read=_read)
        self.way = Way(name, world.memory, world.schedule, world.faults, world.chance)
        self.member = Member(
            self.way,
            name,
            form=form(world.policy.tick_s),
            policy=self.course.fingerprint,
            link=self.link,
            tick_s=world.policy.tick_s,
            generations=lambda: f"log-{world.number()}",
        )
        self.link.given = self.course.snapshot()
        spending = world.spending
        self.row = budget.new_row(spending.limit, round(spending.window_s))
        self.leases = Leases(
            share=spending.share, life_s=spending.life_s, linger_s=spending.linger_s
        )
        self.leases.take_up([(None, spending.window_s, False, self.row)])
        self.silent_ticks = 0
        self._silent = 0
        self._questions = 0
        self._busy: set[str] = set()
        self._seen = 0
        self._ills = 0
        self.refused = self.answered = 0

    # --- the keeper of its course -------------------------------------------------------

    def begin(self, controller: Controller, because: str, kept: str = "") -> None:
        """Nothing is written here."""

    def keep(self, observations: Observations, decision: Decision, controller: Controller) -> None:
        """A step: of the log, or alone."""
        self._silent = 0
        if controller is self.course.common and self.course.alone is None:
            self.world.stepped(self, observations, decision)

    # --- ticks --------------------------------------------------------------------------

    def clock_s(self) -> float:
        """By its own clock."""
        return self.world.schedule.now_s + self.ahead_s

    def tick(self) -> None:
        """The end of a tick; plans the next one."""
        if not self.alive:
            return
        world = self.world
        world.schedule.at(world.schedule.now_s + world.policy.tick_s, self.tick)
        if self.paused:
            return
        seen = self._observed()
        self._silent += 1
        self.silent_ticks = max(self.silent_ticks, self._silent)
        self.link.parts.append(seen)
        self.course.own(seen)
        self.hear()
        self._work("send", self._send(seen.tick))

    def _observed(self) -> Observations:
        world = self.world
        offered, self._seen = self._seen, 0
        ills, self._ills = self._ills, 0
        self.world.sent += offered
        failures = [0] * len(FAILURES)
        failures[0] = ills
        return Observations(
            int(self.clock_s() / world.policy.tick_s),
            served=(
                ModeObservations(
                    Mode.NORMAL, "model", offered, offered, tuple(failures), nano_usd=offered
                ),
            )
            if offered
            else (),
            offered=(offered, 0, 0),
            admitted=(offered, 0, 0),
        )

    def change(self, policy: Policy, after: int | None = None) -> Change:
        """It is given a policy for all."""
        change = Change(
            id=f"change {self.world.number()}",
            policy=show_policy(policy),
            digest=digest(policy),
            replica=self.name,
            after=after,
            replaces=(digest(self.course.policy),),
        )
        self.link.changes.append(change)
        return change

    def hear(self) -> None:
        """Follow what has come."""
        self.course.hear(self.link)
        course, member = self.course, self.member
        if member.policy != course.fingerprint:
            member.use(course.fingerprint, form(course.policy.tick_s), course.policy.tick_s)

    def _work(self, kind: str, work: object) -> None:
        """One thing of a kind at a time, as in a live replica."""
        if kind in self._busy:
            work.close()  # type: ignore[attr-defined]
            return
        self._busy.add(kind)
        self.world.schedule.go(work, lambda _: self._busy.discard(kind))  # type: ignore[arg-type]

    async def _send(self, tick: int) -> None:
        member = self.member
        if await member.beat():
            await self.way.sleep(_GRACE_S)
            await self._awake()
            line = await member.close(tick)
            if line is not None:
                self.world.closed(self, line)
        await member.save()

    async def _awake(self) -> None:
        while self.paused:
            await self.way.sleep(0.1)

    def follow(self) -> None:
        """Look for lines, and plan to look again."""
        if not self.alive:
            return
        self.world.schedule.at(self.world.schedule.now_s + _FOLLOW_S, self.follow)
        if not self.paused:
            self._work("follow", self._follow())

    async def _follow(self) -> None:
        with suppress(StoreError):
            await self.member.follow(0.0)
        if not self.paused and self.alive:
            self.hear()

    # --- money --------------------------------------------------------------------------

    def lease(self) -> None:
        """Tell what was spent, ask for more, and plan to do so again."""
        if not self.alive:
            return
        self.world.schedule.at(self.world.schedule.now_s + _LEASE_S, self.lease)
        if not self.paused:
            self._work("lease", self._lease())

    async def _lease(self) -> None:
        asked_s = self.clock_s()
        asks = self.leases.asks(self.leases.due(asked_s), asked_s)
        self._questions += 1
        spending = self.world.spending
        with suppress(StoreError):
            leased = await self.way.lease(
                self.name,
                self._questions,
                asks,
                life_s=spending.life_s,
                linger_s=spending.linger_s,
            )
            await self._awake()
            self.leases.granted(leased, asked_s)
        await self._awake()
        self.leases.lapse(self.clock_s())

    def call(self) -> None:
        """A request comes, and the next one is planned."""
        if not self.alive:
            return
        world, spending = self.world, self.world.spending
        gap_s = world.chance.expovariate(spending.calls_per_s)
        world.schedule.at(world.schedule.now_s + gap_s, self.call)
        if self.paused or world.quiet:
            return
        self._seen += 1
        self._ills += world.chance.random() < world.ill
        # As an application's threads do that run before the fleet's thread after a pause.
        self.leases.lapse(self.clock_s())
        if not budget.reserve(self.row, spending.worst):
            self.refused += 1
            self.leases.wants(self.row, spending.worst)
            return
        self.answered += 1
        self.leases.touch([self.row])
        cost = world.chance.randint(spending.worst // 4, spending.worst)
        length_s = min(world.chance.expovariate(1 / _CALL_S), spending.linger_s - 1.0)
        world.schedule.at(world.schedule.now_s + length_s, lambda: self._settle(cost))

    def _settle(self, cost: int) -> None:
        # Upstream bills what was asked for, whether or not the replica still lives.
        self.world.truth.spend(self.world.schedule.now_s, cost)
        self._book(cost)

    def _book(self, cost: int) -> None:
        if self.paused:
            self.world.schedule.at(self.world.schedule.now_s + 0.1, lambda: self._book(cost))
        elif self.alive:
            budget.settle(self.row, self.world.spending.worst, cost)
            self.leases.touch([self.row])


@cache
def _read(text: str) -> Policy:
    return parse_policy(text)
