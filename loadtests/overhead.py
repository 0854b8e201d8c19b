"""What playing in wall time costs in accuracy: the clients' overhead, and how late they were.

Overhead is what a request took beyond the fate the mock dealt it: the client, the service, the
network and both their queues for a processor. At speed K a millisecond of it is K of the
scenario's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .player import Lag, lag
from .rows import ANSWER, Fate, Request

__all__ = ["Overhead", "overhead"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overhead:
    """In scenario seconds; NaN of no request.

    Attributes:
        p50_s, p95_s: of requests that were answered at the first attempt.
        sent_late: how late requests were sent.
        call_s: of a call that is answered at once, measured before second 0.
    """

    p50_s: float
    p95_s: float
    sent_late: Lag
    call_s: float

    def plain(self) -> dict[str, Any]:
        """As values that JSON can hold."""
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in {
                "overhead_p50_s": self.p50_s,
                "overhead_p95_s": self.p95_s,
                "call_s": self.call_s,
                **{f"sent_late_{name}": value for name, value in asdict(self.sent_late).items()},
            }.items()
        }


def overhead(
    requests: Sequence[Request], fates: Sequence[Fate], *, call_wall_s: float, speed: float
) -> Overhead:
    """Measure it.

    Args:
        requests, fates: of a live run.
        call_wall_s: wall seconds of a call that is answered at once.
        speed: scenario seconds in a wall second.
    """
    dealt: dict[int, list[Fate]] = {}
    for fate in fates:
        dealt.setdefault(fate.request, []).append(fate)
    answered = [
        (request, dealt[request.request])
        for request in requests
        if request.outcome == ANSWER and request.request in dealt
    ]
    beyond = sorted(
        request.ended_s - request.sent_s - only[0].duration_s
        for request, only in answered
        if len(only) == 1 and not only[0].failure
    )
    last = len(beyond) - 1
    return Overhead(
        p50_s=beyond[last // 2] if beyond else math.nan,
        p95_s=beyond[math.ceil(last * 0.95)] if beyond else math.nan,
        sent_late=lag(requests),
        call_s=call_wall_s * speed,
    )
