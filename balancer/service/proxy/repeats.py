"""Calls that a client repeats by itself, after every attempt of ours has failed.

Clients retry on the status alone: of those tried (docs/reference/clients.md) only OpenAI's own is
stopped by a header, and none of generateContent's waits for one. Each repeat would get all attempts
of the plan again: three times four calls for one request, from an upstream that is down. A strategy
that says how often is retried speaks for its clients' retries too, so a repeat is answered from
the failure at once: for a few seconds, a few times, in the same mode, and only while the upstream
has answered nobody since. Whoever comes after that is served as a new request.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING

from ...core.modes import Mode
from .answers import REPEAT_HEADER, Reply
from .apis import CHAT
from .reading import Call

if TYPE_CHECKING:
    from ...runtime.requests import Request

__all__ = ["Repeats"]

_LEAST_S, _MOST_S = 10.0, 60.0
"""Scenario seconds that a failure stands for its repeats: three attempts of google-genai are made
within five seconds, and longer where a 429 asks for longer.
"""
_MOST_REPEATS = 4
"""For each failure: google-genai makes five attempts unless it is told otherwise. So where all
callers ask the same, a fifth of them is still tried.
"""
_REPEATED = (408, 429, 500, 502, 503, 504)
"""Statuses on which Google's clients try again."""
_MOST_KEPT = 1_000
_LARGEST = 1 << 14
"""Bytes of an error that is kept."""
_NO_RETRY = (b"x-should-retry", b"false")
_MARKS = (
    b"x-goog-api-key", b"authorization", b"x-open-balancer-key", b"x-open-balancer-request",
    b"x-server-timeout",
)  # fmt: skip
"""Headers that say who asks, and until when."""


@dataclass(slots=True)
class _Failure:
    """How a call failed, until when its repeats get the same, and how many still do."""

    reply: Reply
    until_s: float
    left: int


class Repeats:
    """The calls that failed last; used from one event loop.

    Args:
        now_s: scenario seconds.
        speed: scenario seconds in a wall second.
    """

    __slots__ = ("_kept", "_now_s", "_speed")

    def __init__(self, now_s: Callable[[], float], speed: float) -> None:
        self._now_s = now_s
        self._speed = speed
        self._kept: OrderedDict[bytes, _Failure] = OrderedDict()

    def failure(self, call: Call, mode: Mode) -> Reply | None:
        """What a repeat is answered with; None for a call that is none.

        Args:
            call: as it came.
            mode: in force.
        """
        if not self._kept:
            return None
        mark = _mark(call, mode)
        found = self._kept.get(mark)
        if found is None:
            return None
        left_s = found.until_s - self._now_s()
        if left_s <= 0 or found.left == 0:
            del self._kept[mark]
            return None
        found.left -= 1
        return self._asking_to_wait(call, found.reply, left_s)

    def over(self, call: Call, mode: Mode, request: Request, reply: Reply) -> Reply:
        """A call is over: the reply for its caller, who is asked to wait where it failed.

        Args:
            call: as it came.
            mode: that was in force when it came.
            request: made of it.
            reply: whole.
        """
        if request.answered:
            self.answered()
            return reply
        last = request.last
        ours = request.enforced and request.plan.strategy.retries is not None
        if not ours or last is None or reply.refusal or reply.status not in _REPEATED:
            return reply
        if last.kind == "rejected":
            return reply  # its own deadline was too short: that was not tried again, so it may
        wait_s = min(_MOST_S, max(_LEAST_S, last.retry_after_s))
        if len(reply.body) <= _LARGEST:
            mark = _mark(call, mode)
            self._kept[mark] = _Failure(reply, self._now_s() + wait_s, _MOST_REPEATS)
            self._kept.move_to_end(mark)
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return self._asking_to_wait(call, reply, wait_s, repeat=False)

    def answered(self) -> None:
        """The upstream answered somebody, so that whoever asks again may get an answer too."""
        self._kept.clear()

    def _asking_to_wait(
        self, call: Call, reply: Reply, wait_s: float, *, repeat: bool = True
    ) -> Reply:
        headers = list(reply.headers)
        # It would wait as long as is said, and then have all attempts made again.
        if call.target.api is CHAT and not any(name == _NO_RETRY[0] for name, _ in headers):
            headers.append(_NO_RETRY)
        # The upstream's own stays.
        if not any(name == b"retry-after" for name, _ in headers):
            headers.append((b"retry-after", b"%d" % math.ceil(wait_s / self._speed)))
        if repeat:
            headers.append((REPEAT_HEADER, b"true"))
        return replace(reply, headers=headers)


def _mark(call: Call, mode: Mode) -> bytes:
    """The same for the same call of the same caller, in the same mode."""
    target = call.target
    found = blake2b(digest_size=16)
    for part in (
        mode.label.encode(),
        repr(target).encode(),
        call.priority.label.encode(),
        call.query,
        *(name + b":" + value for name, value in call.headers if name in _MARKS),
        call.raw,
    ):
        found.update(b"%d:" % len(part))
        found.update(part)
    return found.digest()
