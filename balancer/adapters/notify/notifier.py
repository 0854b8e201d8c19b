"""Tells channels of notices, from a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Self

from balancer.core.errors import MisuseError
from balancer.installation import require
from balancer.runtime.forks import watch

from .channels import Channel
from .courier import Courier
from .delivery import Delivery
from .following import follow
from .notice import LEVELS, Level, Notice
from .settings import NotifySettings
from .status import NotifierStatus
from .story_filter import StoryFilter
from .timing import Timing

if TYPE_CHECKING:
    from collections.abc import Callable

    from balancer.runtime.balancer import Balancer

__all__ = ["Notifier"]

MOST_WAITING = 256
_log = logging.getLogger("balancer.notify")


class Notifier:
    """Tells Slack, Teams and webhooks of notices.

    `tell` returns at once and never raises, whatever the channels do. What does not fit is
    dropped and counted, see `status`. The thread starts with the first notice; it is a daemon,
    so whoever wants the last notices told calls `close`, or uses a `with` block.

    Args:
        channels: where to.
        level: the least that is told. Ends of stories are told when any of the story was.
        service: name of the application, for the messages.
        link: where to look, for the messages; "" for none.
        timing: how fast messages may follow each other, and how long a channel is tried.
        hear: is told what became of each story at each channel, on the notifier's thread. Must
            return at once, and not raise.

    Raises:
        InputError: there are channels, and the extra `notify` is not installed.
        MisuseError: an unknown level.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        *,
        level: Level = "info",
        service: str = "open-balancer",
        link: str = "",
        timing: Timing | None = None,
        hear: Callable[[Delivery], object] = lambda _: None,
    ) -> None:
        if level not in LEVELS:
            raise MisuseError(f"level is {level!r}; expected one of {', '.join(LEVELS)}")
        self.service = service
        self._level = level
        self._channels = tuple(channels)
        self._timing = Timing() if timing is None else timing
        self._link = link
        self._hear = hear
        self._followed: list[Callable[[], None]] = []
        if self._channels:
            require(packages=(), extras=("notify",))
            # Here and not with the first notice: there is trouble enough then.
            import_module(".post", __package__)
        self._begin()
        watch(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._inbox: deque[Notice] = deque()
        self._dropped = self._below = 0
        self._filter = StoryFilter(self._level)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        self._ends_in_s: float | None = None
        self._couriers = tuple(
            Courier(channel, self._timing, self.service, self._link, self._hear)
            for channel in self._channels
        )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Notifier:
        """A notifier as the environment says; without channels, it tells nobody.

        Raises:
            InputError: a variable that cannot be used.
        """
        return cls.of(NotifySettings.from_environment(environment))

    @classmethod
    def of(
        cls, settings: NotifySettings, hear: Callable[[Delivery], object] = lambda _: None
    ) -> Notifier:
        """A notifier as settings say."""
        return cls(
            settings.channels,
            level=settings.level,
            service=settings.service,
            link=settings.link,
            timing=Timing(per_window=settings.per_minute),
            hear=hear,
        )

    # --- telling ------------------------------------------------------------------------

    def tell(self, notice: Notice) -> None:
        """Let everybody know, as soon as the bounds allow. Returns at once, never raises."""
        try:
            with self._lock:
                if not self._couriers:
                    return
                if self._ends_in_s is not None or len(self._inbox) >= MOST_WAITING:
                    self._dropped += 1
                    return
                self._inbox.append(notice)
                self._wake()
        except Exception:  # noqa: BLE001 - who tells must go on, whatever this is
            _log.exception("a notice could not be taken")

    def _wake(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(
                target=self._run, name="open-balancer-notify", daemon=True
            )
            self._thread.start()
        else:
            self._nudge()

    def _nudge(self) -> None:
        # Until the loop is there, it has yet to look into the inbox; once it is closed, the
        # next notice starts another thread.
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._news.set)

    def attach(self, balancer: Balancer) -> Callable[[], None]:
        """Tell of a balancer's changes of mode, and of incidents (opened when hard or emergency
        is reached, closed when normal is back).

        Returns:
            A function that ends this; `close` does too.
        """
        end = follow(balancer, self.tell, self.service)
        self._followed.append(end)
        return end

    def status(self) -> NotifierStatus:
        """How it fares."""
        thread = self._thread
        return NotifierStatus(
            channels=tuple(courier.status for courier in self._couriers),
            level=self._level,
            below=self._below,
            waiting=len(self._inbox),
            dropped=self._dropped,
            running=thread is not None and thread.is_alive(),
        )

    def close(self, timeout_s: float = 5.0) -> None:
        """Tell what waits, for at most so long, and end. What comes later is dropped.

        What waited for a bound goes out as one more message to each channel.
        """
        while self._followed:
            self._followed.pop()()
        with self._lock:
            thread = self._thread
            if self._ends_in_s is None:
                self._ends_in_s = timeout_s
                self._nudge()
        if thread is not None and thread is not threading.current_thread():
            # The thread keeps the time; the rest is for it to let go of what hangs.
            thread.join(timeout_s + 1.0)

    def __enter__(self) -> Self:
        """See `close`."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """See `close`."""
        self.close()

    # --- the thread ---------------------------------------------------------------------

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception:  # noqa: BLE001 - the next notice starts another
            _log.exception("the notifier stopped; it starts again with the next notice")
        finally:
            self._loop = None

    async def _serve(self) -> None:
        from .post import new_session

        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        async with new_session(self._timing.timeout_s) as session:
            tasks = [asyncio.create_task(courier.run(session)) for courier in self._couriers]
            try:
                self._hand_out()
                while self._ends_in_s is None:
                    await self._news.wait()
                    self._news.clear()
                    self._hand_out()
                await self._finish(tasks, self._ends_in_s)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def _hand_out(self) -> None:
        while self._inbox:
            notice = self._inbox.popleft()
            try:
                if self._filter.passes(notice):
                    for courier in self._couriers:
                        courier.take(notice)
                else:
                    self._below += 1
            except Exception:  # noqa: BLE001 - the others are told all the same
                _log.exception("a notice could not be told")
                with self._lock:
                    self._dropped += 1

    async def _finish(self, tasks: list[asyncio.Task[None]], within_s: float) -> None:
        began_s = time.monotonic()
        self._hand_out()
        for courier in self._couriers:
            courier.end(within_s)
        await asyncio.wait(tasks, timeout=max(0.0, within_s - (time.monotonic() - began_s)))

    # --- forks: the child has no thread, and what waits is the parent's -------------------

    def before_fork(self) -> None:
        """In the parent, before."""
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        """In the parent, after."""
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """In the child: begin anew."""
        self._begin()
