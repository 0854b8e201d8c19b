"""One replica's membership: sends its parts, follows the log, and leads it when it is its turn.

Everything is asked of a `Store`, and nothing else waits: the same code runs over Redis in a thread
of its own and over a simulated network.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from typing import TypeVar

from ..core.errors import JournalError
from ..core.observations import Observations
from .gathering import Gathering, together
from .lines import BEGINNING, Line, Part, Snapshot
from .link import Link
from .names import shown
from .roster import Roster
from .store import AWAY, Head, Store, StoreError

__all__ = ["LEAD_TICKS", "SNAPSHOT_TICKS", "Member"]

LEAD_TICKS = 1.9
"""Ticks for which a leader's lease holds. It is prolonged every tick; the second tick that a leader
misses is closed by another."""

CLEAR_TICKS = 4
"""Ticks between the end of a log that was lost, as far as its follower knows, and the next line."""

PATIENCE_BEATS = 2
"""Times that a replica which remembers nothing looks whether another begins the log."""

SNAPSHOT_TICKS = 60
"""Ticks between two snapshots of the leader's."""

logger = logging.getLogger("balancer.fleet")

_T = TypeVar("_T")


class Member:
    """See the module.

    Args:
        store: of the fleet.
        replica: name of this one, which no other has.
        form: see `balancer.fleet.lines.form`.
        policy: fingerprint of the policy.
        link: to the controller.
        tick_s: wall seconds of a tick.
        generations: name of the next log that this replica begins.

    Attributes:
        head: of the log, as it was last seen.
        last: tick of the last line that was handed on.
        leads: whether this replica had the leader's lease when it last asked.
        joined: whether it follows a log.
        line: the last one that was handed on.
        roster: of the lines that were.
        problem: why it does not take part, as a sentence; "": it does.
    """

    def __init__(
        self,
        store: Store,
        replica: str,
        *,
        form: str,
        policy: str,
        link: Link,
        tick_s: float,
        generations: Callable[[], str],
    ) -> None:
        self._store = store
        self._replica = replica
        self._form = form
        self._link = link
        self._tick_s = tick_s
        self._generations = generations
        self._gathering = Gathering(policy)
        self._numbers = count(1)
        self._tried: Part | None = None
        self._fresh: list[Observations] = []
        self._sent: deque[tuple[str, str, Part]] = deque()
        self._saved = BEGINNING
        self._followed = ""
        self._unreadable = self._unread = ""
        self._patience = PATIENCE_BEATS
        self._kind = ""
        self.policy = policy
        self.head = Head(generation="")
        self.last = BEGINNING
        self.leads = self.joined = False
        self.line: Line | None = None
        self.roster = Roster()
        self.problem = ""

    def use(self, policy: str, form: str, tick_s: float) -> None:
        """Parts from now on are of another policy."""
        self.policy = self._gathering.policy = policy
        if form != self._form:
            self._part_company()  # from a log of other ticks: none of this length is behind that
            self.last, self._saved, self._followed = BEGINNING, BEGINNING, ""
            self._link.given, self._link.news = None, deque()
        self._form, self._tick_s = form, tick_s

    # --- every tick ---------------------------------------------------------------------

    async def beat(self) -> bool:
        """Send what was seen, and learn how the log stands.

        Returns:
            Whether this replica is to close the tick.
        """
        try:
            head = await self._send()
            await self._regard(head)
        except StoreError as error:
            self.fails(error)
        except JournalError as error:
            self.fails(StoreError(str(error), "format"))
        else:
            # A store that can only be read answers, too, until a log is to be begun in it.
            if self.joined:
                self.problem = self._kind = ""
            return self.leads
        self.leads = False
        return False

    async def _send(self) -> Head:
        """Parts in the order of their numbers; one that may have come is sent again as it was."""
        while True:
            self._fresh.extend(_taken(self._link.parts))
            if self._tried is None and self._fresh:
                seen = together(self._fresh)
                self._fresh = []
                self._tried = Part(
                    replica=self._replica,
                    number=next(self._numbers),
                    policy=self.policy,
                    observations=seen,
                    changes=tuple(_taken(self._link.changes)),
                )
            part = self._tried
            head = await self._store.beat(
                self._replica,
                self._form,
                0 if part is None else part.number,
                "" if part is None else part.text(),
                lead_s=LEAD_TICKS * self._tick_s if self.joined else 0.0,
            )
            if part is None or head.accepted < part.number:
                return head
            # One that came in an earlier call may be in a line already.
            if head.entry:
                self._sent.append((head.generation, head.entry, part))
            self._tried = None
            if not self._fresh and not self._link.parts:
                return head

    async def _regard(self, head: Head) -> None:
        """Follow the log that there is, or begin one."""
        self.head = head
        self.leads = self.joined and head.leader == self._replica
        if not head.generation:
            await self._begin(head)
        elif head.form != self._form:
            self._part_company()
            raise StoreError(
                f"the fleet's log is of {head.form}, and this replica's is of {self._form}: run "
                "one release and one length of ticks in a fleet, or give each fleet a prefix",
                "form",
            )
        elif head.generation == self._unreadable:
            raise StoreError(self._unread, "format")
        elif self._link.lost or not self.joined or head.generation != self._followed:
            await self._take_up()
        elif head.tick < self.last:
            # The store went back in time, as one does that restarts from an old file. What this
            # replica has stepped cannot be undone: the log goes on from here.
            await self._begin(head)

    def _part_company(self) -> None:
        self.joined = self.leads = False

    async def _begin(self, head: Head) -> None:
        """Begin the log with what this replica's controller remembers."""
        self.leads = False
        link = self._link
        if link.given is None or link.given.tick < self.last:
            link.given = None
            link.asks_state = True
            return
        if link.given.tick < 0 and self._patience:
            # A store that has lost its log is better begun by one who remembers it.
            self._patience -= 1
            return
        given, link.given = link.given, None
        if head.generation and given.tick <= head.tick:
            await self._take_up()
            return
        snapshot = replace(given, generation=self._generations())
        if await self._store.found(
            head.generation, snapshot.generation, self._form, given.tick, snapshot.text()
        ):
            logger.warning(
                "the fleet's log begins %s, from what replica %s remembers",
                "again" if self.joined else "here",
                shown(self._replica),
            )
            self._follow(snapshot)

    async def _take_up(self) -> None:
        """Go on from the newest snapshot of the log there is."""
        text = await self._store.snapshot()
        if not text:
            return
        snapshot = Snapshot.from_text(text)
        before = self._followed
        if before and snapshot.generation != before and self.last > self.head.tick:
            # Others began the log again from less than this replica has stepped.
            await self._begin(self.head)
            return
        self._follow(snapshot)

    def _follow(self, snapshot: Snapshot) -> None:
        if self._followed and snapshot.generation != self._followed:
            # Parts in the stream of a log that is lost are in none of its lines.
            lost = [part for log, _, part in self._sent if log != snapshot.generation]
            self._fresh[:0] = [part.observations for part in lost]
            self._link.changes.extendleft(
                reversed([change for part in lost for change in part.changes])
            )
            self._sent = deque(each for each in self._sent if each[0] == snapshot.generation)
        self._followed = snapshot.generation
        self.last = snapshot.tick
        self._saved = snapshot.tick
        self.joined = True
        self._link.lost = False
        self._link.given = None
        self._link.ends = self.head.tick
        self._link.news.append(snapshot)
        self._link.wake()

    # --- the leader ---------------------------------------------------------------------

    async def close(self, tick: int) -> Line | None:
        """Close a tick with what has come, as the leader.

        Args:
            tick: that is over by this replica's clock; the line's is at least the last one's
                successor.

        Returns:
            The line; None where another leads, or the store is away.
        """
        head = self.head
        try:
            found = await self._store.parts(head.offset)
            offset = found[-1][0] if found else head.offset
            # The first line of a log keeps clear of those that some replica may have stepped of
            # the log before it, which is lost.
            least = head.tick + (1 if head.offset or head.tick < 0 else CLEAR_TICKS)
            line = self._gathering.line(
                self._read(found),
                generation=head.generation,
                tick=max(tick, least),
                after=head.tick,
                fence=head.fence,
                offset=offset,
            )
            if not await self._store.close(
                head.generation,
                self._replica,
                head.fence,
                head.tick,
                line.tick,
                offset,
                line.text(),
            ):
                self.leads = False
                return None
        except StoreError as error:
            self.leads = False
            self.fails(error)
            return None
        if line.tick >= self._saved + SNAPSHOT_TICKS:
            self._link.asks_state = True
        return line

    def _read(self, found: Sequence[tuple[str, str, int, str]]) -> list[Part]:
        parts = []
        for _, replica, number, text in found:
            try:
                parts.append(Part.from_text(replica, number, text))
            except JournalError as error:
                self._tell(StoreError(str(error), "format"))
        return parts

    async def save(self) -> None:
        """Keep the controller's state for those who join, where it was asked for and given."""
        link = self._link
        if link.given is None or not self.joined:
            return
        given, link.given = link.given, None
        snapshot = replace(given, generation=self._followed)
        try:
            await self._store.save(self._followed, given.tick, snapshot.text())
        except StoreError as error:
            self.fails(error)
        else:
            self._saved = given.tick

    # --- everybody ----------------------------------------------------------------------

    async def follow(self, wait_s: float) -> int:
        """Hand on the lines that have come, or wait some seconds for the first.

        Returns:
            How many there were.

        Raises:
            StoreError: the store is away.
        """
        if not self.joined:
            return 0
        generation, last = self._followed, self.last
        texts = await self._store.lines(last, wait_s)
        if generation != self._followed or last != self.last:
            return 0  # another log was taken up meanwhile
        for text in texts:
            try:
                line = Line.from_text(text)
            except JournalError as error:
                self._part_company()
                self._unreadable, self._unread = generation, str(error)
                raise StoreError(str(error), "format") from None
            if line.generation != generation:
                # The log was begun again: its snapshot comes first.
                self._part_company()
                break
            if line.after != self.last:
                # Lines that this replica was too slow for are gone.
                self._link.lost = True
                break
            self._hand_on(line)
        if texts:
            self._link.wake()
        return len(texts)

    def _hand_on(self, line: Line) -> None:
        sent = self._sent
        while sent and _covers(line.offset, sent[0][1]):
            sent.popleft()
        self.last, self.line = line.tick, line
        self.roster.hear(line)
        self._link.news.append(line)

    async def leave(self) -> None:
        """Send what is left, and give the leader's lease back."""
        leads, fence = self.leads, self.head.fence
        try:
            if self._link.parts or self._fresh or self._tried is not None:
                await self._send()
            if leads:
                await self._store.leave(self._replica, fence)
        except StoreError as error:
            self.fails(error)
        self._part_company()

    # --- what is wrong ------------------------------------------------------------------

    def fails(self, error: StoreError) -> None:
        """Remember why the store cannot be used, and say so once."""
        self.problem = str(error)
        self._tell(error)

    def _tell(self, error: StoreError) -> None:
        # A store that is away for a moment is told of where it matters: when a replica is alone.
        if error.kind not in (AWAY, self._kind):
            self._kind = error.kind
            logger.error("fleet: %s", error)


def _covers(offset: str, entry: str) -> bool:
    return _place(offset) >= _place(entry)


def _place(entry: str) -> tuple[int, int]:
    first, _, second = entry.partition("-")
    return int(first or 0), int(second or 0)


def _taken(queue: deque[_T]) -> list[_T]:
    return [queue.popleft() for _ in range(len(queue))]
