"""A replica of a fleet in a live process: the store is asked from a thread of its own.

The ticker hands over what was seen and takes what has come; callers of the application never meet
the store. Whatever happens to the thread, the ticker goes on: it decides alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from importlib.util import find_spec

from ..core.controller import Controller
from ..core.errors import InputError
from ..core.observations import Observations
from ..core.policy import Policy
from ..installation import how_to_install
from ..policy_show import show_policy
from .changes import Change, ChangeError, digest
from .course import Course, Keeper
from .leases import Leases
from .leasing import Leasing
from .lines import form
from .link import Link
from .member import Member
from .names import made_up, shown, stored
from .settings import Fleet
from .standing import Place, Standing
from .store import Store, StoreError

__all__ = ["Replica"]

_GRACE = 0.2
_CLOSE_S = 3.0

logger = logging.getLogger("balancer.fleet")


class Replica:
    """See the module.

    Args:
        fleet: settings.
        policy: to decide by.
        controller: from which it begins, until it has joined.
        keeper: is told of every step.
        tick_s: wall seconds of a tick.
        still: nothing is counted in the ledger inside this block.
        limited: whether there is a hard budget.
        wake: called, from another thread, when there is news for the ticker.
        read: the policy of a change's text.

    Raises:
        InputError: the store's client is not installed.

    Attributes:
        name: that people see; the store knows it by one that no other start of a process has.
        course: decides.
        leases: of the hard budget.
    """

    def __init__(
        self,
        fleet: Fleet,
        policy: Policy,
        controller: Controller,
        keeper: Keeper,
        *,
        tick_s: float,
        still: Callable[[], AbstractContextManager[None]],
        limited: Callable[[], bool],
        wake: Callable[[], None],
        read: Callable[[str], Policy],
    ) -> None:
        if find_spec("redis") is None:
            raise InputError(
                "a fleet needs redis, which the extra 'fleet' brings; install it: "
                f"{how_to_install('fleet')}"
            )
        self._fleet = fleet
        self._still = still
        self._limited = limited
        self._keeper = keeper
        self._wake = wake
        self._tick_s = tick_s
        self._read = read
        self._form = form(policy.tick_s)
        self._begin(policy, controller)

    def _begin(self, policy: Policy, controller: Controller) -> None:
        fleet = self._fleet
        self.name = fleet.replica or made_up()
        self.course = Course(
            policy,
            controller,
            self._keeper,
            bound_ticks=fleet.alone_after_ticks,
            read=self._read,
        )
        self.leases = Leases(share=fleet.without_store, most=fleet.replicas)
        # What is leased is of this process alone, whoever had its name before.
        self._leasing = Leasing(
            stored(self.name), self.leases, still=self._still, limited=self._limited
        )
        self._link = Link()
        self._link.wake = self._wake
        self._member: Member | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due: asyncio.Event | None = None
        self._stop: asyncio.Event | None = None
        self._tick = -1
        self._place: Place = "follower"
        self._told_differ: tuple[str, ...] = ()

    # --- the ticker's side --------------------------------------------------------------

    def turn(self, own: Observations | None) -> None:
        """Hand over a tick of this replica that is over, and follow what has come.

        Args:
            own: what was seen; None: no tick is over.
        """
        link, course = self._link, self.course
        if own is not None:
            self._tick = own.tick
            own = course.placed(own)
            link.parts.append(own)
            course.own(own)
            # Whatever has become of the thread that prolongs them.
            self.lapse()
        course.hear(link)
        self._introduce()
        if own is not None:
            self._call(self._due)
            self._tell()

    def use(self, policy: Policy) -> str:
        """Go on under another policy. Returns what was kept, as a sentence."""
        self._tick_s *= policy.tick_s / self.course.policy.tick_s
        self._form = form(policy.tick_s)
        kept = self.course.use(policy)
        self._introduce()
        return kept

    def _introduce(self) -> None:
        """Let the member send parts under the policy that is decided by."""
        member, mark = self._member, self.course.fingerprint
        if member is not None and member.policy != mark:
            member.use(mark, self._form, self._tick_s)

    def change(self, policy: Policy, reason: str, *, within_s: float, after: int | None) -> str:
        """Put a policy in force on all replicas, from one tick on; waits for it.

        Args:
            policy: for all.
            reason: for their histories.
            within_s: after which it is not waited for any longer.
            after: number of the change that it is for; None: for any.

        Returns:
            What the controller kept, as a sentence.

        Raises:
            ChangeError: another was faster, or the fleet cannot be told now.
        """
        course, member = self.course, self._member
        if policy.tick_s != course.policy.tick_s:
            raise ChangeError(
                f"the policy's ticks are of {policy.tick_s:g} s, and those of the fleet of "
                f"{course.policy.tick_s:g} s: a fleet with other ticks needs a prefix of its own",
                "unfit",
            )
        if course.alone is not None or member is None or not member.joined:
            why = self.standing.problem
            raise ChangeError(
                f"this replica is alone{f' ({why})' if why else ''}, so that no change of the "
                "policy reaches the others; nothing was changed. Try again when it is back, or "
                "change the policy file of each",
                "away",
            )
        change = Change(
            id=secrets.token_hex(8),
            policy=show_policy(policy),
            digest=digest(policy),
            replica=self.name,
            reason=reason,
            after=after,
            replaces=(digest(course.policy),),
        )
        waits = course.awaited[change.id] = Future()
        self._link.changes.append(change)
        try:
            return waits.result(within_s)
        except TimeoutError:
            course.awaited.pop(change.id, None)
            raise ChangeError(
                "the change of the policy was sent to the fleet, and has not come into force "
                f"within {within_s:g} s; it may still do so: look at the policy in force",
                "away",
            ) from None

    def begin_anew(self, because: str) -> None:
        """The controller broke: go on with what the fleet remembers, once it has come."""
        self.course.begin_anew(because)
        self._link.lost = True

    def short(self) -> None:
        """A call found less money than it wanted."""
        short = self._leasing.short
        if short is not None and not short.is_set():
            self._call(short)

    def lapse(self) -> None:
        """Take back leases that nobody has prolonged."""
        self._leasing.lapse()

    def _call(self, event: asyncio.Event | None) -> None:
        loop = self._loop
        if loop is not None and event is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(event.set)

    def _tell(self) -> None:
        """Say in the log when the place changes, and who decides otherwise."""
        standing = self.standing
        if standing.place != self._place:
            before, self._place = self._place, standing.place
            if standing.place == "alone":
                logger.warning(
                    "fleet: alone: no decision of the fleet for over %d ticks%s; this replica "
                    "decides on what it sees by itself",
                    self._fleet.alone_after_ticks,
                    f" ({standing.problem})" if standing.problem else "",
                )
            elif before == "alone":
                logger.warning("fleet: back in the fleet, as its %s", standing.place)
            else:
                logger.info("fleet: %s", standing.place)
        if standing.differ != self._told_differ:
            self._told_differ = standing.differ
            if standing.differ:
                logger.warning("fleet: %s", _differing(standing))

    @property
    def standing(self) -> Standing:
        """How it stands."""
        member = self._member
        line = None if member is None else member.line
        place: Place = "follower"
        if self.course.alone is not None:
            place = "alone"
        elif member is not None and member.leads:
            place = "leader"
        return Standing(
            place=place,
            replica=self.name,
            leader="" if member is None or place == "alone" else shown(member.head.leader),
            tick=self.course.tick,
            policy=self.course.fingerprint,
            holds="" if line is None else line.policy,
            differ=() if line is None else tuple(dict.fromkeys(map(shown, line.differ))),
            replicas=0 if line is None else line.replicas,
            seen=() if member is None else member.roster.peers,
            problem=(member.problem if member is not None else "")
            or self.course.refused
            or self._leasing.problem,
            changes=self.course.changes,
            leased=self._leasing.hold,
        )

    # --- life ---------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to talk to the store; again does nothing."""
        if self._thread is not None and self._thread.is_alive():
            return
        # Whoever finds no log begins one with this; whoever finds one takes up its snapshot.
        self._link.given = self.course.snapshot()
        self._thread = threading.Thread(target=self._run, name="open-balancer-fleet", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Send what is left, give back what was leased, and stop; within some seconds."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._call(self._stop)
            thread.join(timeout=_CLOSE_S + 2 * self._fleet.timeout_s)

    def after_fork(self) -> None:
        """In the child: another replica, which has nothing leased."""
        self._begin(self.course.policy, self.course.common)

    def _run(self) -> None:
        try:
            asyncio.run(self._live())
        except Exception:
            logger.exception("fleet: the thread ended; this replica goes on alone")

    async def _live(self) -> None:
        from .redis_store import RedisStore

        fleet = self._fleet
        store = RedisStore(fleet.url, fleet.prefix, timeout_s=fleet.timeout_s, most=fleet.replicas)
        member = self._member = Member(
            store,
            stored(self.name),
            form=self._form,
            policy=self.course.fingerprint,
            link=self._link,
            tick_s=self._tick_s,
            generations=lambda: secrets.token_hex(8),
        )
        self._due, self._stop = asyncio.Event(), asyncio.Event()
        self._leasing.begin()
        self._loop = asyncio.get_running_loop()
        self._due.set()
        tasks = [
            asyncio.create_task(self._lasting(work, store, member))
            for work in (self._send, self._follow, self._lease)
        ]
        await self._stop.wait()
        for task in tasks:
            task.cancel()
        # Python 3.11 may lose a cancellation that comes at the moment a wait is over.
        await asyncio.wait(tasks, timeout=_CLOSE_S / 3)
        with contextlib.suppress(StoreError, TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await member.leave()
                await self._leasing.give_back(store)
        await store.disconnect()
        self._loop = None

    async def _lasting(
        self,
        work: Callable[[Store, Member], object],
        store: Store,
        member: Member,
    ) -> None:
        """Do something again and again, whatever happens to it."""
        assert self._stop is not None
        while not self._stop.is_set():
            try:
                await work(store, member)  # type: ignore[misc]
            except StoreError as error:
                member.fails(error)
                await asyncio.sleep(max(self._tick_s / 2, 0.05))
            except Exception:
                logger.exception("fleet: it goes on")
                await asyncio.sleep(1.0)

    async def _send(self, store: Store, member: Member) -> None:
        assert self._due is not None
        await self._due.wait()
        self._due.clear()
        tick = self._tick
        if await member.beat():
            # Others send their parts of the same tick about now.
            await asyncio.sleep(min(_GRACE, _GRACE * self._tick_s))
            await member.close(tick)
        await member.save()

    async def _lease(self, store: Store, member: Member) -> None:
        assert self._stop is not None
        await self._leasing.run(store, self._stop)

    async def _follow(self, store: Store, member: Member) -> None:
        if not member.joined:
            await asyncio.sleep(self._tick_s / 10)
            return
        await member.follow(wait_s=1.0)


def _differing(standing: Standing) -> str:
    names = ", ".join(standing.differ[:5]) + (" and others" if len(standing.differ) > 5 else "")
    return (
        f"policy {standing.holds} holds (the leader's), and {names} decide by another policy or "
        f"release; this replica decides by {standing.policy}. If these are two fleets, give each a "
        "prefix of its own"
    )
