"""Calls whose caller has left: the upstream goes on with them, and bills them.

Whoever hangs up on a whole answer gets nothing of it; the upstream answers all the same. Its
answer is awaited, because it alone says what the call came to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...runtime.attempts import Attempt
    from ...runtime.calls import Outcome
    from .answers import Reply
    from .exchange import Stream

__all__ = ["Leaving"]

_MOST = 1000
"""More are let go at once, and charged as if they had cost all that was held for them."""
_LONGEST_S = 60.0
"""One is awaited for no longer than that."""


class Leaving:
    """Those that are still awaited."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def see_out(
        self,
        attempt: Attempt,
        work: asyncio.Future[tuple[Outcome, Reply | Stream]],
        ends_at: float | None,
        over: Callable[[], object],
    ) -> bool:
        """Wait for what the upstream makes of a call, and charge it that.

        Args:
            attempt: under way.
            work: gives its outcome.
            ends_at: its deadline on the event loop's clock; None is none.
            over: called when nothing more is to come.

        Returns:
            Whether it will be awaited.
        """
        if len(self._tasks) >= _MOST:
            work.cancel()
            return False
        latest = asyncio.get_running_loop().time() + _LONGEST_S
        ends_at = latest if ends_at is None else min(ends_at, latest)
        task = asyncio.create_task(_see_out(attempt, work, ends_at, over))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def close(self) -> None:
        """Let go of all of them."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _see_out(
    attempt: Attempt,
    work: asyncio.Future[tuple[Outcome, Reply | Stream]],
    ends_at: float,
    over: Callable[[], object],
) -> None:
    from aiohttp import ClientError

    try:
        async with asyncio.timeout_at(ends_at):
            outcome, _ = await work
        if attempt.under_way:
            end = attempt.abandon if outcome.kind is None else attempt.finish
            end(outcome)
    except (TimeoutError, ClientError, OSError):
        pass  # nobody will ever say what it came to
    finally:
        over()
