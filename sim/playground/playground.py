"""Questions to warm workers: the latest of a user wins, and nobody takes more than a share.

All of this runs on one event loop; the simulator itself is imported by the workers alone.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from balancer.core.errors import BalancerError

from ..workers.crew import WorkerError
from ..workers.pool import cores
from ..workers.processes import Processes
from . import tasks
from .cancelling import SLOTS, SupersededError, begin, flags
from .values import Asked, Done, Hour, Pairs, Spent, Subject, Trial

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..run.result import Run

__all__ = ["REPLICATIONS", "BusyError", "Playground", "Who"]

R = TypeVar("R")

REPLICATIONS = 10
"""Once a knob is let go."""
CPU_SHARE = 0.5
"""Of a core that a user may take for good."""
CPU_BURST_S = 60.0
"""Seconds of a core that a user may take at once."""
IDLE_S = 900.0
"""Workers that nobody asked for so long end; the next question starts others."""
_ATTEMPTS = 2
_MOST_USERS = 1000
_MOST_RUNS = 2000
_MOST_FITTED = 16

_OTHERS = ("static", "none")


class BusyError(BalancerError):
    """Somebody has had their share of computing time, or too many ask at once.

    Args:
        problem: in words.
        wait_s: seconds until it is worth asking again.
    """

    def __init__(self, problem: str, wait_s: float) -> None:
        super().__init__(problem, wait_s)
        self.problem = problem
        self.wait_s = wait_s

    def __str__(self) -> str:
        return self.problem


@dataclass(frozen=True, slots=True)
class Who:
    """Who asks.

    Attributes:
        user: by whom computing time is counted.
        tab: of theirs, in which only the latest question counts.
    """

    user: str
    tab: str = ""


class _Job:
    """A question under way."""

    __slots__ = ("cancelled", "flying", "over", "slot")

    def __init__(self, slot: int | None) -> None:
        self.slot = slot
        self.cancelled = False
        self.flying = 0
        self.over = False


class Playground:
    """Answers what-if questions.

    Args:
        size: worker processes; None: as many as there are cores, two at most, because whoever
            serves calls needs them too.
        now_s: monotonic seconds.
    """

    def __init__(
        self, size: int | None = None, *, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._flags = flags()
        self._crew = Processes(size or min(2, cores()), begin, (self._flags,))
        self._starting = asyncio.Lock()
        self._pool = 0
        self._now_s = now_s
        self._free = list(range(SLOTS))
        self._latest: dict[Who, _Job] = {}
        self._shares: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._runs: OrderedDict[Any, Run] = OrderedDict()
        self._fitted: OrderedDict[Hour, Subject] = OrderedDict()
        self._listing: list[dict[str, Any]] | None = None
        self._asked_s = now_s()
        self._ending: asyncio.TimerHandle | None = None

    async def ready(self) -> None:
        """Start the workers, so that the first answer comes as quickly as the others.

        What that takes is nobody's share: where nothing was compiled yet, most of a minute.
        """
        if not self._crew.started:
            job = _Job(None)
            await asyncio.gather(
                *(self._do(None, job, tasks.ready, None) for _ in range(self._crew.size))
            )

    async def scenarios(self, who: Who) -> list[dict[str, Any]]:
        """The library's scenarios."""
        if self._listing is None:
            self._listing = await self._one(replace(who, tab="listing"), tasks.listing, None)
        return self._listing

    async def fitted(self, who: Who, hour: Hour) -> Subject:
        """The scenario that an hour of a journal is fitted by; kept, for it takes seconds.

        Raises:
            InputError: there is too little in the hour.
        """
        if hour not in self._fitted:
            text = await self._one(replace(who, tab=f"{who.tab} fit"), tasks.fit, hour)
            self._fitted[hour] = Subject(name=hour.name, text=text)
            while len(self._fitted) > _MOST_FITTED:
                self._fitted.popitem(last=False)
        self._fitted.move_to_end(hour)
        return self._fitted[hour]

    async def own_policy(self, who: Who, name: str) -> str:
        """The text of the policy that a scenario of the library names, or ""."""
        found: str = await self._one(replace(who, tab=f"{who.tab} own"), tasks.own, name)
        return found

    async def yaml(self, who: Who, trial: Trial) -> str:
        """The policy's text with its other values, comments kept."""
        found: str = await self._one(replace(who, tab=f"{who.tab} yaml"), tasks.yaml, trial)
        return found

    async def draw(
        self, who: Who, subject: Subject, trial: Trial, have: Sequence[str] = ()
    ) -> bytes:
        """One replication, to be drawn, as JSON: see `docs/how-to/play-with-a-policy.md`.

        Args:
            who: asks; what they asked before in the same tab is dropped.
            subject: the hour.
            trial: the policy.
            have: keys of arms that need not be sent again.

        Raises:
            SupersededError: the same tab asked something newer.
            BusyError: the user's share of computing time is used up.
            InputError: an amount, a policy or a scenario that cannot be.
            WorkerError: the workers died.
        """

        async def work(job: _Job) -> bytes:
            asked = Asked(subject=subject, trial=trial, slot=job.slot, have=tuple(have))
            found: bytes = await self._do(who, job, tasks.draw, asked)
            return found

        return await self._job(who, work)

    async def settle(
        self, who: Who, subject: Subject, trial: Trial, ghost: Trial | None = None
    ) -> dict[str, Any]:
        """Ten replications: what the policy comes to, and how that differs from other arms.

        Args:
            who, subject, trial: as of `draw`.
            ghost: the policy before; None: there was none.

        Returns:
            `replications`, and by metric `estimate`, `low`, `high`, and `against`: the same of
            the difference from "ghost", "static" and "none", with `says`: "better", "worse",
            "noise" or "same".

        Raises:
            as of `draw`.
        """

        async def work(job: _Job) -> dict[str, Any]:
            runs = await self._replicated(who, job, subject, trial, ("policy", *_OTHERS))
            others = {name: runs[name] for name in _OTHERS}
            if ghost is not None:
                before = await self._replicated(who, job, subject, ghost, ("policy",))
                others = {"ghost": before["policy"], **others}
            pairs = Pairs(runs=runs["policy"], others=others)
            found: dict[str, Any] = await self._do(who, job, tasks.judge, pairs)
            return found

        return await self._job(who, work)

    def cancel(self, who: Who) -> None:
        """Drop what is asked in a tab: nobody waits for it any more."""
        job = self._latest.pop(who, None)
        if job is not None and job.slot is not None:
            job.cancelled = True
            self._flags[job.slot] = 1

    def close(self) -> None:
        """End the workers."""
        if self._ending is not None:
            self._ending.cancel()
        for who in list(self._latest):
            self.cancel(who)
        self._crew.drop()

    async def _replicated(
        self, who: Who, job: _Job, subject: Subject, trial: Trial, arms: tuple[str, ...]
    ) -> Mapping[str, list[Run]]:
        """Runs of all replications by arm; those that are known are not run again."""
        missing = [
            (number, wanted)
            for number in range(REPLICATIONS)
            if (wanted := tuple(a for a in arms if self._key(subject, trial, a, number)
                                not in self._runs))
        ]  # fmt: skip
        waiting = iter(missing)

        async def worker() -> None:
            # No more at once than there are workers, so that others come between.
            for number, wanted in waiting:
                asked = Asked(
                    subject=subject, trial=trial, slot=job.slot, arms=wanted, replication=number
                )
                for arm, run in (await self._do(who, job, tasks.replicate, asked)).items():
                    self._runs[self._key(subject, trial, arm, number)] = run

        await asyncio.gather(*(worker() for _ in range(self._crew.size)))
        keys = {
            arm: [self._key(subject, trial, arm, number) for number in range(REPLICATIONS)]
            for arm in arms
        }
        found = {arm: [self._runs[key] for key in row] for arm, row in keys.items()}
        for row in keys.values():
            for key in row:
                self._runs.move_to_end(key)
        while len(self._runs) > _MOST_RUNS:
            self._runs.popitem(last=False)
        return found

    def _key(self, subject: Subject, trial: Trial, arm: str, number: int) -> Any:
        return subject, trial.key, arm, number

    async def _one(self, who: Who, function: Callable[[Any], R], task: Any) -> R:
        async def work(job: _Job) -> R:
            found: R = await self._do(who, job, function, task)
            return found

        return await self._job(who, work)

    async def _job(self, who: Who, work: Callable[[_Job], Awaitable[R]]) -> R:
        self.cancel(who)
        self._check_share(who.user)
        if not self._free:
            raise BusyError("too many questions at once; ask again in a second", 1.0)
        slot = self._free.pop()
        self._flags[slot] = 0
        job = self._latest[who] = _Job(slot)
        self._asked_s = self._now_s()
        try:
            return await work(job)
        finally:
            if self._latest.get(who) is job:
                del self._latest[who]
            # Whoever asked may be gone while workers are still at it.
            self._flags[slot] = 1
            job.over = True
            self._land(job)
            self._end_when_idle()

    def _land(self, job: _Job) -> None:
        """Give a job's flag to others, once nothing of it is under way."""
        if job.over and not job.flying and job.slot is not None:
            self._free.append(job.slot)

    async def _do(
        self, who: Who | None, job: _Job, function: Callable[[Any], Any], task: Any
    ) -> Any:
        """One task of a job, on a worker; a worker that is lost is tried once more."""
        for _ in range(_ATTEMPTS):
            if job.cancelled:
                raise SupersededError("a newer question took its place")
            asked = Spent(function=function, task=task, slot=job.slot)
            async with self._starting:
                pool = self._pool
                future = asyncio.wrap_future(
                    await asyncio.to_thread(self._crew.submit, tasks.spent, asked)
                )
            job.flying += 1
            future.add_done_callback(lambda _: self._landed(job))
            try:
                done: Done = await asyncio.shield(future)
            except BrokenProcessPool:
                await self._renew(pool)
                continue
            if who is not None:
                self._spend(who.user, done.cpu_s)
            if isinstance(done.value, BalancerError):
                raise done.value
            return done.value
        raise WorkerError("the simulator's processes died, perhaps for want of memory")

    def _landed(self, job: _Job) -> None:
        job.flying -= 1
        self._land(job)

    async def _renew(self, pool: int) -> None:
        """Start anew after a worker died; all that asked it come here, and only the first acts."""
        async with self._starting:
            if pool == self._pool:
                self._pool += 1
                await asyncio.to_thread(self._crew.close)

    def _check_share(self, user: str) -> None:
        left_s = self._share(user)
        if left_s <= 0.0:
            wait_s = -left_s / CPU_SHARE + 1.0
            raise BusyError(
                f"your share of computing time is used up; ask again in {math.ceil(wait_s)} s",
                wait_s,
            )

    def _share(self, user: str) -> float:
        """Seconds of a core that are left to a user."""
        now_s = self._now_s()
        left_s, at_s = self._shares.pop(user, (CPU_BURST_S, now_s))
        left_s = min(CPU_BURST_S, left_s + (now_s - at_s) * CPU_SHARE)
        self._shares[user] = (left_s, now_s)
        if len(self._shares) > _MOST_USERS:
            self._shares.popitem(last=False)
        return left_s

    def _spend(self, user: str, cpu_s: float) -> None:
        left_s = self._share(user)
        self._shares[user] = (left_s - cpu_s, self._now_s())

    def _end_when_idle(self) -> None:
        if self._ending is None:
            self._ending = asyncio.get_running_loop().call_later(IDLE_S, self._end_if_idle)

    def _end_if_idle(self) -> None:
        self._ending = None
        if self._latest or self._now_s() - self._asked_s < IDLE_S:
            self._end_when_idle()
        elif self._crew.started:
            asyncio.get_running_loop().run_in_executor(None, self._crew.drop)
