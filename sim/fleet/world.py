"""A fleet in a simulated world, and what must be true of it whatever happens.

Each replica has a clock of its own that may be wrong, sees traffic, spends money in calls that take
a while, and talks to the store over a `Way`. What happened is counted from outside.
"""

from __future__ import annotations

import random
from collections import deque

from balancer.core.decisions import Decision
from balancer.core.observations import Observations
from balancer.core.policy import Policy
from balancer.fleet.lines import Line

from .actor import Actor, Spending
from .network import Faults, Schedule
from .store import Memory

__all__ = ["World"]


class _Truth:
    """What was really spent, and the most of it in any window."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._spent: deque[tuple[float, int]] = deque()
        self._sum = 0
        self.most = 0
        self.total = 0

    def spend(self, now_s: float, nano_usd: int) -> None:
        self._spent.append((now_s, nano_usd))
        self._sum += nano_usd
        self.total += nano_usd
        while self._spent[0][0] <= now_s - self._window_s:
            self._sum -= self._spent.popleft()[1]
        self.most = max(self.most, self._sum)


class World:
    """See the module.

    Args:
        policy: of all replicas.
        seed: of everything.
        spending: see `Spending`.

    Attributes:
        ill: share of the calls that fail.
        quiet: whether no more calls come.
        lines: by log and tick: what was stepped, decided on it, and when it first was.
        decisions: the last one at each tick.
        twice: ticks that were decided again, on another line in a log that begins anew.
        first, met: the first line of each tick, and which were met in which log.
        broken: what must not happen and did, as sentences.
        sent, counted: requests that replicas saw, and that lines of the log have.
        skew_s: longest time between the first and the last replica that stepped a line.
        gaps: ticks between the lines that were closed.
    """

    def __init__(self, policy: Policy, *, seed: int = 0, spending: Spending | None = None) -> None:
        self.policy = policy
        self.spending = Spending() if spending is None else spending
        self.chance = random.Random(seed)  # noqa: S311 -- a simulation, not cryptography
        self.schedule = Schedule()
        self.memory = Memory()
        self.faults = Faults(parted=set())
        self.truth = _Truth(self.spending.window_s)
        self.actors: list[Actor] = []
        self.ill = 0.0
        self.quiet = False
        self.lines: dict[tuple[str, int], tuple[str, Decision, float]] = {}
        self.decisions: dict[int, Decision] = {}
        self.broken: list[str] = []
        self.sent = self.counted = 0
        self.twice = 0
        self.first: dict[int, str] = {}
        self.met: set[tuple[str, int]] = set()
        self.skew_s = 0.0
        self.gaps: list[int] = []
        self._numbers = 0

    def number(self) -> int:
        """The next of many."""
        self._numbers += 1
        return self._numbers

    def join(
        self, *, ahead_s: float = 0.0, phase_s: float | None = None, policy: Policy | None = None
    ) -> Actor:
        """A replica starts now, by the policy of all or one of its own."""
        phase_s = self.chance.random() if phase_s is None else phase_s
        policy = self.policy if policy is None else policy
        actor = Actor(self, f"r{self.number()}", policy, ahead_s=ahead_s, phase_s=phase_s)
        self.actors.append(actor)
        now_s = self.schedule.now_s
        for what in (actor.tick, actor.follow, actor.lease, actor.call):
            self.schedule.at(now_s + phase_s, what)
        return actor

    def kill(self, actor: Actor) -> None:
        """SIGKILL: what it had not sent is lost with it."""
        actor.alive = False
        self.actors.remove(actor)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.schedule.run(self.schedule.now_s + seconds)

    @property
    def places(self) -> list[str]:
        """Leader, follower or alone, of those who live."""
        return [
            "alone" if a.course.alone is not None else "leader" if a.member.leads else "follower"
            for a in self.actors
        ]

    # --- what must be true --------------------------------------------------------------

    def closed(self, actor: Actor, line: Line) -> None:
        """The store took a line in."""
        self.gaps.append(line.tick - line.after)

    def stepped(self, actor: Actor, seen: Observations, decision: Decision) -> None:
        """A replica stepped a line of the log."""
        tick, text = seen.tick, repr(seen)
        first = self.first.setdefault(tick, text)
        if first == text:
            text = first
        known, decided, first_s = self.lines.setdefault(
            (actor.course.generation, tick), (text, decision, self.schedule.now_s)
        )
        if known is text and (actor.course.generation, tick) not in self.met:
            self.met.add((actor.course.generation, tick))
            if text is not first:
                self.twice += 1
            if tick not in self.decisions or text is not first:
                self.counted += sum(seen.offered)
            self.decisions[tick] = decision
            return
        if known != text:
            self.broken.append(f"{actor.name} steps another line at tick {tick}")
        if decision != decided:
            self.broken.append(f"{actor.name} decides otherwise at tick {tick}")
        self.skew_s = max(self.skew_s, self.schedule.now_s - first_s)

    def check(self) -> None:
        """Nothing that must not happen has happened.

        Raises:
            AssertionError: it has.
        """
        assert not self.broken, self.broken[:3]
        assert self.truth.most <= self.spending.limit, (self.truth.most, self.spending.limit)

    def agree(self) -> None:
        """All who live follow one log, and remember the same.

        Raises:
            AssertionError: they do not.
        """
        assert "alone" not in self.places, self.places
        assert self.places.count("leader") == 1, self.places
        ticks = {actor.course.tick for actor in self.actors}
        assert max(ticks) - min(ticks) <= 1, ticks
        assert len({actor.course.fingerprint for actor in self.actors}) == 1
        assert len({actor.course.changes for actor in self.actors}) == 1
        states = [
            actor.course.common.state() for actor in self.actors if actor.course.tick == min(ticks)
        ]
        assert all(state == states[0] for state in states)
