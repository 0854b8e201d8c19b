"""Serves one channel: waits until something may be told, tells it, and tries again."""

from __future__ import annotations

import asyncio
import logging
import random
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from .answers import Answer, pause_s
from .backlog import Backlog
from .channels import Channel
from .delivery import Delivery, deliveries
from .notice import Message, Notice, Told
from .status import ChannelStatus
from .timing import Timing

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Courier"]

_AFTER_A_BUG_S = 1.0
_log = logging.getLogger("balancer.notify")


class Courier:
    """Tells one channel. Lives in the notifier's event loop; `status` may be asked from anywhere.

    Args:
        channel: to tell.
        timing: how fast, how often.
        service, link: see `Message`.
        hear: is told what became of each story. Must return at once, and not raise.
    """

    def __init__(
        self,
        channel: Channel,
        timing: Timing,
        service: str,
        link: str,
        hear: Callable[[Delivery], object],
    ) -> None:
        self.channel = channel
        self._timing = timing
        self._service = service
        self._link = link
        self._hear = hear
        self._backlog = Backlog(timing)
        self._under_way = 0
        self._retried: Message | None = None
        self._failures = 0
        self._rest_until_s = 0.0
        self._messages = self._notices = self._attempts = self._failed = self._dropped = 0
        self._problem = ""
        self._last_sent_at: float | None = None
        self._news = asyncio.Event()
        self._ends_at_s: float | None = None

    @property
    def status(self) -> ChannelStatus:
        """How it fares."""
        return ChannelStatus(
            name=self.channel.name,
            kind=self.channel.kind,
            messages=self._messages,
            notices=self._notices,
            waiting=len(self._backlog) + self._under_way,
            attempts=self._attempts,
            failed=self._failed,
            dropped=self._dropped,
            problem=self._problem,
            last_sent_at=self._last_sent_at,
        )

    def take(self, notice: Notice) -> None:
        """Let a notice wait its turn."""
        if not self._backlog.add(notice):
            self._dropped += 1
        self._news.set()

    def end(self, within_s: float) -> None:
        """Tell what waits now, whatever the bounds, for at most so long; then be done."""
        self._ends_at_s = time.monotonic() + within_s
        self._news.set()

    async def run(self, session: aiohttp.ClientSession) -> None:
        """Serve until the end."""
        self._news = asyncio.Event()
        try:
            while not await self._serve(session):
                pass
        finally:
            # What is left would have had to wait for longer than there is time.
            self._failed += len(self._backlog)
            self._over(self._backlog.take(), None, self._problem or "it had to wait, until the end")

    async def _serve(self, session: aiohttp.ClientSession) -> bool:
        """Serve; whether that is over, or came to grief."""
        try:
            while True:
                self._news.clear()
                wait_s = self._wait_s()
                if wait_s == 0.0:
                    await self._tell(session)
                elif wait_s is None and self._ends_at_s is not None:
                    return True
                else:
                    await self._sleep(wait_s)
        except Exception:  # noqa: BLE001 - a channel that dies in silence would not be missed
            _log.exception("%s: a message could not be told", self.channel.name)
            await asyncio.sleep(_AFTER_A_BUG_S)
            return False

    def _wait_s(self) -> float | None:
        now_s = time.monotonic()
        due_s = self._backlog.due_s(now_s)
        rest_s = max(0.0, self._rest_until_s - now_s)
        if due_s is None:
            return None
        if self._ends_at_s is not None:
            # A channel that asked for a pause gets it, in the end too.
            if now_s + rest_s >= self._ends_at_s:
                return None
            due_s = 0.0
        return max(due_s, rest_s)

    async def _sleep(self, wait_s: float | None) -> None:
        try:
            async with asyncio.timeout(wait_s):
                await self._news.wait()
        except TimeoutError:
            return

    async def _tell(self, session: aiohttp.ClientSession) -> None:
        from .post import post

        stories = self._backlog.take()
        message = self._message(stories)
        self._under_way = message.stands_for
        self._attempts += 1
        try:
            answer = await post(session, self.channel, message)
        except asyncio.CancelledError:
            self._failed += message.stands_for
            self._over(stories, None, "no answer, until the end")
            raise
        finally:
            self._under_way = 0
        if answer.ok:
            self._told(stories, message)
        else:
            self._missed(stories, message, answer)

    def _message(self, stories: tuple[Told, ...]) -> Message:
        # With nothing new in it, it is the same message, and a receiver may know it by its id.
        if self._retried is not None and self._retried.stories == stories:
            return self._retried
        return Message(id=uuid.uuid4().hex, stories=stories, service=self._service, link=self._link)

    def _told(self, stories: tuple[Told, ...], message: Message) -> None:
        self._backlog.sent(stories, time.monotonic())
        self._messages += 1
        self._notices += message.stands_for
        self._last_sent_at = time.time()
        self._over(stories, self._last_sent_at)
        self._retried = None
        if self._problem:
            _log.info("%s takes messages again", self.channel.name)
        self._problem, self._failures, self._rest_until_s = "", 0, 0.0

    def _missed(self, stories: tuple[Told, ...], message: Message, answer: Answer) -> None:
        if not self._problem:
            end = "it is tried again" if answer.again else "it is not tried again"
            _log.warning("%s %s; %s", self.channel.name, answer.problem, end)
        self._problem = answer.problem
        self._failures += 1
        rest_s = pause_s(self._failures, answer.after_s, self._timing, random.random())  # noqa: S311
        newest = max(story.notice.at for story in stories)
        if answer.again and time.time() - newest < self._timing.patience_s:
            self._backlog.put_back(stories)
            self._retried = message
        else:
            self._failed += message.stands_for
            self._over(stories, None, answer.problem)
            self._retried = None
            if answer.again:
                _log.warning("%s: a message was given up", self.channel.name)
            else:
                rest_s = 0.0
        self._rest_until_s = time.monotonic() + rest_s

    def _over(self, stories: tuple[Told, ...], told_at: float | None, problem: str = "") -> None:
        for delivery in deliveries(self.channel.name, stories, told_at, problem):
            self._hear(delivery)
