"""Plays arrivals at their exact times, whatever becomes of earlier ones: an open loop.

Users of a closed loop wait for their answer before they ask again, so a slow service gets
less load and looks better than it is (coordinated omission). Here every request starts when
the scenario says so; how late it really started is measured and reported as lag.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

from .rows import FAILED, Request
from .traffic import Planned

__all__ = ["Lag", "Player", "Sent", "WallClock", "lag"]

_LONGEST_NAP_S = 1.0


class Sent(NamedTuple):
    """What came of sending a request: outcome as in `Request`, HTTP status or 0."""

    outcome: str
    status: int


class WallClock(Protocol):
    """What a player asks of its clock, such as `balancer.runtime.clock.Clock`."""

    def now_s(self) -> float:
        """Scenario seconds; negative before second 0."""

    def wall_s(self, seconds: float) -> float:
        """Wall seconds of so many scenario seconds."""


class Player:
    """Sends requests on time.

    Args:
        requests: by arrival.
        send: sends one and waits for its end.
        note: takes the row of each request that is over.
        clock: whose second 0 is that of the scenario.
        spawn: runs a function beside the caller, such as `gevent.spawn`.
        sleep: waits wall seconds, such as `gevent.sleep`.
        places: most requests under way at once; the others wait for a place, first come first
            served. None is no bound.
        patience_s: scenario seconds after its arrival at which one that still waits gives up.

    Attributes:
        under_way: requests sent and not over.
        finished: whether all are over.
    """

    __slots__ = (
        "_clock",
        "_note",
        "_patience_s",
        "_places",
        "_requests",
        "_send",
        "_sleep",
        "_spawn",
        "_waiting",
        "finished",
        "under_way",
    )

    def __init__(
        self,
        requests: Sequence[Planned],
        *,
        send: Callable[[Planned], Sent],
        note: Callable[[Request], None],
        clock: WallClock,
        spawn: Callable[[Callable[[Planned], None], Planned], object],
        sleep: Callable[[float], object],
        places: int | None = None,
        patience_s: float = math.inf,
    ) -> None:
        self._requests = requests
        self._send = send
        self._note = note
        self._clock = clock
        self._spawn = spawn
        self._sleep = sleep
        self._places = math.inf if places is None else places
        self._patience_s = patience_s
        self._waiting: deque[Planned] = deque()
        self.under_way = 0
        self.finished = False

    def play(self, *, patience_s: float, stopped: Callable[[], bool] = bool) -> None:
        """Send everything, then wait until all is over.

        Args:
            patience_s: scenario seconds after the last arrival after which what is still
                under way is left alone.
            stopped: whether to send nothing more; asked before every request.
        """
        for planned in self._requests:
            if stopped() or not self._wait_until(planned.at_s, stopped):
                break
            self._waiting.append(planned)
            self._start_waiting(planned.at_s)
        last_s = self._clock.now_s() + patience_s
        while (self.under_way or self._waiting) and self._clock.now_s() < last_s:
            self._sleep(0.01)
        self.finished = True

    def _wait_until(self, at_s: float, stopped: Callable[[], bool]) -> bool:
        while (wait_s := self._clock.wall_s(at_s - self._clock.now_s())) > 0:
            self._sleep(min(wait_s, _LONGEST_NAP_S))
            if stopped():
                return False
        return True

    def _start_waiting(self, due_s: float) -> None:
        """Start those for whom there is a place, which came free at a moment."""
        while self._waiting and self.under_way < self._places:
            planned = self._waiting.popleft()
            gives_up_s = planned.at_s + self._patience_s
            if due_s >= gives_up_s:
                row = Request(planned.number, gives_up_s, gives_up_s, gives_up_s, FAILED, 0)
                self._note(row)
                continue
            self.under_way += 1
            self._spawn(partial(self._one, due_s=max(due_s, planned.at_s)), planned)

    def _one(self, planned: Planned, due_s: float) -> None:
        sent_s = self._clock.now_s()
        outcome, status = FAILED, 0
        try:
            outcome, status = self._send(planned)
        finally:
            self.under_way -= 1
            ended_s = self._clock.now_s()
            self._note(Request(planned.number, due_s, sent_s, ended_s, outcome, status))
            self._start_waiting(ended_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """How late requests were sent, in scenario seconds; NaN of none.

    Attributes:
        p50_s, p95_s, max_s: of all requests.
    """

    p50_s: float
    p95_s: float
    max_s: float


def lag(requests: Iterable[Request]) -> Lag:
    """How late requests were sent."""
    late = sorted(max(request.sent_s - request.at_s, 0.0) for request in requests)
    if not late:
        return Lag(p50_s=math.nan, p95_s=math.nan, max_s=math.nan)
    last = len(late) - 1
    return Lag(p50_s=late[last // 2], p95_s=late[math.ceil(last * 0.95)], max_s=late[-1])
