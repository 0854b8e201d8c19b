"""Time, and a network to the store: calls take a while, get lost, and are answered too late.

Everything is drawn from one seed, and things that happen at one moment happen in the order in
which they were planned, so a run is the same every time.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar

from balancer.fleet.grants import Ask, Leased
from balancer.fleet.store import Head, StoreError

from .store import Memory

__all__ = ["Faults", "Schedule", "Way"]

T = TypeVar("T")


@dataclass(slots=True)
class Faults:
    """What is wrong now.

    Attributes:
        delay_s: mean of a call's way in each direction.
        loss: share of the ways on which it gets lost.
        away: the store answers nobody.
        parted: replicas that do not reach it.
    """

    delay_s: float = 0.005
    loss: float = 0.0
    away: bool = False
    parted: set[str] | None = None


class Schedule:
    """Virtual time.

    Attributes:
        now_s: it is.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self._numbers = count()
        self._planned: list[tuple[float, int, Callable[[], None]]] = []

    def at(self, when_s: float, what: Callable[[], None]) -> None:
        """Plan something."""
        heapq.heappush(self._planned, (max(when_s, self.now_s), next(self._numbers), what))

    def run(self, until_s: float) -> None:
        """Let time pass."""
        while self._planned and self._planned[0][0] <= until_s:
            self.now_s, _, what = heapq.heappop(self._planned)
            what()
        self.now_s = until_s

    def go(self, work: Coroutine[Any, Any, Any], then: Callable[[Any], None]) -> None:
        """Run what waits for nothing but calls and sleeps; `then` is told what it returned.

        A `StoreError` that it raises is handed on as its result.
        """
        self._step(work, then, lambda: work.send(None))

    def _step(
        self,
        work: Coroutine[Any, Any, Any],
        then: Callable[[Any], None],
        go_on: Callable[[], Any],
    ) -> None:
        try:
            waits = go_on()
        except StopIteration as done:
            then(done.value)
            return
        except StoreError as error:
            then(error)
            return

        def answer(result: object) -> None:
            if isinstance(result, StoreError):
                self._step(work, then, lambda: work.throw(result))
            else:
                self._step(work, then, lambda: work.send(result))

        waits(answer)


class _Waits:
    """What a coroutine awaits: it is told how to get an answer."""

    def __init__(self, start: Callable[[Callable[[object], None]], None]) -> None:
        self._start = start

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield self._start)


class Way:
    """One replica's way to the store: a `Store`.

    Args:
        replica: whose.
        memory: of the store.
        schedule: of everything.
        faults: as they are now.
        chance: where delays and losses come from.
        timeout_s: within which every call ends.
    """

    def __init__(
        self,
        replica: str,
        memory: Memory,
        schedule: Schedule,
        faults: Faults,
        chance: random.Random,
        timeout_s: float = 0.5,
    ) -> None:
        self._replica = replica
        self._memory = memory
        self._schedule = schedule
        self._faults = faults
        self._chance = chance
        self._timeout_s = timeout_s

    def _lost(self) -> bool:
        faults = self._faults
        if faults.away or self._replica in (faults.parted or ()):
            return True
        return bool(faults.loss) and self._chance.random() < faults.loss

    def _delay_s(self) -> float:
        return self._chance.expovariate(1.0 / self._faults.delay_s)

    async def _call(self, do: Callable[[], T]) -> T:
        """Ask the store; it may do what was asked and the answer be lost all the same."""
        schedule = self._schedule

        def start(answer: Callable[[object], None]) -> None:
            ends_s = schedule.now_s + self._timeout_s
            late = StoreError(f"the store does not answer within {self._timeout_s:g} s")

            def arrive() -> None:
                self._memory.now_s = schedule.now_s
                result = do()
                back_s = schedule.now_s + self._delay_s()
                if self._lost() or back_s > ends_s:
                    schedule.at(ends_s, lambda: answer(late))
                else:
                    schedule.at(back_s, lambda: answer(result))

            there_s = schedule.now_s + self._delay_s()
            if self._lost():
                schedule.at(ends_s, lambda: answer(late))
            elif there_s >= ends_s:
                # It arrives when nobody waits for it any more, and is done all the same.
                schedule.at(ends_s, lambda: answer(late))
                schedule.at(there_s, lambda: _do(self._memory, schedule, do))
            else:
                schedule.at(there_s, arrive)

        found: T = await _Waits(start)
        return found

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        schedule = self._schedule
        await _Waits(lambda answer: schedule.at(schedule.now_s + seconds, lambda: answer(None)))

    async def beat(self, replica: str, form: str, number: int, part: str, *, lead_s: float) -> Head:
        """See `Store.beat`."""
        return await self._call(
            lambda: self._memory.beat(replica, form, number, part, lead_s=lead_s)
        )

    async def parts(self, offset: str) -> list[tuple[str, str, int, str]]:
        """See `Store.parts`."""
        return await self._call(lambda: self._memory.parts(offset))

    async def close(
        self, generation: str, replica: str, fence: int, after: int, tick: int, offset: str,
        line: str,
    ) -> bool:  # fmt: skip
        """See `Store.close`."""
        return await self._call(
            lambda: self._memory.close(generation, replica, fence, after, tick, offset, line)
        )

    async def lines(self, after: int, wait_s: float) -> list[str]:
        """See `Store.lines`; looks again after a while, instead of waiting."""
        return await self._call(lambda: self._memory.lines(after))

    async def snapshot(self) -> str:
        """See `Store.snapshot`."""
        return await self._call(self._memory.snapshot)

    async def save(self, generation: str, tick: int, snapshot: str) -> None:
        """See `Store.save`."""
        await self._call(lambda: self._memory.save(generation, tick, snapshot))

    async def found(
        self, before: str, generation: str, form: str, tick: int, snapshot: str
    ) -> bool:
        """See `Store.found`."""
        return await self._call(
            lambda: self._memory.found(before, generation, form, tick, snapshot)
        )

    async def leave(self, replica: str, fence: int) -> None:
        """See `Store.leave`."""
        await self._call(lambda: self._memory.leave(replica, fence))

    async def lease(
        self,
        owner: str,
        number: int,
        asks: Sequence[Ask],
        *,
        life_s: float,
        linger_s: float,
        gone: bool = False,
    ) -> Leased:
        """See `Store.lease`."""
        return await self._call(
            lambda: self._memory.lease(
                owner, number, asks, life_s=life_s, linger_s=linger_s, gone=gone
            )
        )


def _do(memory: Memory, schedule: Schedule, do: Callable[[], object]) -> None:
    memory.now_s = schedule.now_s
    do()
