"""What the scripts of the store do, in memory: one step at a time, by a clock that it is told."""

from __future__ import annotations

from collections.abc import Sequence

from balancer.fleet.grants import Ask, Leased
from balancer.fleet.pool import Pool
from balancer.fleet.store import Head

__all__ = ["Memory"]

KEPT_LINES = 300


class Memory:
    """State of a store.

    Attributes:
        now_s: by its clock.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self.pool = Pool()
        self._fence = 0
        self.forget()

    def forget(self) -> None:
        """Lose everything, as FLUSHALL does, or a restart without a file."""
        self._generation = self._form = self._offset = ""
        self._tick = -1
        self._parts: list[tuple[int, str, int, str]] = []
        self._entries = 0
        self._log: list[tuple[int, str]] = []
        self._snapshot = (-1, "")
        self._leader = ("", 0, 0.0)
        self._seen: dict[str, int] = {}
        self._fence = 0
        self.pool.forget()

    def go_back(self, lines: int) -> None:
        """Lose the newest lines, as a follower does that takes a lost primary's place."""
        if len(self._log) > lines:
            del self._log[-lines:]
            self._tick = self._log[-1][0]

    def beat(self, replica: str, form: str, number: int, part: str, *, lead_s: float) -> Head:
        """See `Store.beat`."""
        head = Head(
            generation=self._generation, form=self._form, tick=self._tick, offset=self._offset
        )
        if not self._generation or self._form != form:
            return head
        entry = ""
        if number > self._seen.get(replica, 0):
            self._entries += 1
            self._seen[replica] = number
            self._parts.append((self._entries, replica, number, part))
            entry = f"{self._entries}-0"
        leader, fence, until_s = self._leader
        if until_s <= self.now_s:
            leader = ""
        if lead_s and not leader:
            self._fence += 1
            self._leader = leader, fence, _ = replica, self._fence, self.now_s + lead_s
        elif lead_s and leader == replica:
            self._leader = leader, fence, self.now_s + lead_s
        return Head(
            generation=self._generation,
            form=self._form,
            tick=self._tick,
            offset=self._offset,
            leader=leader,
            fence=fence if leader else 0,
            accepted=self._seen.get(replica, 0),
            entry=entry,
        )

    def parts(self, offset: str) -> list[tuple[str, str, int, str]]:
        """See `Store.parts`."""
        after = int(offset.partition("-")[0] or 0)
        return [
            (f"{at}-0", who, number, text) for at, who, number, text in self._parts if at > after
        ]

    def close(
        self, generation: str, replica: str, fence: int, after: int, tick: int, offset: str,
        line: str,
    ) -> bool:  # fmt: skip
        """See `Store.close`."""
        leader, holds, until_s = self._leader
        if generation != self._generation or after != self._tick or tick <= after:
            return False
        if (leader, holds) != (replica, fence) or until_s <= self.now_s:
            return False
        self._log.append((tick, line))
        self._tick, self._offset = tick, offset
        self._parts = [part for part in self._parts if part[0] > int(offset.partition("-")[0] or 0)]
        return True

    def lines(self, after: int) -> list[str]:
        """See `Store.lines`; nobody waits here."""
        return [line for tick, line in self._log if tick > after]

    def snapshot(self) -> str:
        """See `Store.snapshot`."""
        return self._snapshot[1]

    def save(self, generation: str, tick: int, snapshot: str) -> None:
        """See `Store.save`."""
        if generation == self._generation and tick >= self._snapshot[0]:
            self._snapshot = tick, snapshot
            self._log = [line for line in self._log if line[0] > tick - KEPT_LINES]

    def found(self, before: str, generation: str, form: str, tick: int, snapshot: str) -> bool:
        """See `Store.found`."""
        if before != self._generation or (before and self._tick >= tick):
            return False
        self._generation, self._form, self._tick, self._offset = generation, form, tick, ""
        self._parts, self._log, self._seen = [], [], {}
        self._leader = ("", 0, 0.0)
        self._snapshot = tick, snapshot
        return True

    def leave(self, replica: str, fence: int) -> None:
        """See `Store.leave`."""
        if self._leader[:2] == (replica, fence):
            self._leader = ("", 0, 0.0)

    def lease(
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
        now = round(self.now_s * 1000)
        life, linger = round(life_s * 1000), round(linger_s * 1000)
        return self.pool.lease(owner, number, asks, now, life=life, linger=linger, gone=gone)
