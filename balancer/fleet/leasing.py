"""Takes leases of a hard budget from the store, tells it what was spent, and gives them back.

In the thread that talks to the store. Whatever becomes of it, leases lapse: the ticker does that.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import count

from .leases import LIFE_S, LINGER_S, Leases
from .store import Store, StoreError

__all__ = ["Leasing"]

_BATCH = 100
_PROLONG_S = LIFE_S / 5
_LEASE_S = 1.0
_SHORTEST_S = 0.1


class Leasing:
    """See the module.

    Args:
        owner: of the leases.
        leases: of the ledger.
        still: nothing is counted in the ledger inside this block.
        limited: whether there is a hard budget.

    Attributes:
        problem: why there are no new leases, as a sentence; "": there are.
        short: set when a call found less than it wanted; None before it runs.
    """

    def __init__(
        self,
        owner: str,
        leases: Leases,
        *,
        still: Callable[[], AbstractContextManager[None]],
        limited: Callable[[], bool],
    ) -> None:
        self._owner = owner
        self._leases = leases
        self._still = still
        self._limited = limited
        self._questions = count(1)
        self.problem = ""
        self.short: asyncio.Event | None = None

    def begin(self) -> None:
        """In the thread's event loop."""
        self.short = asyncio.Event()

    @property
    def hold(self) -> bool:
        """Whether what may be spent is leased."""
        return self._limited() and self._leases.hold(time.monotonic())

    def lapse(self) -> None:
        """Take back leases that nobody has prolonged."""
        with self._still():
            self._leases.lapse(time.monotonic())

    async def run(self, store: Store, stop: asyncio.Event) -> None:
        """Prolong the leases, tell what was spent and ask for more, about once a second."""
        assert self.short is not None
        asked_s = time.monotonic()
        while not stop.is_set():
            self.short.clear()
            if self._limited():
                try:
                    asked_s = await self._ask(store, asked_s)
                    self.problem = ""
                except StoreError as error:
                    self.problem = str(error)
                    self.lapse()
            # Where nothing is left, every call wants more: they are told of together.
            await asyncio.sleep(_SHORTEST_S)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.short.wait(), _LEASE_S - _SHORTEST_S)

    async def _ask(self, store: Store, asked_s: float) -> float:
        """Returns when the store was last asked."""
        now_s = time.monotonic()
        with self._still():
            names = self._leases.due(now_s)
        while names or now_s - asked_s > _PROLONG_S:
            batch, names = names[:_BATCH], names[_BATCH:]
            asked_s = now_s = await self._take(store, batch)
        self.lapse()
        return asked_s

    async def give_back(self, store: Store) -> None:
        """All of them; what calls in flight hold stays leased, until it is charged."""
        names = self._leases.names()
        while names:
            batch, names = names[:_BATCH], names[_BATCH:]
            await self._take(store, batch, gone=True, last=not names)

    async def _take(
        self, store: Store, names: list[str], *, gone: bool = False, last: bool = False
    ) -> float:
        """Ask for some limits; when that was."""
        asked_s = time.monotonic()
        with self._still():
            asks = self._leases.asks(names, asked_s, gone=gone)
        leased = await store.lease(
            self._owner,
            next(self._questions),
            asks,
            life_s=LIFE_S,
            linger_s=LINGER_S,
            gone=last and not self._leases.held(),
        )
        with self._still():
            self._leases.granted(leased, asked_s)
        return asked_s
