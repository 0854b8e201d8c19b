"""What callers append between two ticks: calls in flight and how they end, requests under way and
how those end.
"""

from __future__ import annotations

from typing import Protocol

from ..core.decisions import Plan
from ..core.modes import Mode, Priority
from ..core.observations import ILLNESSES

__all__ = [
    "ABANDONED",
    "ADMITTED",
    "ANSWER",
    "CALL",
    "DOWNGRADED",
    "FAILED",
    "FALLBACK",
    "REROUTED",
    "SHED",
    "STARTED",
    "UNJUDGED",
    "UNPRICED",
    "UNTIMED",
    "WITHDRAWN",
    "Call",
    "Done",
    "Ended",
    "Flight",
    "Over",
    "Place",
    "UnderWay",
]

CALL, ADMITTED, SHED, STARTED, FALLBACK, REROUTED, DOWNGRADED, WITHDRAWN = range(8)
"""First item of what is appended to `Recorder.begun`:

    (CALL, priority, place)      a request that is offered, admitted and started at once
    (ADMITTED, priority)         a request that is offered and admitted
    (SHED, priority, fell_back)  one that is offered and shed, with a static answer or without
    (STARTED, place)             an attempt that starts
    (FALLBACK, priority)         a failed request that got the static answer
    (REROUTED, place)            an answer of another model than the one called
    (DOWNGRADED, place)          an answer in another tier than it was sent in
    (WITHDRAWN, place)           an attempt that had started, of which nothing was sent
"""

ANSWER = -1
ABANDONED = -2
UNTIMED = -3
"""Outcomes beside the indices of `FAILURES`. An untimed one is over, and how long it took says
nothing.
"""

FAILED = 0
"""Outcome of a request that is given up, where an attempt has an index of `FAILURES`."""

UNJUDGED = ILLNESSES
"""Outcome of a request that ended by another's fault than the upstream's, as the kinds from here
on are of an attempt."""

UNPRICED = -1
"""Cost of an attempt that is still to be computed from its usage."""

Place = tuple[Mode, str]
"""Mode and model that an attempt is charged to."""

Ended = tuple["Flight", float, int, int, int, int, int, float | None, int]
"""A finished attempt: flight, raw end, outcome, prompt, cached, output and thinking tokens,
seconds of raw clock to its first token or None, nano-dollars or `UNPRICED`."""

Over = tuple[Mode, int, int, str | None]
"""An admitted request that is over: its plan's mode, nano-dollars and tokens (prompt, output and
thinking) of all its attempts, and its session."""


class UnderWay:
    """A request that has begun and not ended; a plain call stands for its own.

    Attributes:
        mode: of its plan.
        since: raw clock when its first attempt started.
        aged: as of a flight.
        priority: of the request.
        begun, over: whether it was counted as that; the recorder's own.
    """

    __slots__ = ("aged", "begun", "mode", "over", "priority", "since")

    def __init__(self, mode: Mode, since: float, priority: int) -> None:
        self.mode = mode
        self.since = since
        self.aged: float | None = None
        self.priority = priority
        self.begun = self.over = False


Done = tuple[UnderWay, float, int]
"""A request that is over: raw end, and `ANSWER`, `FAILED`, `UNJUDGED` or `ABANDONED`."""


class Flight(Protocol):
    """A call in flight."""

    @property
    def alone(self) -> bool:
        """It is all there is of its request."""

    @property
    def flex(self) -> bool:
        """It was sent as flex: how long it takes says nothing."""

    @property
    def place(self) -> Place:
        """What it is charged to."""

    @property
    def since(self) -> float:
        """Raw clock when its request's first attempt started; later by as long as its caller was
        what was waited for.
        """

    @property
    def aged(self) -> float | None:
        """Its age on the raw clock while its caller is what is waited for; None otherwise."""

    @property
    def began(self) -> float:
        """Raw clock when this attempt started."""

    @property
    def priority(self) -> int:
        """Priority of its request."""


class Call:
    """A plain call, between `Balancer.begin` and `Balancer.finish`.

    Attributes:
        plan: how it is to be made; when `plan.admitted` is False it is shed, and there is
            nothing to finish.
        alone: it is a request by itself.
        aged: nobody waits for its caller.
        flex: it was sent as flex, of which a plain call knows nothing.
        place: mode and model it is charged to.
        since: raw clock when it began.
        priority: of the request.
    """

    # Without a constructor, which would cost a third of the hot path.
    __slots__ = ("place", "plan", "priority", "since")

    alone = True
    aged: float | None = None
    plan: Plan
    place: Place
    since: float
    priority: Priority

    flex = False

    @property
    def admitted(self) -> bool:
        """False when it is shed."""
        return self.plan.admitted

    @property
    def model(self) -> str:
        """The model to call."""
        return self.place[1]

    @property
    def began(self) -> float:
        """Raw clock when the attempt began: a plain call is one attempt."""
        return self.since
