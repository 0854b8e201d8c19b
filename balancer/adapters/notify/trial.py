"""Tries every channel once, and says what came of it."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from balancer.installation import require

from .answers import Answer
from .channels import Channel
from .notice import Message, Told
from .words import trial_notice

__all__ = ["Trial", "try_channels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of one channel.

    Attributes:
        channel: that was tried.
        ok: it took the message.
        problem: why not, or "".
        seconds: that it took.
    """

    channel: Channel
    ok: bool
    problem: str
    seconds: float


def try_channels(
    channels: Sequence[Channel], *, service: str, link: str = "", timeout_s: float = 10.0
) -> tuple[Trial, ...]:
    """Send a test notice to each channel, at the same time and without a second try. Blocks.

    Args:
        channels: to try.
        service: name of the application.
        link: where to look, or "".
        timeout_s: most that each may take.

    Raises:
        InputError: the extra `notify` is not installed.
    """
    require(packages=(), extras=("notify",))
    return asyncio.run(_try_all(channels, service, link, timeout_s))


async def _try_all(
    channels: Sequence[Channel], service: str, link: str, timeout_s: float
) -> tuple[Trial, ...]:
    from .post import new_session, post

    notice = trial_notice(service)
    async with new_session(timeout_s) as session:

        async def attempt(channel: Channel) -> Trial:
            message = Message(
                id=uuid.uuid4().hex,
                stories=(Told(notice=notice, since=notice.at),),
                service=service,
                link=link,
            )
            began_s = time.monotonic()
            answer: Answer = await post(session, channel, message)
            return Trial(
                channel=channel,
                ok=answer.ok,
                problem=answer.problem,
                seconds=time.monotonic() - began_s,
            )

        return tuple(await asyncio.gather(*(attempt(channel) for channel in channels)))
