"""What requests really got over time, whatever mode a law says it is in.

A law that blends modes is in the mode that most requests get, and may call itself normal while
it serves a part of them in soft. Expectations are about users, so they ask what was served:

- *Worst*: the worst mode that any request is given, or the mode the law is in, if that is
  worse (a mode that refuses everybody serves nothing). A probe round is served below the mode
  and never makes it worse.
- *Back*: at least nine of ten requests of every priority are admitted and served in normal.
  The tenth is what the ladder's own probe rounds may take at most; a law that wobbles by less,
  or keeps less than that in another mode, is as good as back.

- *Left*: at some time it was not back. Who never was has nothing to recover from.

- *Beside*: the mildest mode, other than the one in force, in which a share of the requests is
  served: what is tried, or blended in. A timeline outlines it.

A run starts in normal, and back. A change counts from the second at which it governs new
requests.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from balancer.core.decisions import Decision
from balancer.core.modes import MODES, PRIORITIES, Mode

__all__ = [
    "BACK",
    "Serving",
    "back_after_s",
    "beside",
    "fleet_mode",
    "left_normal",
    "serving",
    "worst_served",
]

BACK = 0.9
"""Share of the requests, of every priority, that is served in normal when a law is back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What requests get from a second on.

    Attributes:
        at_s: second of the run.
        worst: the worst mode that any of them gets, or the law is in.
        back: whether nine of ten of them are admitted and served in normal.
        beside: the mildest mode other than the one in force that some of them get; None: none do.
    """

    at_s: float
    worst: Mode
    back: bool
    beside: Mode | None = None

    def is_like(self, other: Serving) -> bool:
        """Whether requests get the same, from whatever second on."""
        return (self.worst, self.back, self.beside) == (other.worst, other.back, other.beside)


def fleet_mode(decisions: Sequence[Decision]) -> Mode:
    """The worst mode that at least half of the replicas are in."""
    return sorted(decision.mode for decision in decisions)[len(decisions) // 2]


def serving(at_s: float, decisions: Sequence[Decision]) -> Serving:
    """What decisions, one of each replica, give to the requests they govern from a second on.

    Replicas get equal shares of the traffic.
    """
    served = [
        mode
        for mode in MODES
        if any(mix[mode] > 0.0 for decision in decisions for mix in decision.mixes)
    ]
    in_force = fleet_mode(decisions)
    worst = max(*(decision.mode for decision in decisions), *served)
    full = (
        sum(each.admit[priority] * each.mixes[priority][Mode.NORMAL] for each in decisions)
        for priority in PRIORITIES
    )
    return Serving(
        at_s=at_s,
        worst=worst,
        back=min(full) >= BACK * len(decisions),
        beside=next((mode for mode in served if mode is not in_force), None),
    )


def worst_served(changes: Sequence[Serving]) -> Mode:
    """The worst of the run."""
    return max((change.worst for change in changes), default=Mode.NORMAL)


def back_after_s(changes: Sequence[Serving], from_s: float, until_s: float) -> float:
    """Seconds from `from_s` until it was back and stayed so up to `until_s`.

    A return that is followed by a relapse is no recovery, which is why the last return
    counts and not the first; infinite when it is not back at `until_s`.
    """
    back, since_s = True, 0.0
    for change in changes:
        if change.at_s > until_s:
            break
        if change.back and not back:
            since_s = change.at_s
        back = change.back
    return max(0.0, since_s - from_s) if back else math.inf


def left_normal(changes: Sequence[Serving], from_s: float, until_s: float) -> bool:
    """Whether it was not back at some time from `from_s` to `until_s`, at its start included."""
    left = False
    for change in changes:
        if change.at_s > until_s:
            break
        left = not change.back or (left and change.at_s > from_s)
    return left


def beside(changes: Sequence[Serving], until_s: float) -> Iterator[tuple[float, float, Mode]]:
    """When another mode was served beside the one in force: from and to, in seconds, and which.

    Args:
        changes: in order.
        until_s: end of the last stretch, if it has none.
    """
    since_s, mode = 0.0, None
    for at_s, now in (*((each.at_s, each.beside) for each in changes), (until_s, None)):
        if now is not mode:
            if mode is not None and since_s < at_s:
                yield since_s, at_s, mode
            since_s, mode = at_s, now
